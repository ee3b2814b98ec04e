//! What is found on a chain, and what is said of that which is left out.

use accrual_indexer::decode::merkl::{CampaignOverride, CampaignParameters, NewCampaign};
use accrual_indexer::decode::token::Transfer;
use accrual_indexer::discover::{self, JOINS_LOOKED_AT, PoolsOf, Scanner};
use accrual_indexer::source::{BlockRange, Heads, LogQuery, LogSource, RawLog, SourceError};
use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use alloy::primitives::{Address, B256, Bytes, address, b256};
use alloy::sol;
use async_trait::async_trait;

use crate::fetching::Node;
use crate::rig::*;

sol! {
    event TokensRegistered(bytes32 indexed poolId, address[] tokens, address[] assetManagers);
}

const SECOND_VAULT: Address = address!("BA12222222228d8Ba445958a75a0704d566BF2C8");
const THIRD_VAULT: Address = address!("bA1333333333a1BA1108E8412f11850A5C319bA9");
/// `PoolRegistered` of the third Vault (`facts/protocols.md` 4.2).
const POOL_REGISTERED: B256 = b256!("bc1561eeab9f40962e2fb827a7ff9c7cdb47a9d7c84caeefa4ed90e043842dad");
const CREATOR: Address = Address::repeat_byte(0xc1);
const BLOCKS: BlockRange = BlockRange { first: BlockNumber(1), last: BlockNumber(100) };

/// A chain on which no contract answers.
struct Silent(Node);

#[async_trait]
impl LogSource for Silent {
    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        self.0.logs(query).await
    }
    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        self.0.headers(numbers).await
    }
    async fn chain_id(&self) -> Result<u64, SourceError> {
        Ok(8453)
    }
    async fn call(&self, _: Address, _: Bytes, _: Option<BlockNumber>) -> Result<Option<Bytes>, SourceError> {
        Ok(None)
    }
    async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
        unreachable!("only a follower asks who has code")
    }
    async fn heads(&self) -> Result<Heads, SourceError> {
        unreachable!("the range is given")
    }
    async fn wait_for_block(&self) {}
}

fn pool_id(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn registered(byte: u8, tokens: Vec<Address>) -> RawLog {
    log(SECOND_VAULT, &TokensRegistered { poolId: pool_id(byte), tokens, assetManagers: Vec::new() })
}

fn registered_in_third(pool: Address, token: Address) -> RawLog {
    let topics = vec![POOL_REGISTERED, pool.into_word(), ANN.into_word()];
    raw(THIRD_VAULT, topics, [B256::from(u(32)), token.into_word(), B256::ZERO].concat())
}

fn joined(vault: Address) -> RawLog {
    log(TOKEN0, &Transfer { from: ANN, to: vault, value: u(1) })
}

async fn pools_of(logs: Vec<(u64, RawLog)>) -> PoolsOf {
    let source = Silent(Node::new(logs));
    let scanner = Scanner::new(&source, 30, &|_| {});
    discover::pools_of(&scanner, TOKEN0, &[TOKEN1], BLOCKS).await.unwrap()
}

#[tokio::test]
async fn every_balancer_pool_that_was_registered_in_the_range_is_found() {
    let mut logs = vec![
        (3, registered(0x71, vec![TOKEN0, TOKEN1])),
        (3, registered(0x72, vec![TOKEN1])),
        (4, registered_in_third(BOB, TOKEN0)),
        (4, registered_in_third(GAUGE, TOKEN1)),
    ];
    // Each of these is a join of a pool of its own, registered before the range.
    let joins = JOINS_LOOKED_AT + 2;
    for (block, byte) in (20..).zip(0x81..).take(joins) {
        logs.extend([(block, joined(SECOND_VAULT)), (block, registered(byte, vec![]))]);
    }
    let found = pools_of(logs).await;
    let first_twenty_bytes = |byte| Address::repeat_byte(byte);
    let mut expected = vec![first_twenty_bytes(0x71), BOB];
    expected.extend((0x81..).take(JOINS_LOOKED_AT).map(first_twenty_bytes));
    assert_eq!(found.pools, expected.into_iter().collect());
    assert_eq!(found.transfers_passed_over, 2, "two joins of older pools are not looked behind");
}

#[tokio::test]
async fn nothing_is_passed_over_up_to_the_limit() {
    let joins = (20..)
        .take(JOINS_LOOKED_AT)
        .flat_map(|block| [(block, joined(SECOND_VAULT)), (block, joined(THIRD_VAULT))]);
    assert_eq!(pools_of(joins.collect()).await, PoolsOf::default());
}

fn parameters(id: u8, reward_token: Address) -> CampaignParameters {
    CampaignParameters {
        campaignId: B256::repeat_byte(id),
        creator: ANN,
        rewardToken: reward_token,
        amount: u(9),
        campaignType: 1,
        startTimestamp: 1,
        duration: 1,
        campaignData: Bytes::new(),
    }
}

fn new(id: u8, reward_token: Address) -> RawLog {
    log(CREATOR, &NewCampaign { campaign: parameters(id, reward_token) })
}

fn overridden(id: u8, reward_token: Address) -> RawLog {
    let campaign = parameters(id, reward_token);
    log(CREATOR, &CampaignOverride { campaignId: campaign.campaignId, campaign })
}

#[tokio::test]
async fn overrides_of_older_campaigns_are_counted() {
    let logs = vec![
        (3, new(1, TOKEN0)),
        (4, new(2, TOKEN1)),
        (5, overridden(1, TOKEN0)),
        (6, overridden(2, TOKEN1)),
        (7, overridden(8, TOKEN0)),
        (8, overridden(8, TOKEN0)),
        (9, overridden(9, TOKEN1)),
    ];
    let source = Silent(Node::new(logs));
    let scanner = Scanner::new(&source, 30, &|_| {});
    // All campaigns, those that pay the first token, and those that pay one that nobody pays.
    for (reward_token, campaigns, left_out) in [(None, 2, 3), (Some(TOKEN0), 1, 2), (Some(POOL), 0, 0)] {
        let found = discover::campaigns(&scanner, CREATOR, reward_token, BLOCKS).await.unwrap();
        assert_eq!(
            (found.campaigns.len(), found.overrides_left_out),
            (campaigns, left_out),
            "{reward_token:?}"
        );
        assert!(found.campaigns.iter().all(|one| one.overrides.len() == 1), "{reward_token:?}");
    }
}
