//! A contract with the Distributor's rules pays our tree and refuses what was changed; its logs tell what it says itself.

use accrual_indexer::IndexError;
use accrual_indexer::complete::Completeness;
use accrual_indexer::distributor::{DistributorOptions, DistributorReader, live_root};
use accrual_indexer::follow::{Finality, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_rehearsal::{ClaimCall, Mined, Stage, Transaction, abi, account};
use accrual_rewards::report::by_account;
use accrual_rewards::tree::{Claim, Proof, Tree};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::distributor::{self, Followed};
use accrual_store::{Db, rebuild};
use accrual_tests::db::{Fresh, on_each_engine};
use accrual_tests::liar::{Faults, Liar};
use alloy::primitives::{Address, B256, U256};
use serde_json::{Value, json};

use super::crowd::Crowd;
use super::venues::{balance, read};
use super::{campaigns, follower, pools};

const FINALITY: Finality = Finality::Confirmations(50);
const HOUR: u64 = 3600;
const CHAIN: u64 = 8453;

fn reader_options(crowd: &Crowd, address: Address) -> DistributorOptions {
    let pools = pools(crowd);
    let followed = Followed {
        chain_id: CHAIN,
        address,
        first_block: pools.iter().map(|pool| pool.created_block).min().unwrap(),
        tokens: [crowd.stage.reward].into(),
    };
    DistributorOptions {
        followed,
        pools: pools.into_iter().map(|pool| pool.id).collect(),
        log_range_blocks_max: 7,
        completeness: Completeness::Bloom,
    }
}

async fn reader(crowd: &Crowd, db: &Db, address: Address) -> DistributorReader {
    let source = RpcSource::new(&[crowd.stage.anvil.url().to_owned()], RpcOptions::default());
    DistributorReader::open(source, db.clone(), reader_options(crowd, address)).await.unwrap()
}

/// Brings pools and Distributor to the head, with readers of their own.
async fn sync(crowd: &Crowd, db: &Db, address: Address) -> BlockNumber {
    let head = follower(crowd, db, "http", FINALITY).await.sync(Target::Head, &|_| {}).await.unwrap();
    assert_eq!(reader(crowd, db, address).await.sync().await.unwrap(), Some(head));
    head
}

/// What each account has earned by a block, as a tree.
async fn tree_at(crowd: &Crowd, db: &Db, block: BlockNumber, at: UnixSeconds) -> Tree {
    let (pool, campaigns) = (&pools(crowd)[0], campaigns(crowd));
    let tracker = rebuild::tracker_at(db, pool, &campaigns, block).await.unwrap();
    let figures = tracker.figures(&campaigns[0].id, at).unwrap().unwrap();
    let token = crowd.stage.reward;
    let claim = |row: accrual_rewards::report::AccountEarned| Claim {
        account: row.account,
        token,
        amount: row.earned,
    };
    let tree = Tree::new(by_account(&figures).into_iter().map(claim)).unwrap();
    assert!(tree.claims().len() > 3, "{:?}", tree.claims());
    tree
}

fn call(proof: &Proof) -> ClaimCall {
    let Claim { account, token, amount } = proof.claim;
    ClaimCall { user: account, token, amount: amount.0, proof: proof.path.clone() }
}

/// As it is, and changed in each way that would give somebody more, or something to somebody else.
fn changed(call: &ClaimCall) -> Vec<ClaimCall> {
    let (nobody, mut short, mut bent) = (account("nobody"), call.clone(), call.clone());
    short.proof.pop();
    bent.proof[0] = !bent.proof[0];
    vec![
        ClaimCall { amount: call.amount + U256::from(1), ..call.clone() },
        ClaimCall { amount: call.amount - U256::from(1), ..call.clone() },
        ClaimCall { user: nobody, ..call.clone() },
        ClaimCall { token: nobody, ..call.clone() },
        short,
        bent,
    ]
}

async fn play_at(stage: &mut Stage, unix: u64, acts: Vec<Transaction>) -> Vec<bool> {
    let acts: Vec<_> = acts.into_iter().map(Transaction::or_revert).collect();
    let mined: Mined = stage.play_at(unix, &acts).await.unwrap();
    mined.receipts.iter().map(|receipt| receipt.status()).collect()
}

async fn claim_all(stage: &mut Stage, distributor: Address, unix: u64, calls: &[ClaimCall]) -> Vec<bool> {
    let acts = calls.iter().map(|call| stage.claim(distributor, stage.deployer, call)).collect();
    play_at(stage, unix, acts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_tree_is_paid_and_a_changed_claim_refused() {
    let mut crowd = Crowd::gather(21).await;
    let distributor = crowd.stage.open_distributor().await.unwrap();
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    crowd.play(30).await;
    let first_block = sync(&crowd, &fresh.db, distributor).await;
    let first = tree_at(&crowd, &fresh.db, first_block, UnixSeconds(crowd.stage.now)).await;
    let calls: Vec<ClaimCall> = first.proofs().map(|proof| call(&proof)).collect();
    crowd.play(20).await;
    let second_block = sync(&crowd, &fresh.db, distributor).await;
    let second = tree_at(&crowd, &fresh.db, second_block, UnixSeconds(crowd.stage.now)).await;

    let (reward, now) = (crowd.stage.reward, crowd.stage.now);
    let stage = &mut crowd.stage;
    let update = stage.update_tree(distributor, first.root().unwrap());
    assert_eq!(play_at(stage, now + 2, vec![update]).await, [true]);
    let refused = claim_all(stage, distributor, now + 4, &calls).await;
    assert!(refused.iter().all(|paid| !paid), "its window is open: {refused:?}");
    let later = now + 2 * HOUR;
    let wrong: Vec<ClaimCall> = calls.iter().flat_map(changed).collect();
    let refused = claim_all(stage, distributor, later, &wrong).await;
    assert!(refused.iter().all(|paid| !paid), "what was changed is refused: {refused:?}");
    let before: Vec<U256> = balances(stage, reward, &calls).await;
    let paid = claim_all(stage, distributor, later + 2, &calls).await;
    assert!(paid.iter().all(|paid| *paid), "every claim is paid: {paid:?}");
    let after = balances(stage, reward, &calls).await;
    for ((call, before), after) in calls.iter().zip(before).zip(after) {
        assert_eq!(after - before, call.amount, "{call:?}");
    }

    // The next tree pays what came in addition, also to a stranger who sends their own claim.
    let update = stage.update_tree(distributor, second.root().unwrap());
    play_at(stage, later + 4, vec![update]).await;
    let calls: Vec<ClaimCall> = second.proofs().map(|proof| call(&proof)).collect();
    let paid = claim_all(stage, distributor, later + 3 * HOUR, &calls).await;
    assert!(paid.iter().all(|paid| *paid), "{paid:?}");
    let head = sync(&crowd, &fresh.db, distributor).await;
    for claim in second.claims() {
        let told = distributor::claimed(&fresh.db, CHAIN, claim.account, claim.token, head).await.unwrap();
        assert_eq!(told, claim.amount, "claimed in all by {}", claim.account);
        let question = abi::MerklDistributor::claimedCall { user: claim.account, token: claim.token };
        let says = read(&crowd.stage, head.0, distributor, &question).await.unwrap();
        assert_eq!(told, Amount(U256::from(says.amount)));
    }
    let by_account = distributor::claimed_by_account(&fresh.db, CHAIN, reward, head).await.unwrap();
    let expected = second.claims().iter().map(|claim| (claim.account, claim.amount));
    assert_eq!(by_account, expected.collect());
    let at_first = distributor::claimed_by_account(&fresh.db, CHAIN, reward, second_block).await.unwrap();
    assert!(at_first.is_empty(), "{at_first:?}");
    let source = RpcSource::new(&[crowd.stage.anvil.url().to_owned()], RpcOptions::default());
    assert_eq!(live_root(&source, distributor).await.unwrap(), second.root());
    assert_eq!(live_root(&source, crowd.stage.reward).await.unwrap(), None);
    let options = reader_options(&crowd, crowd.stage.reward);
    let refused = DistributorReader::open(source, fresh.db.clone(), options).await.err().unwrap();
    assert!(matches!(refused, IndexError::NotADistributor { .. }), "{refused}");
    fresh.remove().await;
}

async fn balances(stage: &Stage, token: Address, calls: &[ClaimCall]) -> Vec<U256> {
    let mut balances = Vec::new();
    let height = stage.anvil.block_number().await.unwrap();
    for call in calls {
        balances.push(balance(stage, height, token, call.user).await);
    }
    balances
}

/// Trees, disputes that were right and wrong, a revocation, and windows that change their length.
#[tokio::test(flavor = "multi_thread")]
async fn the_root_that_counts_is_the_contracts_at_every_block() {
    let mut crowd = Crowd::gather(22).await;
    let at = crowd.stage.open_distributor().await.unwrap();
    crowd.play(3).await;
    let critic = account("person 1");
    let first = crowd.stage.anvil.block_number().await.unwrap();
    for (pause, acts) in story(&crowd.stage, at, critic) {
        let stage = &mut crowd.stage;
        let soon = stage.now + 2;
        let unix = if pause == 0 { soon } else { (stage.now / HOUR) * HOUR + pause };
        let went = play_at(stage, unix.max(soon), acts).await;
        assert!(went.iter().all(|went| *went), "{went:?}");
    }
    on_each_engine(async |fresh| {
        let head = sync(&crowd, &fresh.db, at).await;
        let mut roots = std::collections::BTreeSet::new();
        for height in first..=head.0 {
            let block: Value = crowd
                .stage
                .anvil
                .ask("eth_getBlockByNumber", json!([U256::from(height), false]))
                .await
                .unwrap();
            let unix: U256 = serde_json::from_value(block["timestamp"].clone()).unwrap();
            let trees = distributor::trees_at(&fresh.db, CHAIN, BlockNumber(height)).await.unwrap();
            let told = trees.live(UnixSeconds(unix.saturating_to())).unwrap_or_default();
            let says =
                read(&crowd.stage, height, at, &abi::MerklDistributor::getMerkleRootCall {}).await.unwrap();
            assert_eq!(told, says, "block {height} of {first} to {head}");
            let ends = read(&crowd.stage, height, at, &abi::MerklDistributor::endOfDisputePeriodCall {})
                .await
                .unwrap();
            assert_eq!(trees.dispute_ends_at().unwrap_or_default(), UnixSeconds(ends.to()), "block {height}");
            roots.insert(told);
        }
        assert!(roots.len() >= 6, "{roots:?}");
        let events = distributor::tree_events(&fresh.db, CHAIN, head).await.unwrap();
        assert_eq!(events.len(), 21, "{events:?}");
    })
    .await;
}

/// Seconds after the last full hour (0: two seconds later), and what happens then.
fn story(stage: &Stage, at: Address, critic: Address) -> Vec<(u64, Vec<Transaction>)> {
    let update = |byte| stage.update_tree(at, B256::repeat_byte(byte));
    let dispute = || stage.dispute(at, critic, "a leaf falls");
    vec![
        (HOUR, vec![update(1)]),
        (HOUR - 1, vec![]),
        (HOUR, vec![]),
        (2 * HOUR, vec![update(2)]),
        (0, vec![dispute()]),
        (3 * HOUR, vec![]),
        (0, vec![stage.resolve_dispute(at, false)]),
        (HOUR, vec![]),
        (HOUR, vec![]),
        (HOUR + 7, vec![update(3)]),
        (0, vec![dispute()]),
        (2 * HOUR, vec![stage.resolve_dispute(at, true)]),
        (0, vec![]),
        (HOUR, vec![update(4)]),
        (HOUR, vec![]),
        (0, vec![update(5)]),
        (0, vec![stage.revoke_tree(at)]),
        (HOUR, vec![stage.set_dispute_period(at, 3), update(6)]),
        (2 * HOUR, vec![]),
        (2 * HOUR, vec![]),
        (0, vec![stage.set_epoch(at, 60), update(7), dispute()]),
        (HOUR, vec![stage.resolve_dispute(at, false)]),
        (179, vec![]),
        (180, vec![]),
        (HOUR, vec![update(8), update(9)]),
        (HOUR, vec![]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_fork_and_back_the_same_claims_stay() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(21).await;
        let at = crowd.stage.open_distributor().await.unwrap();
        crowd.play(30).await;
        let head = sync(&crowd, &seen.db, at).await;
        let tree = tree_at(&crowd, &seen.db, head, UnixSeconds(crowd.stage.now)).await;
        let calls: Vec<ClaimCall> = tree.proofs().map(|proof| call(&proof)).collect();
        let now = crowd.stage.now;
        let later = now + 2 * HOUR;
        let stage = &mut crowd.stage;
        let update = stage.update_tree(at, tree.root().unwrap());
        play_at(stage, now + 2, vec![update]).await;
        assert_eq!(claim_all(stage, at, later, &calls[..1]).await, [true]);
        sync(&crowd, &seen.db, at).await;
        let (before, memory) = (rows(seen).await, crowd.memory.clone());
        let stage = &mut crowd.stage;
        assert!(claim_all(stage, at, later + 2, &calls[1..3]).await.iter().all(|paid| *paid));
        let update = stage.update_tree(at, B256::repeat_byte(7));
        play_at(stage, later + 4, vec![update]).await;
        sync(&crowd, &seen.db, at).await;
        let gone = rows(seen).await;
        assert_ne!(gone, before);

        crowd.forget(2, &memory).await;
        let live =
            follower(&crowd, &seen.db, "http", FINALITY).await.sync(Target::Head, &|_| {}).await.unwrap();
        let stand = distributor::get(&seen.db, CHAIN).await.unwrap().unwrap();
        assert!(stand.rewinds == 1 && stand.through.unwrap().number.0 == live.0 - 2, "{stand:?} at {live}");
        assert_eq!(rows(seen).await, before, "the pools' rewind takes the Distributor's rows back");
        let next = crowd.stage.now + 2;
        assert_eq!(claim_all(&mut crowd.stage, at, next, &calls[3..4]).await, [true]);
        sync(&crowd, &seen.db, at).await;

        let never_saw = accrual_tests::db::fresh(seen.engine).await.unwrap();
        sync(&crowd, &never_saw.db, at).await;
        let (ours, theirs) = (rows(seen).await, rows(&never_saw).await);
        never_saw.remove().await;
        assert_eq!(ours, theirs);
        assert!(ours != gone && ours != before);
    })
    .await;
}

/// The pools by the honest node, the Distributor by the one at `url`: how that went, and what is stored then.
async fn read_of(
    crowd: &Crowd,
    url: &str,
    address: Address,
    completeness: Completeness,
) -> (Result<Option<BlockNumber>, IndexError>, Vec<Vec<Vec<String>>>) {
    let stored = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    follower(crowd, &stored.db, "http", FINALITY).await.sync(Target::Head, &|_| {}).await.unwrap();
    let rpc = RpcOptions { chain_id: Some(CHAIN), ..RpcOptions::default() };
    let options = DistributorOptions { completeness, ..reader_options(crowd, address) };
    let source = RpcSource::new(&[url.to_owned()], rpc);
    let reader = DistributorReader::open(source, stored.db.clone(), options).await.unwrap();
    let outcome = reader.sync().await;
    let rows = rows(&stored).await;
    stored.remove().await;
    (outcome, rows)
}

/// A tree or a claim that a node keeps to itself would be money that nobody sees.
#[tokio::test(flavor = "multi_thread")]
async fn trees_and_claims_that_a_node_leaves_out_are_taken_from_the_receipts() {
    let mut crowd = Crowd::gather(21).await;
    let at = crowd.stage.open_distributor().await.unwrap();
    crowd.play(30).await;
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    let head = sync(&crowd, &fresh.db, at).await;
    let tree = tree_at(&crowd, &fresh.db, head, UnixSeconds(crowd.stage.now)).await;
    fresh.remove().await;
    let calls: Vec<ClaimCall> = tree.proofs().map(|proof| call(&proof)).collect();
    let (now, stage) = (crowd.stage.now, &mut crowd.stage);
    let update = stage.update_tree(at, tree.root().unwrap());
    play_at(stage, now + 2, vec![update]).await;
    let paid = claim_all(stage, at, now + 2 * HOUR, &calls[..3]).await;
    assert!(paid.iter().all(|paid| *paid), "{paid:?}");
    let honest = crowd.stage.anvil.url().to_owned();
    let (outcome, all) = read_of(&crowd, &honest, at, Completeness::Off).await;
    outcome.unwrap();
    assert!(!all[0].is_empty() && all[1].len() == 3, "{all:?}");

    let every = |omit_every| Faults { omit_every: Some(omit_every), ..Faults::default() };
    let cases = [
        ("every log", every(1), Completeness::Bloom),
        ("every log", every(1), Completeness::Receipts),
        ("each second log", every(2), Completeness::Receipts),
    ];
    for (name, faults, mode) in cases {
        let liar = Liar::before(&honest, faults.clone()).await;
        let (outcome, found) = read_of(&crowd, &liar.url, at, mode).await;
        outcome.unwrap_or_else(|error| panic!("{name}, {mode:?}: {error}"));
        assert!(found == all, "{name}, {mode:?}: {found:?}, the honest node's are {all:?}");
        // So that these cases can fail: without it they do.
        let (outcome, found) = read_of(&crowd, &liar.url, at, Completeness::Off).await;
        assert!(outcome.is_ok() && found != all, "{name}: nothing was left out");
        // Without receipts it is noticed all the same, and nothing of it is stored.
        let without = Faults { without: vec!["eth_getBlockReceipts"], ..faults };
        let liar = Liar::before(&honest, without).await;
        let (outcome, found) = read_of(&crowd, &liar.url, at, mode).await;
        assert!(matches!(outcome, Err(IndexError::Incomplete { .. })), "{name}, {mode:?}: {outcome:?}");
        assert!(found[1].is_empty(), "{found:?}");
    }
}

/// All that was read of the Distributor.
async fn rows(of: &Fresh) -> Vec<Vec<Vec<String>>> {
    let mut tables = Vec::new();
    for name in ["distributor_trees", "distributor_claims"] {
        tables.push(accrual_store::dump::table(&of.db, name).await.unwrap());
    }
    tables
}
