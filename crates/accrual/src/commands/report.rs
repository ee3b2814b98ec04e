//! `accrual report`: a campaign's figures, from what is stored.

use accrual_api::announced::AnnouncedView;
use accrual_api::view::{AsOf, By as RowsBy, Finality, ReportAsOf, ReportView, Rfc3339};
use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::BlockNumber;
use accrual_store::moment::{Asked, Moment, resolve};
use accrual_store::{Checkpoint, Db, accounts, chain, checkpoints, rebuild};
use anyhow::anyhow;

use crate::cli::{By, Format, Report, ScoringArg};
use crate::config::{Config, instant};
use crate::failure::{Failure, Outcome};
use crate::table;

pub(super) async fn report(args: Report) -> Outcome {
    let config = super::load(&args.with.config)?;
    let campaign = scored(config.campaign(&args.campaign).map_err(Failure::usage)?, &args)?;
    let campaign = &campaign;
    let asked = args.at.as_deref().map(asked).transpose()?;
    let db = super::open_to_read(&config).await?;
    let by = match args.by {
        By::Account => RowsBy::Account,
        By::Position => RowsBy::Position,
    };
    let view = view(&db, &config, campaign, asked, by).await?;
    let tokens = super::tokens(&config, &db).await?;
    let token = tokens.get(campaign.reward_token);
    let announced = announced(&config, campaign, token.and_then(|token| token.decimals));
    let view = ReportView { announced, ..view };
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&view)?),
        Format::Csv => print!("{}", table::csv(&view, token)),
        Format::Table => print!("{}", table::report(&view, token, usize::MAX)),
    }
    db.close().await;
    Ok(())
}

/// The campaign as it would be with another scoring, if one is asked for. Its figures are then folded from the events
/// alone: snapshots are of the campaign as it is configured.
fn scored(campaign: &Campaign, args: &Report) -> Result<Campaign, Failure> {
    let Some(scoring) = args.scoring else { return Ok(campaign.clone()) };
    let scoring = match scoring {
        ScoringArg::PerBlock => Scoring::PerBlock,
        ScoringArg::TimeWeighted => Scoring::TimeWeighted,
        ScoringArg::SwapWeighted => Scoring::SwapWeighted,
    };
    let run_seconds = args.run_seconds.or(campaign.run_seconds);
    if scoring.is_by_run() && run_seconds.is_none() {
        let name = scoring.as_str();
        let what =
            format!("--scoring {name} pays run by run: give --run-seconds, or run_seconds in the campaign");
        return Err(Failure::usage(what));
    }
    let scored = Campaign { scoring, run_seconds, ..campaign.clone() };
    scored.checked().map_err(|error| Failure::usage(error.to_string()))
}

/// What was announced of it, where something was.
fn announced(config: &Config, campaign: &Campaign, decimals: Option<u8>) -> Option<AnnouncedView> {
    let own = config.announced.get(&campaign.id)?;
    let followed = config.campaigns.iter().filter_map(|one| Some((one, config.announced.get(&one.id)?)));
    Some(AnnouncedView::new(campaign, own, decimals, config.announcement.as_ref(), followed))
}

/// A campaign's report as of `asked`, or of the newest stored block.
pub(super) async fn view(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    asked: Option<Asked>,
    by: RowsBy,
) -> Result<ReportView, Failure> {
    let (moment, tracker) = tracker_at(db, config, campaign, asked).await?;
    let figures = tracker
        .figures(&campaign.id, moment.at)
        .ok_or_else(|| anyhow!("campaign {} is not of pool {}", campaign.id, campaign.pool))??;
    let as_of = AsOf {
        chain_id: config.chain.id,
        block_number: moment.number,
        block_hash: moment.hash,
        at: Rfc3339(moment.at),
    };
    let finality = finality(db, config.chain.id, moment.number).await?;
    let mut view = ReportView::new(&tracker, campaign, &figures, ReportAsOf { as_of, finality }, by);
    let contracts = accounts::contracts(db, config.chain.id).await?;
    view.data.iter_mut().for_each(|row| row.flag(config.pool(campaign), &contracts));
    Ok(ReportView { notice: config.server.notice.clone(), ..view })
}

/// The campaign's pool after the last event at or before `asked`.
pub(super) async fn tracker_at(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    asked: Option<Asked>,
) -> Result<(Moment, PoolTracker), Failure> {
    let pool = config.pool(campaign);
    let checkpoint = checkpoints::get(db, &pool.id)
        .await?
        .ok_or_else(|| anyhow!("pool {} was never read: run `accrual index` first", pool.id))?;
    let moment = match asked {
        None => Moment { number: checkpoint.number, hash: Some(checkpoint.hash), at: checkpoint.at },
        Some(asked) => {
            let moment = resolve(db, config.chain.id, config.chain.block_seconds, asked).await?;
            check_read(&checkpoint, moment)?;
            moment
        }
    };
    let as_configured = config.campaigns.contains(campaign);
    let campaigns = if as_configured { &config.campaigns } else { &vec![campaign.clone()] };
    let tracker = rebuild::tracker_at(db, pool, campaigns, moment.number).await?;
    Ok((moment, tracker))
}

fn check_read(checkpoint: &Checkpoint, moment: Moment) -> Outcome {
    if moment.number <= checkpoint.number {
        return Ok(());
    }
    let (asked, newest) = (moment.number, checkpoint.number);
    Err(anyhow!(
        "block {asked} is not read yet: pool {} is read up to block {newest}; run `accrual index`",
        checkpoint.pool
    )
    .into())
}

async fn finality(db: &Db, chain_id: u64, block: BlockNumber) -> Result<Finality, Failure> {
    let row = chain::get(db, chain_id).await?;
    let reaches = |number: Option<BlockNumber>| number.is_some_and(|number| block <= number);
    Ok(match row {
        Some(row) if reaches(row.finalized_number) => Finality::Finalized,
        Some(row) if reaches(row.safe_number) => Finality::Safe,
        _ => Finality::Latest,
    })
}

pub(super) fn asked(text: &str) -> Result<Asked, Failure> {
    text.parse()
        .map(|number| Asked::Block(BlockNumber(number)))
        .or_else(|_| instant::parse(text).map(Asked::Time))
        .map_err(|_| {
            Failure::usage(format!("--at {text}: it is a block number or a time as 2025-06-05T17:00:00Z"))
        })
}
