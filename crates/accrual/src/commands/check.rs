//! `accrual check`: is the configuration right, does the database answer, are the nodes what they should be?

use accrual_access::audit::Walk;
use accrual_indexer::preflight;
use accrual_indexer::source::LogSource;
use accrual_store::{Db, Mode, audit, checkpoints};

use crate::cli::{Check, CheckWhat};
use crate::config::Config;
use crate::failure::Outcome;

const PAGE: usize = 1_000;

pub(super) async fn check(args: Check) -> Outcome {
    let config = super::load(&args.with.config)?;
    let wanted = |what| args.what.is_none_or(|only| only == what);
    if wanted(CheckWhat::Config) {
        println!(
            "config: {} pools, {} campaigns, chain {}",
            config.pools.len(),
            config.campaigns.len(),
            config.chain.id
        );
    }
    if wanted(CheckWhat::Db) {
        check_db(&config).await?;
    }
    if wanted(CheckWhat::Audit) {
        check_audit(&config).await?;
    }
    if wanted(CheckWhat::Rpc) {
        check_rpc(&config).await?;
    }
    Ok(())
}

async fn check_db(config: &Config) -> Outcome {
    let db = Db::open(&config.database, Mode::Read).await?;
    db.check_schema().await?;
    println!("db: {} answers, its tables are of this version", config.database);
    for checkpoint in checkpoints::all(&db).await? {
        println!("db: pool {} is read up to block {}", checkpoint.pool, checkpoint.number);
    }
    db.close().await;
    Ok(())
}

/// Follows the audit's chain of hashes from its first entry on, and names the first break.
async fn check_audit(config: &Config) -> Outcome {
    let db = Db::open(&config.database, Mode::Read).await?;
    let mut walk = Walk::new();
    loop {
        let page = audit::after(&db, walk.head().0, None, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            walk.step(row)?;
        }
    }
    let (seq, hash) = walk.head();
    println!("audit: {seq} entries, unbroken; the newest hash is {hash}");
    db.close().await;
    Ok(())
}

async fn check_rpc(config: &Config) -> Outcome {
    let source = super::source(config, false)?;
    preflight::check_chain(&source, config.chain.id).await?;
    let heads = source.heads().await?;
    println!("rpc: chain {}, newest block {}", config.chain.id, heads.latest.number);
    preflight::check_pools(&source, &config.pools()).await?;
    println!("rpc: {} pools answer", config.pools.len());
    Ok(())
}
