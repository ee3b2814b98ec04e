//! `accrual discover`: campaigns found on chain, as configuration ready to paste.

mod told;
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
    if let Some(url) = &args.merkl {
        return told::told(&config, url, args.reward_token).await;
    }
    let source = super::source(&config, false)?;
    preflight::check_chain(&source, config.chain.id).await?;
    let blocks = blocks(&source, &config, args.from).await?;
    let told = |block: BlockNumber| tracing::info!(block = block.0, "looked through");
    let scanner = Scanner::new(&source, config.chain.log_range_blocks_max, &told);
    let mut written = Written::default();
    if let Some(token) = args.pools_of {
        let found = discover::pools_of(&scanner, token, &OTHERS, blocks).await?;
        for address in found.pools {
            if let Some(pool) = discover::at_address(&scanner, address, blocks).await? {
                written.pool(&pool);
            }
        }
        if found.transfers_passed_over > 0 {
            eprintln!("accrual: {}", passed_over(token, found.transfers_passed_over, blocks));
        }
        println!("{}", written.text());
        return Ok(());
    }
    let creator = config.distribution_creator;
    let found = discover::campaigns(&scanner, creator, args.reward_token, blocks).await?;
    if found.campaigns.is_empty() {
        let whose = args.reward_token.map_or(String::new(), |token| format!(" that pays {token}"));
        eprintln!(
            "accrual: no campaign{whose} was announced by {creator} in blocks {} to {}; --pools-of TOKEN finds its pools",
            blocks.first, blocks.last
        );
    }
    if found.overrides_left_out > 0 {
        eprintln!("accrual: {}", left_out(found.overrides_left_out, blocks, begins(config.chain.id)));
    }
    write_all(&scanner, blocks, &found.campaigns, &mut written).await?;
    println!("{}", written.text());
    Ok(())
}

fn passed_over(token: Address, transfers: usize, blocks: BlockRange) -> String {
    format!(
        "of the transfers of {token} into each of Balancer's Vaults only the first {} were looked behind, and {transfers} were not: a Balancer pool from before block {} may be missing; an earlier --from finds it",
        discover::JOINS_LOOKED_AT,
        blocks.first
    )
}

/// Of which campaigns the overrides are is not known without their announcements, so the block that surely comes before
/// all of them is named.
fn left_out(overrides: usize, blocks: BlockRange, begins: BlockNumber) -> String {
    let told = format!(
        "{overrides} overrides in blocks {} to {} are of campaigns that were not announced there, and are left out",
        blocks.first, blocks.last
    );
    if begins < blocks.first {
        format!("{told}: --from {begins} finds all of them, an earlier --from some")
    } else {
        told
    }
}

/// The block before which nothing was announced, as far as is known.
fn begins(chain_id: u64) -> BlockNumber {
    match chain_id {
        8453 => CREATED_ON_BASE,
        _ => BlockNumber(0),
    }
}

async fn blocks(source: &RpcSource, config: &Config, from: Option<u64>) -> Result<BlockRange, Failure> {
    let oldest = config.pools.iter().map(|entry| entry.pool.created_block).min();
    let first = from.map(BlockNumber).or(oldest).unwrap_or(begins(config.chain.id));
    let last = source.heads().await?.latest.number;
    if first > last {
        return Err(Failure::usage(format!("--from {first}: the chain's newest block is {last}")));
    }
    Ok(BlockRange { first, last })
}

/// Finds each campaign's pool, once, and writes both.
async fn write_all(
    scanner: &Scanner<'_>,
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
            Some(pool) => {
                let reward = announcement.campaign.rewardToken;
                if !written.knows_token(reward) {
                    let (symbol, decimals) = discover::token_says(scanner.source, reward).await;
                    written.token(reward, symbol, decimals);
                }
                written.campaign(announcement, pool);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_names_the_block_that_would_include_it() {
        let blocks = |first| BlockRange { first: BlockNumber(first), last: BlockNumber(90) };
        let told = left_out(3, blocks(50), BlockNumber(7));
        assert!(told.starts_with("3 overrides in blocks 50 to 90") && told.contains("--from 7"), "{told}");
        assert!(!left_out(3, blocks(7), BlockNumber(7)).contains("--from"), "no earlier block would help");
        let told = passed_over(Address::ZERO, 12, blocks(50));
        assert!(
            told.contains("first 5") && told.contains("12 were not") && told.contains("before block 50"),
            "{told}"
        );
    }
}
