//! How fast stored events become figures: `cargo run --release -p accrual-store --example replay_speed -- URL POOL [SCORING]`.
//!
//! Reads a pool's events, folds them with one campaign over all of their time, makes the hourly rows, and writes the state
//! as a snapshot, each told apart. The database is only read.

use std::time::{Duration, Instant};

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::{PoolId, Venue};
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::record::Recorder;
use accrual_store::{Db, DbUrl, Mode, StoreError, events, pools, rebuild};
use alloy_primitives::{Address, U256};

const SNAPSHOT_EVENTS: u64 = 50_000;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let mut arguments = std::env::args().skip(1);
    let url: DbUrl = arguments.next().expect("the address of a database").parse()?;
    let id: PoolId = arguments.next().expect("a pool").parse().expect("a good id");
    let wanted = arguments.next();
    let db = Db::open(&url, Mode::Read).await?;
    let (events, reading) = read(&db, &id).await?;
    let pool = pool(&db, id).await?;
    println!("{} events, read and decoded in {} s:\n", events.len(), seconds(reading));
    println!(
        "| scoring | folded, s | hourly rows made, s | rows | snapshots made, s | snapshots | their bytes |"
    );
    println!("|---|---|---|---|---|---|---|");
    let is_wanted = |scoring: &Scoring| wanted.as_ref().is_none_or(|wanted| wanted == scoring.as_str());
    for scoring in Scoring::ALL.into_iter().filter(is_wanted) {
        let campaign = campaign(&pool, scoring, &events);
        fold(&pool, &campaign, &events);
    }
    Ok(())
}

async fn read(db: &Db, pool: &PoolId) -> Result<(Vec<PlacedEvent>, Duration), StoreError> {
    let (mut all, mut after, started) = (Vec::new(), None, Instant::now());
    loop {
        let page = events::page(db, pool, after, BlockNumber(u64::MAX), events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { return Ok((all, started.elapsed())) };
        after = Some(last.block_number);
        all.extend(page);
    }
}

fn fold(pool: &Pool, campaign: &Campaign, events: &[PlacedEvent]) {
    let campaigns = [campaign.clone()];
    let mut tracker = PoolTracker::new(pool.clone(), campaigns.iter().cloned());
    let mut recorder = Recorder::new(pool, &campaigns);
    let fingerprint = rebuild::fingerprint(pool, &campaigns);
    let (mut folding, mut hours, mut snapshots) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut rows, mut states, mut bytes) = (0, 0, 0);
    for event in events {
        let started = Instant::now();
        let snapshot = rebuild::due_snapshot(&tracker, &fingerprint, event.block_number, SNAPSHOT_EVENTS);
        let kept = Instant::now();
        recorder.reach(&tracker, event.block_at);
        let reached = Instant::now();
        tracker.apply(event).expect("stored events fit each other");
        folding += reached.elapsed();
        hours += reached - kept;
        snapshots += kept - started;
        states += usize::from(snapshot.is_some());
        bytes += snapshot.map_or(0, |snapshot| snapshot.state.whole().len());
    }
    let taken = recorder.take();
    rows += taken.pools.len() + taken.campaigns.len() + taken.accounts.len();
    println!(
        "| {} | {} | {} | {rows} | {} | {states} | {bytes} |",
        campaign.scoring.as_str(),
        seconds(folding),
        seconds(hours),
        seconds(snapshots),
    );
}

fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

async fn pool(db: &Db, id: PoolId) -> Result<Pool, StoreError> {
    let row = pools::list(db).await?.into_iter().find(|row| row.pool == id).expect("the pool is stored");
    let pool = Pool {
        id,
        venue: Venue::UniswapV3,
        address: row.address,
        position_manager: row.position_manager,
        created_block: row.created_block,
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: accrual_rewards::pool::PoolFacts::default(),
    };
    rebuild::with_facts(db, &pool).await
}

fn campaign(pool: &Pool, scoring: Scoring, events: &[PlacedEvent]) -> Campaign {
    let at = |event: Option<&PlacedEvent>| event.map_or(UnixSeconds(0), |event| event.block_at);
    Campaign {
        id: "replayed".parse().expect("a good id"),
        pool: pool.id.clone(),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(2),
        budget: Amount(U256::from(14_920_000_u64) * U256::from(10_u64).pow(U256::from(18))),
        fee_ppm: 30_000,
        window: Window { starts_at: at(events.first()), ends_at: UnixSeconds(at(events.last()).0 + 1) },
        scoring,
        run_seconds: (scoring != Scoring::PerBlock).then_some(7_200),
        weights: Weights { fees: 4_000, token0: 3_000, token1: 3_000 },
        out_of_range: false,
        blacklist: Default::default(),
        whitelist: Default::default(),
        value_min_usd: None,
        versions: Vec::new(),
    }
}
