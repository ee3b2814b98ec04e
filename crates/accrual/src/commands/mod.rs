//! One module a command, and what several of them share.

mod backup;
mod check;
mod clients;
mod compare;
mod demo;
mod discover;
mod index;
mod keys;
mod mcp;
mod migrate;
mod replay;
mod report;
mod retention;
mod serve;
mod top;
mod tree;
mod verify;
mod worker;

use std::path::Path;
use std::pin::Pin;
use std::sync::OnceLock;

use accrual_api::keys::{Asker, Keys};
use accrual_api::{Api, Clock, Pepper, PoolInfo, TokenInfo, Tokens};
use accrual_indexer::distributor::{DistributorOptions, DistributorReader};
use accrual_indexer::follow::{FollowOptions, Follower};
use accrual_indexer::rpc::{RpcNodes, RpcOptions, RpcSource};
use accrual_indexer::workers::{DISTRIBUTOR, RETENTION, Worker, while_held};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::backup::check_health;
use accrual_store::{Db, Lease, Mode, nodes};
use tokio_util::sync::CancellationToken;

use crate::cli::Command;
use crate::config::{Config, PoolEntry, Token};
use crate::failure::{Failure, Outcome};
use crate::pepper::peppers;

pub(crate) async fn run(command: Command) -> Outcome {
    // Each behind a pointer: one future with all commands in it takes the compiler minutes.
    let running: Pin<Box<dyn Future<Output = Outcome>>> = match command {
        Command::Demo(args) => Box::pin(demo::demo(args)),
        Command::Run(args) => Box::pin(async move { serve::run(&args.config).await }),
        Command::Index(args) => Box::pin(index::index(args)),
        Command::Serve(args) => Box::pin(async move { serve::serve(&args.config).await }),
        Command::Report(args) => Box::pin(report::report(args)),
        Command::Compare(args) => Box::pin(compare::compare(args)),
        Command::Tree(args) => Box::pin(tree::tree(args)),
        Command::Verify(args) => Box::pin(verify::verify(args)),
        Command::Replay(args) => Box::pin(async move { replay::replay(&args.config).await }),
        Command::Discover(args) => Box::pin(discover::discover(args)),
        Command::Backup(args) => Box::pin(backup::backup(args)),
        Command::Restore(args) => Box::pin(backup::restore(args)),
        Command::Migrate(args) => Box::pin(async move { migrate::migrate(&args.config).await }),
        Command::Check(args) => Box::pin(check::check(args)),
        Command::Top(args) => Box::pin(top::top(args)),
        Command::Mcp(args) => Box::pin(mcp::mcp(args)),
        Command::Keys(args) => Box::pin(keys::keys(args)),
        Command::Clients(args) => Box::pin(clients::clients(args)),
        Command::Openapi => {
            println!("{}", accrual_api::document::text());
            return Ok(());
        }
    };
    running.await
}

fn load(path: &Path) -> Result<Config, Failure> {
    Ok(Config::load(path)?)
}

/// Opens the database to write, with this version's tables in it.
async fn open_to_write(config: &Config) -> Result<Db, Failure> {
    with_tables(Db::open(&config.database, Mode::Write).await?, config).await
}

async fn with_tables(db: Db, config: &Config) -> Result<Db, Failure> {
    let report = db.migrate().await?;
    if !report.applied.is_empty() {
        tracing::info!(database = %config.database, applied = report.applied.len(), "tables brought up to date");
    }
    Ok(db)
}

/// Opens the database to follow the chain into it, after a look through all of it: a damaged file would take rows, and
/// lose others later.
async fn open_to_follow(config: &Config) -> Result<Db, Failure> {
    let db = Db::open(&config.database, Mode::Write).await?;
    check_health(&db).await?;
    with_tables(db, config).await
}

/// Opens a database that must be there already.
async fn open_to_read(config: &Config) -> Result<Db, Failure> {
    let db = Db::open(&config.database, Mode::Read).await?;
    db.check_schema().await?;
    Ok(db)
}

/// The API over `db` for whoever may read the database itself. No key is looked at: the pepper is this process's own.
fn unkeyed(config: &Config, db: Db) -> Result<Api, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("there are no random numbers: {error}"))?;
    let pepper = Pepper::new(1, bytes.to_vec()).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Api::new(db, serve::settings(config, pepper.into())?)?)
}

/// Opens a database that must be there already, to read it and to note when keys are used. Where it cannot be
/// written, as on a replica, it is read, and the keys work all the same.
async fn open_to_serve(config: &Config) -> Result<Db, Failure> {
    let readable = open_to_read(config).await?;
    check_health(&readable).await?;
    match Db::open(&config.database, Mode::Write).await {
        Ok(writable) => {
            readable.close().await;
            Ok(writable)
        }
        Err(error) => {
            tracing::warn!(%error, "the time of a key's use is not kept");
            Ok(readable)
        }
    }
}

/// What is known of tokens: the configuration's word, and where it has none, what `db` learnt from the chain.
async fn tokens(config: &Config, db: &Db) -> Result<Tokens, Failure> {
    let mut tokens = Tokens::new(&pool_infos(config), &token_infos(config));
    tokens.learn(db, config.chain.id).await?;
    Ok(tokens)
}

fn pool_infos(config: &Config) -> Vec<PoolInfo> {
    let pool =
        |entry: &PoolEntry| PoolInfo { pool: entry.pool.clone(), token0: entry.token0, token1: entry.token1 };
    config.pools.iter().map(pool).collect()
}

fn token_infos(config: &Config) -> Vec<TokenInfo> {
    let token = |token: &Token| TokenInfo {
        address: token.address,
        symbol: token.symbol.clone(),
        decimals: token.decimals,
    };
    config.tokens.iter().map(token).collect()
}

/// A follower over the configured nodes; `patient` ones wait for ever for a node to answer.
async fn follower(config: &Config, db: Db, patient: bool) -> Result<Follower, Failure> {
    let source = remembering(config, &db, patient).await?;
    let options = follow_options(config);
    Ok(Follower::open(source, db, config.pools(), config.campaigns.clone(), options).await?)
}

/// As [`follower`], of the pools that `worker` holds.
async fn follower_of(worker: &Worker, config: &Config, db: Db, patient: bool) -> Result<Follower, Failure> {
    let source = remembering(config, &db, patient).await?;
    let (pools, campaigns) = (config.pools(), config.campaigns.clone());
    Ok(Follower::open_part(source, db, pools, campaigns, follow_options(config), worker).await?)
}

/// A source that knows what the nodes were found to take before this process began.
async fn remembering(config: &Config, db: &Db, patient: bool) -> Result<RpcSource, Failure> {
    let source = source(config, patient)?;
    source.remember(&nodes::all(db, config.chain.id).await?);
    Ok(source)
}

fn follow_options(config: &Config) -> FollowOptions {
    FollowOptions {
        chain_id: config.chain.id,
        finality: config.chain.finality,
        log_range_blocks_max: config.chain.log_range_blocks_max,
        block_seconds: config.chain.block_seconds,
        ranges_in_flight_max: config.ranges_in_flight_max,
        completeness: config.chain.completeness,
        commit_events_max: config.commit_events_max,
        snapshot_events: config.snapshot_events,
        now,
    }
}

/// A reader of the configured Distributor, with a source of its own; `None` where none is configured.
async fn distributor(config: &Config, db: Db, patient: bool) -> Result<Option<DistributorReader>, Failure> {
    let Some(followed) = config.distributor() else { return Ok(None) };
    let options = DistributorOptions {
        followed,
        pools: config.pools.iter().map(|entry| entry.pool.id.clone()).collect(),
        log_range_blocks_max: config.chain.log_range_blocks_max,
        completeness: config.chain.completeness,
    };
    Ok(Some(DistributorReader::open(source(config, patient)?, db, options).await?))
}

/// Reads the configured Distributor beside the pools, while this worker holds it, until `shutdown`. One that is none is
/// said and left alone: the pools do not wait for it.
async fn follow_distributor(config: &Config, db: &Db, worker: &Worker, shutdown: &CancellationToken) {
    let read = |lease: Lease, stop: CancellationToken| async move {
        let opened = tokio::select! {
            opened = distributor(config, db.under([lease]), true) => opened,
            () = stop.cancelled() => return,
        };
        match opened {
            Ok(Some(reader)) => reader.follow(&stop).await,
            Ok(None) => {}
            Err(failure) => tracing::error!(%failure, "the Distributor is not read"),
        }
    };
    while_held(worker.held(), DISTRIBUTOR, shutdown, read).await;
}

/// Thins out what is old while this worker holds that, until `shutdown`.
async fn follow_retention(config: &Config, db: &Db, worker: &Worker, shutdown: &CancellationToken) {
    let thin = |lease: Lease, stop: CancellationToken| async move {
        retention::follow(config, &db.under([lease]), stop).await;
    };
    while_held(worker.held(), RETENTION, shutdown, thin).await;
}

fn source(config: &Config, patient: bool) -> Result<RpcSource, Failure> {
    if config.chain.rpc_urls.is_empty() {
        return Err(Failure::usage("chain.rpc_urls is empty: give at least one node's URL"));
    }
    let patience = (!patient).then_some(std::time::Duration::from_secs(10));
    let options = RpcOptions {
        chain_id: Some(config.chain.id),
        patience,
        poll_interval: config.chain.poll_interval,
        behind_blocks_max: config.chain.behind_blocks_max,
        ..RpcOptions::default()
    };
    // One process has one configuration: whoever asks a node in it goes by what all have learnt of that node.
    static NODES: OnceLock<RpcNodes> = OnceLock::new();
    let nodes = NODES.get_or_init(|| RpcNodes::new(&config.chain.rpc_urls)).clone();
    Ok(RpcSource::over(nodes, options))
}

/// The machine's clock; everything below takes the time as an argument.
fn now() -> UnixSeconds {
    UnixSeconds(now_ms() / 1_000)
}

#[expect(clippy::disallowed_methods, reason = "this is the edge")]
fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// The keys in `db`, under the configured peppers and rules.
fn key_service(config: &Config, db: Db) -> Result<Keys, Failure> {
    Ok(Keys::new(db, peppers(config)?, config.keys.rules.clone(), Clock::of_ms(now_ms))?)
}

/// Whoever sits at this machine.
fn asker() -> Asker {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| user_of(&std::env::var(name).ok()?));
    // A container's process has a number and often no name.
    let user = named.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    Asker { actor: format!("cli:{user}"), ..Asker::default() }
}

/// What may stand in an audit of a name that anybody can set; `None` where nothing of it may.
fn user_of(name: &str) -> Option<String> {
    let safe = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    Some(name.chars().filter(safe).take(64).collect()).filter(|user: &String| !user.is_empty())
}
