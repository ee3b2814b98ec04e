//! What the tests of the other venues share: a stage of their own, a pool followed on it, and the contracts at a block.

use accrual_indexer::follow::{Finality, Follower, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_rehearsal::{Anvil, AnvilOptions, RehearsalError, Stage, Transaction, account, ensure_npm};
use accrual_rewards::id::Venue;
use accrual_rewards::ownership::Owner;
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::BlockNumber;
use accrual_store::rebuild;
use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall;
use serde_json::json;

use super::options;

pub(super) const SEEDS: [u64; 2] = [3, 2025];

pub(super) async fn stage() -> Stage {
    let npm = ensure_npm().unwrap();
    let anvil = Anvil::start(&npm, AnvilOptions::default()).await.unwrap();
    Stage::set_up(anvil.into(), &npm).await.unwrap()
}

pub(super) fn people() -> Vec<Address> {
    (0..6).map(|index| account(&format!("person {index}"))).collect()
}

pub(super) fn pool(venue: Venue, address: Address, created_block: u64, wrappers: Vec<Wrapper>) -> Pool {
    Pool {
        id: "venue".parse().unwrap(),
        venue,
        address,
        position_manager: None,
        created_block: BlockNumber(created_block),
        vault: None,
        feeds: Vec::new(),
        wrappers,
        facts: Default::default(),
    }
}

pub(super) fn wrapper(kind: WrapperKind, address: Address) -> Wrapper {
    Wrapper { kind, address, holder: address, to: None }
}

/// The pool's trackers at these blocks, from logs alone.
pub(super) async fn follow(stage: &Stage, pool: &Pool, heights: &[u64]) -> Vec<PoolTracker> {
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    let source = RpcSource::new(&[stage.anvil.url().to_owned()], RpcOptions::default());
    let options = options(Finality::Confirmations(20));
    let pools = vec![pool.clone()];
    let mut follower = Follower::open(source, fresh.db.clone(), pools, Vec::new(), options).await.unwrap();
    follower.sync(Target::Head, &|_| {}).await.unwrap();
    let mut trackers = Vec::new();
    for height in heights {
        trackers.push(rebuild::tracker_at(&fresh.db, pool, &[], BlockNumber(*height)).await.unwrap());
    }
    fresh.remove().await;
    trackers
}

/// Makes a block of what may fail; answers how much went through.
pub(super) async fn play(stage: &mut Stage, acts: Vec<Transaction>) -> usize {
    let acts: Vec<_> = acts.into_iter().map(Transaction::or_revert).collect();
    let mined = stage.play(&acts).await.unwrap();
    mined.receipts.iter().filter(|receipt| receipt.status()).count()
}

/// What an account owns itself or through gauges, not through vaults.
pub(super) fn owned_by(tracker: &PoolTracker, account: Address) -> u128 {
    let stakes = tracker.ownership().stakes().iter();
    stakes.filter(|stake| stake.owner == Owner::Account(account)).map(|stake| stake.liquidity.0).sum()
}

/// A contract's answer at a block.
pub(super) async fn read<C: SolCall>(
    stage: &Stage,
    height: u64,
    to: Address,
    call: &C,
) -> Result<C::Return, RehearsalError> {
    let question = json!([{ "to": to, "data": Bytes::from(call.abi_encode()) }, U256::from(height)]);
    let answer: Bytes = stage.anvil.ask("eth_call", question).await?;
    Ok(C::abi_decode_returns(&answer).unwrap())
}

/// A token's balance at a block.
pub(super) async fn balance(stage: &Stage, height: u64, token: Address, account: Address) -> U256 {
    read(stage, height, token, &accrual_rehearsal::abi::Token::balanceOfCall { account }).await.unwrap()
}
