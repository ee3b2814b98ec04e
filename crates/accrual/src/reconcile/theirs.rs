//! Their side: from an API, from the kept answers of one, or from published reward files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use accrual_merkl::source::Answer;
use accrual_merkl::{Also, Http, MerklError, Pace, Read, Reader, Source};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::reconcile::beside::Beside;
use accrual_rewards::reconcile::files::{BYTES_MAX, FileCampaign, RewardFile};
use accrual_rewards::reconcile::schedule::Seen;
use accrual_rewards::reconcile::{Bound, Teller, TheirRow, Theirs};
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::readings::{self, AnswerRow, Reading};
use accrual_store::{Db, comparisons};
use alloy_primitives::{Address, B256};
use anyhow::{Context, anyhow};

use crate::config::Config;
use crate::failure::Failure;

/// The environment's name for a key of theirs, which no file should hold.
pub(crate) const KEY: &str = "ACCRUAL_MERKL_API_KEY";
/// A reading that broke off longer ago is begun anew: what it read has changed.
const RESUME_SECONDS: u64 = 3_600;
/// How often a campaign may be computed anew while it is read.
const ATTEMPTS: u32 = 3;
/// How many runs back accounts are held against, run by run.
pub(crate) const RUNS_MAX: u32 = 12;

/// Where their figures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The API below this URL.
    Url(String),
    /// The answers of an earlier reading.
    Kept(String),
    /// Published files of neighbouring runs; the newest counts.
    Files(Vec<PathBuf>),
}

/// Their side and what is known of its past.
#[derive(Debug)]
pub(crate) struct TheirSide {
    pub(crate) theirs: Theirs,
    /// What they say of themselves beside the campaign.
    pub(crate) beside: Beside,
    pub(crate) source: String,
    pub(crate) told_by: Teller,
    pub(crate) reading_id: Option<String>,
    /// What was paid in all at earlier instants.
    pub(crate) seen: Vec<Seen>,
    /// What each account had in the root before.
    pub(crate) earlier: BTreeMap<Address, Amount>,
    /// What each account had been credited at the ends of earlier runs, the oldest first.
    pub(crate) bounds: Vec<Bound>,
}

impl Origin {
    /// What `--merkl` names: a URL, `kept:READING`, or files.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, Failure> {
        match texts {
            [] => Err(Failure::usage(
                "--merkl is missing: give a URL, a published reward file, or kept:READING; or set merkl.url",
            )),
            [one] if one.starts_with("http://") || one.starts_with("https://") => Ok(Self::Url(one.clone())),
            [one] if one.starts_with("kept:") => Ok(Self::Kept(one["kept:".len()..].to_owned())),
            files if files.iter().any(|one| one.contains("://") || one.starts_with("kept:")) => {
                Err(Failure::usage(
                    "--merkl: several are files of neighbouring runs; one URL or one kept: stands alone",
                ))
            }
            files => Ok(Self::Files(files.iter().map(PathBuf::from).collect())),
        }
    }
}

/// Reads their side of `campaign`, with the own pages of `accounts` and of those that are credited most.
pub(crate) async fn read(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    from: &Origin,
    accounts: &[Address],
    now_ms: fn() -> u64,
) -> Result<TheirSide, Failure> {
    let id = campaign.merkl_campaign_id.ok_or_else(|| {
        Failure::usage(format!(
            "campaign {} has no merkl_campaign_id: `accrual discover` prints it, write it into [[campaigns]]",
            campaign.id
        ))
    })?;
    let also = Also { users_max: config.merkl.users_max, accounts, roots: true };
    match from {
        Origin::Url(url) => from_api(db, config, campaign, (id, also), url, now_ms).await,
        Origin::Kept(reading) => from_kept(db, config, campaign, (id, also), reading).await,
        Origin::Files(paths) => from_files(campaign, id, paths),
    }
}

async fn from_api(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    (id, also): (B256, Also<'_>),
    url: &str,
    now_ms: fn() -> u64,
) -> Result<TheirSide, Failure> {
    let pace = Pace { requests_per_second: config.merkl.requests_per_second, ..Pace::default() };
    let http =
        Http::new(url, std::env::var(KEY).ok(), pace).map_err(|error| Failure::usage(error.to_string()))?;
    let reading = begin(db, campaign, url, now_ms()).await?;
    let source = KeptSource { db, reading_id: reading.reading_id.clone(), http: Some(http), now_ms };
    let reader = Reader::new(source, config.chain.id);
    let mut attempt = 1;
    let read = loop {
        match reader.read_also(id, also).await {
            Ok(read) => break read,
            Err(MerklError::Moved { .. }) if attempt < ATTEMPTS => {
                readings::start_over(db, &reading.reading_id).await?;
                attempt += 1;
            }
            Err(error) => return Err(anyhow!("{url}: {error}").into()),
        }
    };
    readings::finish(db, &reading.reading_id, UnixSeconds(now_ms() / 1_000)).await?;
    with_past(db, campaign, read, url.to_owned(), reading.reading_id).await
}

/// The newest reading when it broke off a while ago, else a new one.
async fn begin(db: &Db, campaign: &Campaign, url: &str, now_ms: u64) -> Result<Reading, Failure> {
    let now = UnixSeconds(now_ms / 1_000);
    if let Some(newest) = readings::newest(db, &campaign.id, url).await?
        && newest.finished_at.is_none()
        && now.since(newest.started_at) < RESUME_SECONDS
    {
        return Ok(newest);
    }
    let reading = Reading {
        reading_id: format!("rd_{}_{now_ms}", campaign.id),
        campaign: campaign.id.clone(),
        source: url.to_owned(),
        started_at: now,
        finished_at: None,
    };
    readings::begin(db, &reading).await?;
    Ok(reading)
}

async fn from_kept(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    (id, also): (B256, Also<'_>),
    reading_id: &str,
) -> Result<TheirSide, Failure> {
    let reading = readings::get(db, reading_id).await?;
    let reading = reading.filter(|reading| reading.campaign == campaign.id).ok_or_else(|| {
        Failure::usage(format!("--merkl kept:{reading_id}: campaign {} has no such reading", campaign.id))
    })?;
    let source = KeptSource { db, reading_id: reading.reading_id.clone(), http: None, now_ms: || 0 };
    let read = Reader::new(source, config.chain.id).read_also(id, also).await;
    let read = read.map_err(|error| anyhow!("reading {reading_id}: {error}"))?;
    with_past(db, campaign, read, reading.source, reading.reading_id).await
}

async fn with_past(
    db: &Db,
    campaign: &Campaign,
    read: Read,
    source: String,
    reading_id: String,
) -> Result<TheirSide, Failure> {
    let told_by = read.teller();
    let Read { theirs, beside, .. } = read;
    let mut seen = comparisons::seen(db, &campaign.id, &source).await?;
    // A reading that is repeated is older than what was seen since.
    seen.retain(|seen| seen.until < theirs.computed_until);
    let earlier = comparisons::amounts(db, &campaign.id, &source, theirs.computed_until).await?;
    let bounds = comparisons::bounds(db, &campaign.id, &source, theirs.computed_until, RUNS_MAX).await?;
    Ok(TheirSide { theirs, beside, source, told_by, reading_id: Some(reading_id), seen, earlier, bounds })
}

/// Answers from what was kept first, and keeps what it has to ask for.
struct KeptSource<'a> {
    db: &'a Db,
    reading_id: String,
    http: Option<Http>,
    now_ms: fn() -> u64,
}

impl Source for KeptSource<'_> {
    async fn get(&self, path: &str) -> Result<Answer, MerklError> {
        let failed = |error: accrual_store::StoreError| MerklError::Kept(error.to_string());
        let kept = readings::answer(self.db, &self.reading_id, path).await.map_err(failed)?;
        if let Some(AnswerRow { status, body, .. }) =
            kept.filter(|kept| self.http.is_none() || (200..300).contains(&kept.status))
        {
            return Ok(Answer { status, body });
        }
        let Some(http) = &self.http else {
            return Err(MerklError::Kept(format!("{path} was not asked then, or its answer is forgotten")));
        };
        let answer = http.get(path).await?;
        let at = UnixSeconds((self.now_ms)() / 1_000);
        let row = AnswerRow { path: path.to_owned(), at, status: answer.status, body: answer.body.clone() };
        readings::keep(self.db, &self.reading_id, &row).await.map_err(failed)?;
        Ok(answer)
    }
}

fn from_files(campaign: &Campaign, id: B256, paths: &[PathBuf]) -> Result<TheirSide, Failure> {
    let mut files: Vec<(&PathBuf, RewardFile)> = Vec::new();
    for path in paths {
        files.push((path, file(path)?));
    }
    files.sort_by_key(|(_, file)| file.epoch);
    let seen = files.iter().filter_map(|(_, file)| {
        let paid = file.campaigns.get(&id)?.paid;
        Some(Seen { until: file.computed_until(), paid })
    });
    let seen: Vec<Seen> = seen.collect();
    let before = files.len().checked_sub(2).and_then(|place| files[place].1.campaigns.get(&id));
    let earlier = before.map(amounts).unwrap_or_default();
    let older = files.iter().rev().skip(1).take(RUNS_MAX as usize).rev();
    let bounds = older.filter_map(|(_, file)| {
        let campaign = file.campaigns.get(&id)?;
        Some(Bound { until: file.computed_until(), accounts: amounts(campaign) })
    });
    let bounds: Vec<Bound> = bounds.collect();
    let (path, newest) = files.last().expect("at least one was named");
    let own = newest.campaigns.get(&id).ok_or_else(|| {
        anyhow!("{}: it has no campaign {id}, merkl_campaign_id of {}", path.display(), campaign.id)
    })?;
    if own.token != campaign.reward_token {
        return Err(anyhow!(
            "{}: campaign {id} pays {}, and {} is configured to pay {}",
            path.display(),
            own.token,
            campaign.id,
            campaign.reward_token
        )
        .into());
    }
    let rows = own.holders.iter().flat_map(|(account, holder)| {
        holder.breakdown.iter().map(|(reason, amount)| TheirRow {
            account: *account,
            reason: reason.clone(),
            amount: *amount,
            claimed: None,
            pending: Amount::ZERO,
        })
    });
    let theirs = Theirs::new(own.computed_until(), rows).with_context(|| path.display().to_string())?;
    let theirs = Theirs { budget: Some(own.budget), ..theirs };
    let source =
        path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
    let (beside, told_by) = (Beside::default(), Teller::File);
    Ok(TheirSide { theirs, beside, source, told_by, reading_id: None, seen, earlier, bounds })
}

fn file(path: &Path) -> Result<RewardFile, Failure> {
    let opened = std::fs::File::open(path).map_err(|error| {
        Failure::usage(format!(
            "{}: it cannot be read ({error}); --merkl takes a URL or a reward file",
            path.display()
        ))
    })?;
    Ok(RewardFile::read(opened, BYTES_MAX).map_err(|error| anyhow!("{}: {error}", path.display()))?)
}

fn amounts(campaign: &FileCampaign) -> BTreeMap<Address, Amount> {
    campaign.holders.iter().map(|(account, holder)| (*account, holder.amount)).collect()
}
