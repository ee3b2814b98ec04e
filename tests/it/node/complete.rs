//! A node that leaves logs out, or makes some up: it is found by what the headers commit to, and what it kept back is
//! taken from the receipts. The real node behind it makes blooms, roots and hashes.

use accrual_indexer::IndexError;
use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_store::Engine;
use accrual_tests::db::{Fresh, fresh};
use accrual_tests::liar::{Faults, Liar};

use super::crowd::Crowd;
use super::{campaigns, options, pools};

const DEEP: Finality = Finality::Confirmations(50);

/// What came of following `urls`, from nothing, and what is stored then.
async fn followed(
    crowd: &Crowd,
    urls: &[String],
    completeness: Completeness,
) -> (Result<(), IndexError>, Rows) {
    let stored = fresh(Engine::Sqlite).await.unwrap();
    let options = FollowOptions { completeness, ..options(DEEP) };
    let rpc = RpcOptions { chain_id: Some(options.chain_id), ..RpcOptions::default() };
    let source = RpcSource::new(urls, rpc);
    let opened = Follower::open(source, stored.db.clone(), pools(crowd), campaigns(crowd), options).await;
    let outcome = opened.unwrap().sync(Target::Head, &|_| {}).await.map(|_| ());
    let rows = rows(&stored).await;
    stored.remove().await;
    (outcome, rows)
}

type Rows = Vec<Vec<String>>;

async fn rows(of: &Fresh) -> Rows {
    accrual_store::dump::table(&of.db, "events").await.unwrap()
}

async fn crowd(seed: u64) -> (Crowd, String, Rows) {
    let mut crowd = Crowd::gather(seed).await;
    crowd.play(60).await;
    let honest = crowd.stage.anvil.url().to_owned();
    let (outcome, rows) = followed(&crowd, std::slice::from_ref(&honest), Completeness::Off).await;
    outcome.unwrap();
    assert!(rows.len() > 60, "{} events", rows.len());
    (crowd, honest, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_leaves_out_is_found_and_taken_from_the_receipts() {
    let (crowd, honest, all) = crowd(41).await;
    let cases = [
        ("whole blocks", Faults { omit_blocks: Some(3), ..Faults::default() }, Completeness::Bloom),
        ("whole blocks", Faults { omit_blocks: Some(3), ..Faults::default() }, Completeness::Receipts),
        ("each fifth log", Faults { omit_every: Some(5), ..Faults::default() }, Completeness::Receipts),
        (
            "one log in a hundred",
            Faults { omit_every: Some(100), ..Faults::default() },
            Completeness::Receipts,
        ),
        ("every log", Faults { omit_every: Some(1), ..Faults::default() }, Completeness::Bloom),
    ];
    for (name, faults, mode) in cases {
        let liar = Liar::before(&honest, faults).await;
        let (outcome, found) = followed(&crowd, std::slice::from_ref(&liar.url), mode).await;
        outcome.unwrap_or_else(|error| panic!("{name}, {mode:?}: {error}"));
        assert!(found == all, "{name}, {mode:?}: other rows than of the honest node");
        assert!(liar.asked("eth_getBlockReceipts") > 0, "{name}, {mode:?}");
        // So that these cases can fail: without it they do.
        let (outcome, found) = followed(&crowd, std::slice::from_ref(&liar.url), Completeness::Off).await;
        assert!(outcome.is_err() || found != all, "{name}: nothing was left out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_node_is_asked_for_few_receipts() {
    let (crowd, honest, all) = crowd(42).await;
    let mut asked = Vec::new();
    for mode in [Completeness::Off, Completeness::Bloom, Completeness::Receipts] {
        let liar = Liar::before(&honest, Faults::default()).await;
        let (outcome, found) = followed(&crowd, std::slice::from_ref(&liar.url), mode).await;
        outcome.unwrap();
        assert!(found == all, "{mode:?}");
        asked.push(liar.asked("eth_getBlockReceipts"));
    }
    println!("receipts of blocks asked for (off, bloom, receipts): {asked:?}");
    assert!(asked[0] == 0 && asked[1] < asked[2] && asked[2] <= 70, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_settled_stops_with_a_sentence_and_another_node_heals_it() {
    let (crowd, honest, all) = crowd(43).await;
    let faults = Faults { omit_blocks: Some(2), without: vec!["eth_getBlockReceipts"], ..Faults::default() };
    let liar = Liar::before(&honest, faults).await;
    for mode in [Completeness::Bloom, Completeness::Receipts] {
        let (outcome, found) = followed(&crowd, std::slice::from_ref(&liar.url), mode).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, IndexError::Incomplete { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("add a node with eth_getBlockReceipts") && text.contains(&liar.url), "{text}");
        assert!(found.len() < all.len());
        let both = [liar.url.clone(), honest.clone()];
        let (outcome, found) = followed(&crowd, &both, mode).await;
        outcome.unwrap();
        assert!(found == all, "{mode:?}: the other node's receipts heal it");
        println!("{mode:?}: {} rows, 0 differ once another node has receipts", found.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_makes_up_is_not_stored() {
    let (crowd, honest, all) = crowd(44).await;
    let liar = Liar::before(&honest, Faults { invent: true, ..Faults::default() }).await;
    let alone = std::slice::from_ref(&liar.url);
    let (outcome, _) = followed(&crowd, alone, Completeness::Receipts).await;
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains(&liar.url), "{text}");
    let broken = Liar::before(&honest, Faults { break_headers: true, ..Faults::default() }).await;
    let alone = std::slice::from_ref(&broken.url);
    let (outcome, _) = followed(&crowd, alone, Completeness::Bloom).await;
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("do not hash to") && text.contains(&broken.url), "{text}");
    // With another node beside it the headers come from there.
    let both = [broken.url.clone(), honest.clone()];
    let (outcome, found) = followed(&crowd, &both, Completeness::Bloom).await;
    outcome.unwrap();
    assert!(found == all);
    println!("{} rows with an honest node beside it, 0 differ", found.len());
}

/// Headers come from a machine that has the newest blocks, logs from one behind the same address that has not.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_of_a_machine_that_lags_never_becomes_a_gap() {
    let (mut crowd, honest, _) = crowd(45).await;
    let head = crowd.stage.anvil.block_number().await.unwrap();
    let liar = Liar::before(&honest, Faults { logs_head: Some(head), ..Faults::default() }).await;
    crowd.play(12).await;
    let (outcome, all) = followed(&crowd, std::slice::from_ref(&honest), Completeness::Off).await;
    outcome.unwrap();
    for mode in [Completeness::Bloom, Completeness::Receipts] {
        let (outcome, found) = followed(&crowd, std::slice::from_ref(&liar.url), mode).await;
        outcome.unwrap();
        assert!(found == all, "{mode:?}");
    }
    // A node that lags as a whole shows no such block, so its logs are not taken for what happened.
    let late = Liar::before(&honest, Faults { logs_head: Some(head), ..Faults::default() }).await;
    late.set(Faults { head: Some(head), ..Faults::default() });
    let both = [late.url.clone(), honest.clone()];
    let (outcome, found) = followed(&crowd, &both, Completeness::Off).await;
    outcome.unwrap();
    assert!(found == all, "with the honest node beside it");
}
