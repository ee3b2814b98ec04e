//! Our figures against Merkl's: reads theirs, folds ours as of the same instant, compares, and keeps what came of it.
//!
//! - [`theirs`]: their side, from an API, from what was kept of one, or from published files.
//! - [`mod@fold`]: our side, by every scoring and by whatever would explain a difference, in one walk over the events.
//! - [`watch`]: the same on a schedule, beside `accrual run`.
//! - [`written`]: as a table, CSV or JSON; [`evidence`]: as one page that can be sent on.

pub(crate) mod evidence;
pub(crate) mod fold;
pub(crate) mod theirs;
pub(crate) mod watch;
pub(crate) mod written;

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::distributor::TreeEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::reconcile::beside::ChainRoots;
use accrual_rewards::reconcile::schedule::Seen;
use accrual_rewards::reconcile::{
    Answer, Bound, Comparison, Known, Margins, Ours, Question, Wanted, by_run, compare, fit, in_question,
    wanted,
};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::comparisons::{self, Kept};
use accrual_store::{Db, accounts, checkpoints, distributor};
use alloy_primitives::Address;
use anyhow::anyhow;

use crate::config::Config;
use crate::failure::Failure;
use fold::{Wish, fold};
use theirs::{Origin, TheirSide};

/// How a comparison is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) tolerance_ppm: u64,
    pub(crate) margins: Margins,
    /// The length of their runs, for scorings by run of a campaign that does not say.
    pub(crate) run_seconds: u32,
}

/// A comparison that was made and kept, with our side of it.
pub(crate) struct Made {
    pub(crate) kept: Kept,
    pub(crate) ours: Ours,
}

/// Compares `campaign` with what `from` says, and keeps the answers and the outcome. The own pages of `accounts` are read
/// too.
pub(crate) async fn make(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    (from, accounts): (&Origin, &[Address]),
    terms: Terms,
    now_ms: fn() -> u64,
) -> Result<Made, Failure> {
    let theirs = theirs::read(db, config, campaign, from, accounts, now_ms).await?;
    let (mut comparison, ours) = against(db, config, campaign, &theirs, terms).await?;
    in_runs(db, config, campaign, &theirs, &mut comparison, terms).await?;
    let now_ms = now_ms();
    let kept = Kept {
        comparison_id: format!("cmp_{}_{now_ms}", campaign.id),
        campaign: campaign.id.clone(),
        reading_id: theirs.reading_id,
        source: theirs.source,
        told_by: Some(theirs.told_by),
        at: UnixSeconds(now_ms / 1_000),
        comparison,
    };
    comparisons::keep(db, &kept).await?;
    Ok(Made { kept, ours })
}

/// Two walks over the events: one for every scoring, the other for what would explain what is left.
async fn against(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    side: &TheirSide,
    terms: Terms,
) -> Result<(Comparison, Ours), Failure> {
    let (pool, theirs) = (config.pool(campaign), &side.theirs);
    let at = as_of(campaign, theirs.computed_until);
    let checkpoint = checkpoints::get(db, &pool.id)
        .await?
        .ok_or_else(|| anyhow!("pool {} was never read: run `accrual index` first", pool.id))?;
    if at > checkpoint.at {
        return Err(anyhow!(
            "they have computed campaign {} until {}, and pool {} is read until {} (Unix seconds): run `accrual index`",
            campaign.id,
            theirs.computed_until,
            pool.id,
            checkpoint.at
        )
        .into());
    }
    let scored: Vec<(Scoring, Campaign)> = Scoring::ALL
        .into_iter()
        .filter(|scoring| *scoring != Scoring::SwapWeighted || pool.venue != Venue::Erc20)
        .map(|scoring| (scoring, scored(campaign, scoring, terms.run_seconds)))
        .collect();
    let wishes: Vec<Wish> =
        scored.iter().map(|(_, campaign)| Wish { campaign: campaign.clone(), at }).collect();
    let folded = fold(db, pool, &wishes, checkpoint.number).await?;
    let mut ours = Vec::new();
    for ((scoring, _), side) in scored.iter().zip(folded.sides) {
        match side {
            Ok(side) => ours.push((*scoring, side)),
            // A scoring that nobody configured may be missing: its fees cannot be known.
            Err(error) if *scoring != campaign.scoring => {
                tracing::info!(campaign = %campaign.id, scoring = scoring.as_str(), %error, "left out of the comparison");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let fits = fit(theirs, &ours, terms.margins, campaign.scoring);
    let accounts: BTreeSet<_> =
        ours.iter().flat_map(|(_, ours)| ours.accounts.keys()).chain(theirs.accounts.keys()).collect();
    let known = Known {
        last_trade_at: folded.last_trade_at,
        run_seconds: campaign.run_seconds.unwrap_or(terms.run_seconds),
        prices: &config.prices,
    };
    let mut asked: Vec<(Scoring, Wanted)> = Vec::new();
    let scorings = in_question(&fits, accounts.len());
    for (scoring, own) in ours.iter().filter(|(scoring, _)| scorings.contains(scoring)) {
        let by_it = self::scored(campaign, *scoring, terms.run_seconds);
        let wanted = wanted(&by_it, theirs, own, known);
        asked.extend(wanted.into_iter().filter(|one| one.at <= checkpoint.at).map(|one| (*scoring, one)));
    }
    let wishes: Vec<Wish> =
        asked.iter().map(|(_, one)| Wish { campaign: one.campaign.clone(), at: one.at }).collect();
    let folded = fold(db, pool, &wishes, checkpoint.number).await?;
    let mut answers: Vec<(Scoring, Vec<Answer>)> =
        scorings.iter().map(|scoring| (*scoring, Vec::new())).collect();
    for ((scoring, wanted), side) in asked.into_iter().zip(folded.sides) {
        let place = answers.iter_mut().find(|(one, _)| *one == scoring);
        if let (Some((_, list)), Ok(side)) = (place, side) {
            list.push(wanted.answered(&side));
        }
    }
    let contracts: BTreeMap<_, _> = accounts::all(db, config.chain.id).await?;
    let contracts: BTreeSet<_> =
        contracts.into_iter().filter(|(_, has_code)| *has_code).map(|(address, _)| address).collect();
    let mut seen = side.seen.clone();
    seen.push(Seen { until: theirs.computed_until, paid: theirs.paid });
    let chain = chain_roots(db, config.chain.id).await?;
    let comparison = compare(&Question {
        campaign,
        wrappers: &pool.wrappers,
        contracts: &contracts,
        theirs,
        ours: &ours,
        answers: &answers,
        seen: &seen,
        earlier: &side.earlier,
        beside: &side.beside,
        chain: chain.as_ref(),
        margins: terms.margins,
        tolerance_ppm: terms.tolerance_ppm,
    });
    let own = ours.into_iter().find(|(scoring, _)| *scoring == comparison.scoring);
    let (_, own) = own.expect("a comparison is by one of the scorings that were computed");
    Ok((comparison, own))
}

/// Tells of each account that differs in which runs it came to, where the ends of earlier runs are known: one more walk over the
/// events, by the scoring that was found to fit.
async fn in_runs(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    side: &TheirSide,
    comparison: &mut Comparison,
    terms: Terms,
) -> Result<(), Failure> {
    let differs = comparison.rows.iter().any(|row| row.reason.is_some());
    if side.bounds.is_empty() || !differs {
        return Ok(());
    }
    let now = side.theirs.accounts.iter().map(|(account, one)| (*account, one.computed)).collect();
    let newest = Bound { until: side.theirs.computed_until, accounts: now };
    let bounds: Vec<Bound> = side.bounds.iter().cloned().chain([newest]).collect();
    let by_it = scored(campaign, comparison.scoring, terms.run_seconds);
    let wish = |bound: &Bound| Wish { campaign: by_it.clone(), at: as_of(campaign, bound.until) };
    let wishes: Vec<Wish> = bounds.iter().map(wish).collect();
    let pool = config.pool(campaign);
    let Some(checkpoint) = checkpoints::get(db, &pool.id).await? else { return Ok(()) };
    let ours: Result<Vec<Ours>, _> =
        fold(db, pool, &wishes, checkpoint.number).await?.sides.into_iter().collect();
    // Figures of a scoring by fees may be unknown at an earlier instant: then nothing is told by run.
    let Ok(ours) = ours else { return Ok(()) };
    for row in comparison.rows.iter_mut().filter(|row| row.reason.is_some()) {
        row.runs = by_run(row.account, campaign.window.starts_at, &bounds, &ours);
    }
    Ok(())
}

/// The Distributor as far as it is stored.
async fn chain_roots(db: &Db, chain_id: u64) -> Result<Option<ChainRoots>, Failure> {
    let Some(stand) = distributor::get(db, chain_id).await? else { return Ok(None) };
    let Some((through, at)) = stand.through.zip(stand.at) else { return Ok(None) };
    let events = distributor::tree_events(db, chain_id, through.number).await?;
    let given = events.into_iter().filter_map(|placed| match placed.event {
        TreeEvent::Updated { root, .. } => Some((placed.block_at, root)),
        _ => None,
    });
    let given = given.collect();
    let trees = distributor::trees_at(db, chain_id, through.number).await?;
    Ok(Some(ChainRoots { through: through.number, at, trees, given }))
}

/// Nothing is paid after a campaign's last end, so that nothing after it needs to be read.
fn as_of(campaign: &Campaign, computed_until: UnixSeconds) -> UnixSeconds {
    let ends = campaign.versions.iter().map(|version| version.window.ends_at);
    let last = ends.fold(campaign.window.ends_at, UnixSeconds::max);
    computed_until.min(last)
}

fn scored(campaign: &Campaign, scoring: Scoring, run_seconds: u32) -> Campaign {
    Campaign { scoring, run_seconds: campaign.run_seconds.or(Some(run_seconds)), ..campaign.clone() }
}
