//! What the recording asks the contracts, so that those who follow it may ask the same.

use std::collections::BTreeSet;

use accrual_recording::{Block, Log};
use accrual_rewards::unit::{Tick, TickRange};
use alloy::primitives::aliases::{I24, U24};
use alloy::primitives::{Address, Bytes, U256, keccak256};
use alloy::sol_types::{SolCall, SolEvent};

use crate::contracts::abi;
use crate::stage::{Pool, Stage, WeightedPool, position_key};

/// A call whose answer is recorded.
pub(super) struct Question {
    pub(super) to: Address,
    pub(super) data: Bytes,
}

impl Question {
    fn new(to: Address, call: &impl SolCall) -> Self {
        Self { to, data: call.abi_encode().into() }
    }
}

/// The contracts that the story is about.
pub(super) fn contracts(stage: &Stage, pools: &[Pool]) -> Vec<Address> {
    let own = [
        stage.factory,
        stage.manager,
        stage.usd,
        stage.tkn,
        stage.reward,
        stage.holder,
        stage.swapper,
        stage.flasher,
    ];
    own.into_iter().chain(pools.iter().map(|pool| pool.address)).collect()
}

/// What is the same at every block.
pub(super) fn lasting(stage: &Stage, pools: &[Pool]) -> Vec<Question> {
    let mut questions = vec![
        Question::new(stage.manager, &abi::Manager::factoryCall {}),
        Question::new(stage.manager, &abi::Manager::WETH9Call {}),
        Question::new(stage.manager, &abi::Manager::nameCall {}),
        Question::new(stage.manager, &abi::Manager::symbolCall {}),
        Question::new(stage.factory, &abi::Factory::ownerCall {}),
    ];
    for token in [stage.usd, stage.tkn, stage.reward] {
        questions.push(Question::new(token, &abi::Token::nameCall {}));
        questions.push(Question::new(token, &abi::Token::symbolCall {}));
        questions.push(Question::new(token, &abi::Token::decimalsCall {}));
    }
    for pool in pools {
        let fee = U24::from(pool.fee_ppm);
        questions.push(Question::new(stage.factory, &abi::Factory::feeAmountTickSpacingCall { fee }));
        for (one, other) in [(stage.usd, stage.tkn), (stage.tkn, stage.usd)] {
            questions.push(Question::new(
                stage.factory,
                &abi::Factory::getPoolCall { tokenA: one, tokenB: other, fee },
            ));
        }
        questions.push(Question::new(pool.address, &abi::Pool::factoryCall {}));
        questions.push(Question::new(pool.address, &abi::Pool::token0Call {}));
        questions.push(Question::new(pool.address, &abi::Pool::token1Call {}));
        questions.push(Question::new(pool.address, &abi::Pool::feeCall {}));
        questions.push(Question::new(pool.address, &abi::Pool::tickSpacingCall {}));
        questions.push(Question::new(pool.address, &abi::Pool::maxLiquidityPerTickCall {}));
    }
    questions
}

/// What the contracts of the pools beside say of themselves: every view without arguments that somebody who follows them
/// may ask, and those of the Vault and of the feeds. Supplies are those of the end.
pub(super) fn beside(contracts: &[Address], weighted: &WeightedPool) -> Vec<Question> {
    let mut questions: Vec<Question> = contracts
        .iter()
        .flat_map(|to| VIEWS.map(|view| Question { to: *to, data: selector(view) }))
        .collect();
    for to in contracts {
        questions.push(Question::new(*to, &abi::Feed::phaseAggregatorsCall { phase: 1 }));
    }
    questions.push(Question::new(weighted.vault, &abi::Vault::getPoolCall { poolId: weighted.id }));
    questions.push(Question::new(weighted.vault, &abi::Vault::getPoolTokensCall { poolId: weighted.id }));
    questions
}

const VIEWS: [&str; 22] = [
    "name()",
    "symbol()",
    "decimals()",
    "totalSupply()",
    "token0()",
    "token1()",
    "factory()",
    "stable()",
    "getPoolId()",
    "getVault()",
    "getNormalizedWeights()",
    "pool()",
    "nft()",
    "gauge()",
    "pid()",
    "operator()",
    "rewardsDistribution()",
    "lp_token()",
    "stakingToken()",
    "aggregator()",
    "phaseId()",
    "description()",
];

fn selector(view: &str) -> Bytes {
    Bytes::copy_from_slice(&keccak256(view)[..4])
}

/// What was true at one height: the pools, their ticks and positions, and every NFT.
pub(super) fn of_state(stage: &Stage, pools: &[Pool], blocks: &[Block], at_block: u64) -> Vec<Question> {
    let until: Vec<_> = blocks.iter().take_while(|block| block.header.number <= at_block).collect();
    let logs =
        || until.iter().flat_map(|block| &block.transactions).flat_map(|transaction| &transaction.logs);
    let mut questions = vec![Question::new(stage.manager, &abi::Manager::totalSupplyCall {})];
    questions.extend(pools.iter().flat_map(|pool| of_pool(stage, pool, logs())));
    for token in [stage.usd, stage.tkn, stage.reward] {
        questions.push(Question::new(token, &abi::Token::totalSupplyCall {}));
    }
    for id in minted_ids(stage, logs()) {
        questions.push(Question::new(stage.manager, &abi::Manager::positionsCall { tokenId: id }));
        questions.push(Question::new(stage.manager, &abi::Manager::ownerOfCall { tokenId: id }));
    }
    questions
}

fn of_pool<'a>(stage: &Stage, pool: &Pool, logs: impl Iterator<Item = &'a Log>) -> Vec<Question> {
    let mut questions = vec![
        Question::new(pool.address, &abi::Pool::slot0Call {}),
        Question::new(pool.address, &abi::Pool::liquidityCall {}),
        Question::new(pool.address, &abi::Pool::feeGrowthGlobal0X128Call {}),
        Question::new(pool.address, &abi::Pool::feeGrowthGlobal1X128Call {}),
        Question::new(pool.address, &abi::Pool::protocolFeesCall {}),
        Question::new(stage.usd, &abi::Token::balanceOfCall { account: pool.address }),
        Question::new(stage.tkn, &abi::Token::balanceOfCall { account: pool.address }),
    ];
    let positions = positions_of(pool, logs);
    let ends = positions.iter().flat_map(|(_, range)| [range.lower, range.upper]);
    for Tick(tick) in ends.collect::<BTreeSet<_>>() {
        let tick = I24::try_from(tick).expect("a tick of an event fits 24 bits");
        questions.push(Question::new(pool.address, &abi::Pool::ticksCall { tick }));
    }
    for (owner, range) in positions {
        let key = position_key(owner, range);
        questions.push(Question::new(pool.address, &abi::Pool::positionsCall { key }));
    }
    questions
}

/// Every owner and range that a pool ever had liquidity of.
fn positions_of<'a>(pool: &Pool, logs: impl Iterator<Item = &'a Log>) -> BTreeSet<(Address, TickRange)> {
    let mints = logs.filter(|log| log.address == pool.address).filter_map(decode::<abi::Pool::Mint>);
    mints.map(|mint| (mint.owner, range_of(mint.tickLower, mint.tickUpper))).collect()
}

fn minted_ids<'a>(stage: &Stage, logs: impl Iterator<Item = &'a Log>) -> BTreeSet<U256> {
    let transfers =
        logs.filter(|log| log.address == stage.manager).filter_map(decode::<abi::Manager::Transfer>);
    transfers.map(|transfer| transfer.tokenId).collect()
}

pub(super) fn decode<E: SolEvent>(log: &Log) -> Option<E> {
    E::decode_raw_log(log.topics.iter().copied(), &log.data).ok()
}

pub(super) fn range_of(lower: I24, upper: I24) -> TickRange {
    TickRange { lower: Tick(lower.as_i32()), upper: Tick(upper.as_i32()) }
}
