//! `accrual check`: is the configuration right, does the database answer, are the nodes what they should be?

use std::path::Path;

use accrual_access::audit::{Head, Notes, Walk};
use accrual_indexer::complete::Completeness;
use accrual_indexer::rpc::RpcSource;
use accrual_indexer::source::LogSource;
use accrual_indexer::{IndexError, preflight};
use accrual_rewards::unit::BlockNumber;
use accrual_store::audit::{self, Which};
use accrual_store::{Db, Mode, backup, checkpoints, keys, leases};

use crate::cli::{Check, CheckWhat};
use crate::config::Config;
use crate::failure::{Failure, Outcome};

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
        check_audit(&config, args.heads.as_deref()).await?;
    }
    if wanted(CheckWhat::Rpc) {
        check_rpc(&config).await?;
    }
    Ok(())
}

async fn check_db(config: &Config) -> Outcome {
    let db = Db::open(&config.database, Mode::Read).await?;
    db.check_schema().await?;
    backup::check_health(&db).await?;
    println!("db: {} answers, its tables are of this version", config.database);
    for checkpoint in checkpoints::all(&db).await? {
        println!("db: pool {} is read up to block {}", checkpoint.pool, checkpoint.number);
    }
    for line in super::worker::lines(&leases::standing(&db).await?, config.lease) {
        println!("db: {line}");
    }
    for (version, count) in keys::by_pepper(&db, super::now()).await? {
        println!("db: keys that can be used under pepper {version}: {count}");
    }
    db.close().await;
    Ok(())
}

/// Follows the audit's chain of hashes from its first entry on, and names the first break; with `heads`, also where it is
/// not the chain that these were noted of.
async fn check_audit(config: &Config, heads: Option<&Path>) -> Outcome {
    let mut notes = heads.map(notes).transpose()?.unwrap_or_default();
    let db = Db::open(&config.database, Mode::Read).await?;
    let mut walk = Walk::new();
    loop {
        let page = audit::after(&db, walk.head().0, Which::default(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            walk.step(row)?;
            notes.step(row)?;
        }
    }
    let (seq, hash) = walk.head();
    notes.end(seq)?;
    println!("audit: {seq} entries, unbroken; the newest hash is {hash}");
    db.close().await;
    Ok(())
}

fn notes(path: &Path) -> Result<Notes, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("--heads {}: cannot be read ({error})", path.display())))?;
    let read = |(index, line): (usize, &str)| {
        let place = format!("--heads {}, line {}", path.display(), index + 1);
        line.parse::<Head>().map_err(|error| Failure::usage(format!("{place}: {error}")))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(read).collect()
}

async fn check_rpc(config: &Config) -> Outcome {
    let source = super::source(config, false)?;
    preflight::check_chain(&source, config.chain.id).await?;
    let heads = source.heads().await?;
    println!("rpc: chain {}, newest block {}", config.chain.id, heads.latest.number);
    preflight::check_pools(&source, &config.pools()).await?;
    println!("rpc: {} pools answer", config.pools.len());
    let nodes = source.nodes();
    for node in nodes.iter().filter(|_| nodes.len() > 1) {
        println!("rpc: {} is {}{}", node.name, node.standing, because(node.reason.as_deref()));
    }
    if config.chain.completeness != Completeness::Off {
        match shows_logs(&source, heads.latest.number).await {
            Ok(()) => println!("rpc: headers and receipts show that logs are all"),
            Err(error) => println!("rpc: nothing shows that logs are all: {error}"),
        }
    }
    Ok(())
}

fn because(reason: Option<&str>) -> String {
    reason.map_or(String::new(), |reason| format!(" ({reason})"))
}

/// What `chain.verify` needs of nodes, tried at one block.
async fn shows_logs(source: &RpcSource, at: BlockNumber) -> Result<(), IndexError> {
    let sealed = source.sealed_headers(&[at]).await?.pop().flatten();
    let sealed = sealed.ok_or(IndexError::MissingBlock { number: at })?;
    source.block_logs(&sealed).await?;
    Ok(())
}
