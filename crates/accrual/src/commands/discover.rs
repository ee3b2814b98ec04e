//! `accrual discover`: campaigns found on chain, as configuration ready to paste.

mod written;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use accrual_indexer::decode::merkl::{CampaignData, DataError};
use accrual_indexer::discover::{self, Announcement, FoundPool, Scanner};
use accrual_indexer::preflight;
use accrual_indexer::rpc::RpcSource;
use accrual_indexer::source::{BlockRange, LogSource};
use accrual_rewards::unit::BlockNumber;
use alloy_primitives::{Address, address};

use crate::cli::Discover;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use written::{Written, unreadable};

/// What most pools hold beside a token: WETH and USDC on Base.
const OTHERS: [Address; 2] = [
    address!("4200000000000000000000000000000000000006"),
    address!("833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
];

/// Where Merkl's contract begins on Base (`facts/merkl.md` 3.1).
const CREATED_ON_BASE: BlockNumber = BlockNumber(2_191_176);

pub(super) async fn discover(args: Discover) -> Outcome {
    let config = super::load(&args.with.config)?;
    let source = super::source(&config, false)?;
    preflight::check_chain(&source, config.chain.id).await?;
    let blocks = blocks(&source, &config, args.from).await?;
    let told = |block: BlockNumber| tracing::info!(block = block.0, "looked through");
    let scanner = Scanner::new(&source, config.chain.log_range_blocks_max, &told);
    let mut written = Written::default();
    if let Some(token) = args.pools_of {
        let pools = discover::pools_of(&scanner, token, &OTHERS, blocks).await?;
        for address in pools {
            if let Some(pool) = discover::at_address(&scanner, address, blocks).await? {
                written.pool(&pool);
            }
        }
        println!("{}", written.text());
        return Ok(());
    }
    let creator = config.distribution_creator;
    let found = discover::campaigns(&scanner, creator, args.reward_token, blocks).await?;
    if found.is_empty() {
        let whose = args.reward_token.map_or(String::new(), |token| format!(" that pays {token}"));
        eprintln!(
            "accrual: no campaign{whose} was announced by {creator} in blocks {} to {}; --pools-of TOKEN finds its pools",
            blocks.first, blocks.last
        );
    }
    write_all(&scanner, blocks, &found, &mut written).await?;
    println!("{}", written.text());
    Ok(())
}

async fn blocks(source: &RpcSource, config: &Config, from: Option<u64>) -> Result<BlockRange, Failure> {
    let oldest = config.pools.iter().map(|entry| entry.pool.created_block).min();
    let first = from.map(BlockNumber).or(oldest).unwrap_or(match config.chain.id {
        8453 => CREATED_ON_BASE,
        _ => BlockNumber(0),
    });
    let last = source.heads().await?.latest.number;
    if first > last {
        return Err(Failure::usage(format!("--from {first}: the chain's newest block is {last}")));
    }
    Ok(BlockRange { first, last })
}

/// Finds each campaign's pool, once, and writes both.
async fn write_all(
    scanner: &Scanner<'_, RpcSource>,
    blocks: BlockRange,
    found: &[Announcement],
    written: &mut Written,
) -> Outcome {
    let mut pools: BTreeMap<Address, Option<FoundPool>> = BTreeMap::new();
    for announcement in found {
        let about = match followed(announcement) {
            Ok(about) => about,
            Err(why) => {
                written.left_out(announcement, &why);
                continue;
            }
        };
        if let Entry::Vacant(place) = pools.entry(about) {
            let pool = discover::at_address(scanner, about, blocks).await?;
            if let Some(pool) = &pool {
                written.pool(pool);
            }
            place.insert(pool);
        }
        match pools.get(&about).and_then(Option::as_ref) {
            Some(pool) => written.campaign(announcement, pool),
            None => {
                written.left_out(announcement, &format!("{about} answers neither as a pool nor as a token"))
            }
        }
    }
    Ok(())
}

/// The pool or token that a campaign is about under all its terms, or why it cannot be followed. A campaign is cancelled
/// by an override that nobody can compute (`facts/merkl.md` 3.1), so one such override leaves the whole campaign out:
/// written without it, the campaign would seem to go on paying.
fn followed(announcement: &Announcement) -> Result<Address, String> {
    if !announcement.id_fits {
        return Err(
            "its id is not the one that its terms come to, so it is not Merkl's contract that speaks".into(),
        );
    }
    let about = subject(&announcement.data)?;
    for one in &announcement.overrides {
        let why = match subject(&one.data) {
            Ok(later) if later == about => continue,
            Ok(later) => format!("it is about {later} from there on"),
            Err(why) => format!("{why} (a campaign is cancelled that way)"),
        };
        return Err(format!("it was overridden in block {}: {why}", one.place.block));
    }
    Ok(about)
}

fn subject(data: &Result<CampaignData, DataError>) -> Result<Address, String> {
    match data {
        Ok(CampaignData::Concentrated(terms)) => Ok(terms.pool),
        Ok(CampaignData::Token(terms)) => Ok(terms.token),
        Ok(other) => Err(unreadable(other).to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
