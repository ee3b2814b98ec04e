//! Hourly rows from a tracker: what both following and replaying write, so that both leave the same.

mod told;

use std::collections::BTreeMap;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::{CampaignId, PoolId};
use accrual_rewards::series::{AccountHour, CampaignPoint, Hours, PoolPoint, boundaries};
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::UnixSeconds;

use crate::rebuild::{RebuildError, fingerprint};
use crate::series::{self, AccountPointRow, CampaignPointRow, PoolPointRow, SeriesRows};
use crate::{Checkpoint, Db, StoreError, account_days, checkpoints, events};
use told::Told;

/// Raised when the layout of the rows changes, so that older ones are made again.
const LAYOUT: u32 = 2;

/// Makes a pool's rows as its events are folded in.
#[derive(Debug, Clone)]
pub struct Recorder {
    fingerprint: String,
    written: Option<UnixSeconds>,
    told: BTreeMap<CampaignId, Told>,
    hours: Hours,
    rows: SeriesRows,
}

impl Recorder {
    /// Takes up where the stored rows end; `None` when they were made with other settings, or never.
    ///
    /// # Errors
    /// The database's own.
    pub async fn load(db: &Db, pool: &Pool, campaigns: &[Campaign]) -> Result<Option<Self>, StoreError> {
        let mut recorder = Self::new(pool, campaigns);
        match series::get(db, &pool.id).await? {
            Some(row) if row.fingerprint == recorder.fingerprint => recorder.written = row.at,
            Some(_) => return Ok(None),
            None if checkpoints::get(db, &pool.id).await?.is_some() => return Ok(None),
            None => {}
        }
        for campaign in campaigns.iter().filter(|campaign| campaign.pool == pool.id) {
            let told = recorder.told.entry(campaign.id.clone()).or_default();
            for (account, row) in account_days::all_at(db, &campaign.id, UnixSeconds(u64::MAX)).await? {
                told.note(AccountHour { account, earned: row.earned, has_stake: row.has_stake });
            }
            told.begin_anew();
        }
        Ok(Some(recorder))
    }

    /// Before the first row.
    pub fn new(pool: &Pool, campaigns: &[Campaign]) -> Self {
        Self {
            fingerprint: format!("{LAYOUT}:{}", fingerprint(pool, campaigns)),
            written: None,
            told: BTreeMap::new(),
            hours: Hours::default(),
            rows: SeriesRows::default(),
        }
    }

    /// What made the rows, beside the events.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Makes the rows of the full hours that lie before `at`, the time of an event or block that follows all that
    /// `tracker` has folded in. An hour of the time `at` itself must wait: more may come in a block of that time.
    pub fn reach(&mut self, tracker: &PoolTracker, at: UnixSeconds) {
        let after = tracker.last_at().map(|last| match self.written {
            Some(written) => last.max(UnixSeconds(written.0 + 1)),
            None => last,
        });
        for hour in boundaries(after, at) {
            let Self { told, rows, .. } = self;
            let points = self.hours.tell(tracker, hour, |campaign, account| {
                // By campaign, so that the id is not made anew for each account.
                let told = match told.get_mut(campaign) {
                    Some(told) => told,
                    None => told.entry(campaign.clone()).or_default(),
                };
                if told.note(account) {
                    let AccountHour { account, earned, has_stake } = account;
                    let campaign = campaign.clone();
                    rows.accounts.push(AccountPointRow { campaign, account, at: hour, earned, has_stake });
                }
            });
            let Some((pool, campaigns)) = points.expect("the hour is not before the newest event") else {
                return;
            };
            self.told.values_mut().for_each(Told::begin_anew);
            self.rows.pools.push(pool_row(&pool));
            self.rows.campaigns.extend(campaigns.iter().map(campaign_row));
            self.written = Some(hour);
        }
    }

    /// The rows that were made since they were last taken.
    pub fn take(&mut self) -> SeriesRows {
        std::mem::take(&mut self.rows)
    }
}

fn pool_row(point: &PoolPoint) -> PoolPointRow {
    PoolPointRow { at: point.at, block_number: point.block_number, body: json(point) }
}

fn campaign_row(point: &CampaignPoint) -> CampaignPointRow {
    CampaignPointRow { campaign: point.campaign.clone(), at: point.at, body: json(point) }
}

fn json(point: &impl serde::Serialize) -> String {
    serde_json::to_string(point).expect("a point is plain data")
}

/// Makes a pool's rows again from its stored events, up to its checkpoint, and answers who goes on from there.
///
/// While it runs the rows do not count as whole, and if it is stopped they are made again.
///
/// # Errors
/// The database does not answer, its events contradict each other, or blocks were taken back meanwhile; there are
/// then no rows.
pub async fn rewrite(db: &Db, pool: &Pool, campaigns: &[Campaign]) -> Result<Recorder, RebuildError> {
    series::delete_all(db, &pool.id).await?;
    let mut recorder = Recorder::new(pool, campaigns);
    let Some(checkpoint) = checkpoints::get(db, &pool.id).await? else { return Ok(recorder) };
    fold(db, pool, campaigns, &checkpoint, &mut recorder).await?;
    if rewinds(db, &pool.id).await? == Some(checkpoint.rewinds) {
        series::put(db, &pool.id, &recorder.take(), Some(&recorder.fingerprint)).await?;
        return Ok(recorder);
    }
    series::delete_all(db, &pool.id).await?;
    Err(RebuildError::Rewound { pool: pool.id.clone() })
}

async fn fold(
    db: &Db,
    pool: &Pool,
    campaigns: &[Campaign],
    checkpoint: &Checkpoint,
    recorder: &mut Recorder,
) -> Result<(), RebuildError> {
    let mut tracker = PoolTracker::new(pool.clone(), campaigns.iter().cloned());
    let mut after = None;
    loop {
        let page = events::page(db, &pool.id, after, checkpoint.number, events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.block_number);
        // No hour falls between events of one part.
        let parts = page.chunk_by(|one, next| boundaries(Some(one.block_at), next.block_at).next().is_none());
        for part in parts {
            recorder.reach(&tracker, part[0].block_at);
            tracker.apply_all(part)?;
        }
        series::put(db, &pool.id, &recorder.take(), None).await?;
    }
    recorder.reach(&tracker, checkpoint.at);
    Ok(())
}

async fn rewinds(db: &Db, pool: &PoolId) -> Result<Option<u64>, StoreError> {
    Ok(checkpoints::get(db, pool).await?.map(|checkpoint| checkpoint.rewinds))
}
