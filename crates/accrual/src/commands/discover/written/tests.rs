//! What is written is read back as TOML, and held against what was found.

use accrual_indexer::decode::merkl::{CampaignParameters, TokenHeld, campaign_data};
use accrual_rewards::id::PoolId;
use accrual_rewards::pool::{Pool, PoolFacts};
use accrual_rewards::unit::BlockNumber;
use alloy_primitives::{B256, Bytes, U256};
use toml_edit::{ArrayOfTables, DocumentMut};

use super::*;

const POOL: Address = Address::repeat_byte(0x10);
const TOKEN0: Address = Address::repeat_byte(0x61);
const TOKEN1: Address = Address::repeat_byte(0x62);
const REWARD: Address = Address::repeat_byte(0x63);
const ANN: Address = Address::repeat_byte(0xa1);

fn found(venue: Venue, tokens: &[(Address, &str)]) -> FoundPool {
    let facts = PoolFacts {
        tokens: tokens.iter().map(|(address, _)| *address).collect(),
        decimals: vec![Some(18); tokens.len()],
        ..PoolFacts::default()
    };
    let pool = Pool {
        id: PoolId::try_from("found".to_owned()).unwrap(),
        venue,
        address: POOL,
        position_manager: None,
        created_block: BlockNumber(7),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts,
    };
    let symbols = tokens.iter().map(|(_, symbol)| Some((*symbol).to_owned())).collect();
    FoundPool { pool, symbols, created_block_is_known: true }
}

fn at(block: u64) -> Place {
    Place { block: BlockNumber(block), transaction: B256::repeat_byte(1) }
}

/// Two weeks from 2025-06-05T17:00:00Z on.
fn parameters() -> CampaignParameters {
    CampaignParameters {
        campaignId: B256::repeat_byte(0xca),
        creator: ANN,
        rewardToken: REWARD,
        amount: U256::from(970),
        campaignType: 1,
        startTimestamp: 1_749_142_800,
        duration: 1_209_600,
        campaignData: Bytes::new(),
    }
}

fn held(blacklist: Vec<Address>) -> CampaignData {
    CampaignData::Token(TokenHeld { token: POOL, whitelist: Vec::new(), blacklist })
}

fn announcement(overrides: Vec<Override>) -> Announcement {
    let campaign = parameters();
    Announcement { campaign, data: Ok(held(Vec::new())), place: at(9), id_fits: true, overrides }
}

fn read(written: &Written) -> DocumentMut {
    let text = written.text();
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn tables<'a>(document: &'a DocumentMut, key: &str) -> Option<&'a ArrayOfTables> {
    document.get(key).and_then(|item| item.as_array_of_tables())
}

fn texts(document: &DocumentMut, key: &str, field: &str) -> Vec<String> {
    let rows = tables(document, key).into_iter().flatten();
    rows.map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_token_that_is_no_pool_has_a_line_that_says_so() {
    for venue in Venue::ALL {
        let mut written = Written::default();
        written.pool(&found(venue, &[(TOKEN0, "rUSD")]));
        let text = written.text();
        let before = text.lines().take_while(|line| !line.starts_with("venue")).last().unwrap();
        assert_eq!(before.starts_with("# It answers as a token"), venue == Venue::Erc20, "{text}");
        assert_eq!(texts(&read(&written), "pools", "venue"), [venue.as_str()]);
    }
}

#[test]
fn tokens_are_written_once_and_only_with_all_that_the_file_needs() {
    let mut written = Written::default();
    written.pool(&found(Venue::UniswapV3, &[(TOKEN0, "rUSD"), (TOKEN1, "rTKN")]));
    written.pool(&found(Venue::UniswapV3, &[(TOKEN0, "rUSD")]));
    assert!(written.knows_token(TOKEN1) && !written.knows_token(REWARD));
    written.token(REWARD, Some("rRWD".to_owned()), None);
    assert!(!written.knows_token(REWARD), "no decimals, no entry");
    written.token(REWARD, Some("r\"R\nWD".to_owned()), Some(9));
    written.token(REWARD, Some("other".to_owned()), Some(1));
    let document = read(&written);
    assert_eq!(texts(&document, "tokens", "symbol"), ["rUSD", "rTKN", "r\"R\nWD"]);
    assert_eq!(texts(&document, "tokens", "address")[2], REWARD.to_checksum(None));
    let decimals = tables(&document, "tokens").unwrap().iter().map(|row| row["decimals"].as_integer());
    assert_eq!(decimals.collect::<Vec<_>>(), [Some(18), Some(18), Some(9)]);
    assert_eq!(texts(&document, "pools", "address").len(), 1, "a pool is written once");
}

#[test]
fn a_campaign_stands_with_its_versions_on_its_pool() {
    let pool = found(Venue::Erc20, &[(TOKEN0, "r USD!")]);
    let longer = CampaignParameters { duration: 2 * 1_209_600, ..parameters() };
    let since = UnixSeconds(1_749_200_000);
    let data = Ok(held(vec![ANN]));
    let announcement = announcement(vec![Override { campaign: longer, data, place: at(12), since }]);
    let mut written = Written::default();
    written.pool(&pool);
    written.campaign(&announcement, &pool);
    let document = read(&written);
    let campaign = tables(&document, "campaigns").unwrap().get(0).unwrap();
    let pools = texts(&document, "pools", "id");
    assert_eq!(campaign["pool"].as_str(), Some(pools[0].as_str()));
    for (field, expected) in [
        ("reward_token", REWARD.to_checksum(None)),
        ("merkl_campaign_id", B256::repeat_byte(0xca).to_string()),
        ("budget_units", "970".to_owned()),
        ("starts_at", "2025-06-05T17:00:00Z".to_owned()),
        ("ends_at", "2025-06-19T17:00:00Z".to_owned()),
    ] {
        assert_eq!(campaign[field].as_str(), Some(expected.as_str()), "{field}");
    }
    assert!(campaign.get("weights").is_none(), "a token has no parts");
    let version = campaign["versions"].as_array_of_tables().unwrap().get(0).unwrap();
    assert_eq!(version["since"].as_str(), Some("2025-06-06T08:53:20Z"));
    assert_eq!(version["ends_at"].as_str(), Some("2025-07-03T17:00:00Z"));
    assert_eq!(version["blacklist"][0].as_str(), Some(ANN.to_checksum(None).as_str()));
    let text = written.text();
    assert!(text.contains("# Announced in block 9,") && text.contains("# Overridden in block 12,"), "{text}");
}

#[test]
fn what_cannot_be_followed_is_a_comment_with_its_reason() {
    let mut unread = announcement(Vec::new());
    unread.data = campaign_data(2, &vec![0xff; 400].into());
    let mut written = Written::default();
    let why = unread.data.as_ref().unwrap_err().to_string();
    written.left_out(&unread, &why);
    let text = written.text();
    assert!(text.contains(&why) && text.contains("block 9"), "{text}");
    assert!(read(&written).as_table().is_empty(), "comments alone: {text}");
}
