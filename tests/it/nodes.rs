//! Several nodes: which are asked, which are left alone and why, what they were found to take, and what is kept of that.

use std::time::{Duration, Instant};

use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_indexer::source::{BlockRange, LogQuery, LogSource, SourceError};
use accrual_recording::NodeOptions;
use accrual_rewards::unit::BlockNumber;
use accrual_store::nodes::{self, NodeRow};
use accrual_store::{BlockRef, Engine};
use accrual_tests::db::{dump, fresh, on_each_engine};
use accrual_tests::liar::{Faults, Liar};
use accrual_tests::played::{Played, play};
use accrual_tests::{binary, config};

struct World {
    played: Played,
    head: u64,
}

async fn world() -> World {
    let played = play(NodeOptions::default()).await;
    let head = played.recording.blocks.last().unwrap().header.number;
    World { played, head }
}

impl World {
    async fn liar(&self, faults: Faults) -> Liar {
        Liar::before(&self.played.url, faults).await
    }

    fn source(&self, urls: &[&str]) -> RpcSource {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        let options = RpcOptions {
            chain_id: Some(self.played.recording.meta.chain_id),
            patience: Some(Duration::from_secs(2)),
            ..RpcOptions::default()
        };
        RpcSource::new(&urls, options)
    }

    /// A question for all logs of the recording's pool over so many blocks below its end.
    fn query(&self, width: u64) -> LogQuery {
        let last = BlockNumber(self.head);
        let first = BlockNumber(self.head + 1 - width);
        let with_logs = self.played.recording.blocks.iter().flat_map(|block| &block.transactions);
        let address = with_logs.flat_map(|transaction| &transaction.logs).last().unwrap().address;
        let topics = [vec![], vec![], vec![], vec![]];
        LogQuery { addresses: vec![address], topics, blocks: BlockRange { first, last } }
    }
}

fn row(source: &RpcSource, url: &str) -> NodeRow {
    source.nodes().into_iter().find(|row| row.name == url).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_recognised_and_said_by_name() {
    let world = world().await;
    let (head, honest) = (world.head, &world.played.url);
    let cases = [
        (Faults { head: Some(head - 40), ..Faults::default() }, "behind", "its newest block is"),
        (Faults { chain_id: Some(1), ..Faults::default() }, "other_chain", "it is of another chain: 1"),
        (Faults { fork_from: Some(head - 3), ..Faults::default() }, "on_a_fork", "it is on a fork: block"),
    ];
    for (faults, standing, why) in cases {
        let (liar, second) = (world.liar(faults).await, world.liar(Faults::default()).await);
        let source = world.source(&[&liar.url, &second.url, honest]);
        assert_eq!(source.heads().await.unwrap().latest.number.0, head);
        let found = row(&source, &liar.url);
        assert_eq!(found.standing, standing);
        assert!(found.reason.unwrap().contains(why));
        assert_eq!(
            (row(&source, &second.url).standing.as_str(), row(&source, honest).standing.as_str()),
            ("good", "good")
        );
        let (asked, query) = (liar.asked("eth_getLogs"), world.query(30));
        let expected = world.source(&[honest]).logs(&query).await.unwrap();
        assert_eq!(source.logs(&query).await.unwrap(), expected);
        assert_eq!(liar.asked("eth_getLogs"), asked, "{standing}: it is left alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_on_two_forks_the_one_with_our_block_is_believed() {
    let world = world().await;
    let liar = world.liar(Faults { fork_from: Some(world.head - 3), ..Faults::default() }).await;
    let at = BlockNumber(world.head - 2);
    let honest = world.source(&[&world.played.url]).headers(&[at]).await.unwrap()[0].unwrap();
    let forked = world.source(&[&liar.url]).headers(&[at]).await.unwrap()[0].unwrap();
    for (ours, left_alone) in [(honest, &liar.url), (forked, &world.played.url)] {
        let source = world.source(&[&liar.url, &world.played.url]);
        source.note_stored(BlockRef { number: ours.number, hash: ours.hash });
        source.heads().await.unwrap();
        let standing = |url: &str| row(&source, url).standing;
        let other = if *left_alone == liar.url { &world.played.url } else { &liar.url };
        assert_eq!((standing(left_alone).as_str(), standing(other).as_str()), ("on_a_fork", "good"));
    }
}

/// Logs near the head are taken for all only from who shows the last of their blocks.
#[tokio::test(flavor = "multi_thread")]
async fn another_blocks_header_is_not_taken_and_shows_no_block() {
    let world = world().await;
    let liar = world.liar(Faults { earlier_headers: true, ..Faults::default() }).await;
    let query = world.query(30);
    let alone = world.source(&[&liar.url]);
    let errors =
        [alone.logs(&query).await.unwrap_err(), alone.headers(&[BlockNumber(world.head)]).await.unwrap_err()];
    for error in errors {
        let said = format!("asked for block {}, another came", world.head);
        assert!(error.to_string().contains(&said), "{error}");
    }
    let expected = world.source(&[&world.played.url]).logs(&query).await.unwrap();
    assert_eq!(world.source(&[&liar.url, &world.played.url]).logs(&query).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_node_is_asked_for_what_it_still_has() {
    let world = world().await;
    let pruned = Faults { pruned_below: Some(world.head - 100), ..Faults::default() };
    let (liar, honest) = (world.liar(pruned.clone()).await, world.liar(Faults::default()).await);
    let source = world.source(&[&liar.url, &honest.url]);
    let (old, new) = (world.query(400), world.query(50));
    let expected = world.source(&[&world.played.url]).logs(&old).await.unwrap();
    assert_eq!(source.logs(&old).await.unwrap(), expected);
    println!("{} logs of 400 blocks, of which it has 100: none missing", expected.len());
    let found = row(&source, &liar.url);
    assert!(found.standing == "pruned" && found.reason.unwrap().contains("no logs of blocks below"));
    honest.set(Faults { is_down: true, ..Faults::default() });
    source.logs(&new).await.expect("what it has is asked of it");
    let alone = world.source(&[&liar.url]);
    let error = alone.logs(&old).await.unwrap_err();
    assert!(matches!(error, SourceError::Pruned { .. }), "{error}");
    assert!(error.to_string().contains("add an archive node to chain.rpc_urls"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_away_gives_way_and_is_asked_again() {
    let world = world().await;
    let (one, other) = (world.liar(Faults::default()).await, world.liar(Faults::default()).await);
    let source = world.source(&[&one.url, &other.url]);
    let query = world.query(30);
    let expected = source.logs(&query).await.unwrap();
    one.set(Faults { is_down: true, ..Faults::default() });
    for _ in 0..5 {
        assert_eq!(source.logs(&query).await.unwrap(), expected);
    }
    one.set(Faults::default());
    other.set(Faults { is_down: true, ..Faults::default() });
    assert_eq!(source.logs(&query).await.unwrap(), expected, "the first is up again");
    one.set(Faults { is_down: true, ..Faults::default() });
    let begun = Instant::now();
    let error = source.logs(&query).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { seconds: 2, .. }), "{error}");
    println!("with none up it was given up after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(15));
    let standing = [&one.url, &other.url].map(|url| row(&source, url).standing);
    assert!(standing.iter().any(|standing| standing == "unreachable"), "{standing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_nodes_empty_answer_is_not_taken() {
    let world = world().await;
    let (late, honest) = (world.liar(Faults::default()).await, world.liar(Faults::default()).await);
    let source = world.source(&[&late.url, &honest.url]);
    source.heads().await.unwrap();
    // It falls back after the roll was called, as behind a balancer.
    late.set(Faults { head: Some(world.head - 30), ..Faults::default() });
    let query = world.query(20);
    let expected = world.source(&[&world.played.url]).logs(&query).await.unwrap();
    assert!(!expected.is_empty(), "there is something to miss");
    assert_eq!(source.logs(&query).await.unwrap(), expected);
    println!("30 blocks behind: {} logs, none missing", expected.len());
    honest.set(Faults { is_down: true, ..Faults::default() });
    let alone = world.source(&[&late.url]);
    let error = alone.logs(&query).await.unwrap_err();
    assert!(error.to_string().contains(&format!("it has no block {} yet", world.head)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_asked_too_often_is_asked_less() {
    let world = world().await;
    let liar = world.liar(Faults { per_second_max: Some(20), ..Faults::default() }).await;
    let source = world.source(&[&liar.url]);
    let query = world.query(10);
    let ask = async |times: usize| {
        futures::future::try_join_all((0..times).map(|_| source.logs(&query))).await.unwrap();
    };
    ask(60).await;
    let (learnt, refused) = (row(&source, &liar.url).requests_per_second_max, liar.refused());
    assert!(learnt.is_some_and(|rate| (1..=45).contains(&rate)) && refused > 0, "{learnt:?} {refused}");
    // In the end nothing is refused any more, or next to nothing.
    ask(40).await;
    let before = liar.refused();
    ask(40).await;
    println!(
        "rate {:?}, refused {refused}, later {}",
        row(&source, &liar.url).requests_per_second_max,
        liar.refused() - before
    );
    assert!(liar.refused() - before < refused.max(10), "{} after {refused}", liar.refused() - before);
}

async fn index(folder: &std::path::Path, world: &World, database: &str, urls: &[&str]) -> binary::Ended {
    let text = config::text(database, &world.played);
    let text = text.replace(&world.played.url, &urls.join("\", \""));
    let text = text.replace("log_range_blocks_max = 400", "log_range_blocks_max = 1000");
    let path = config::write_text(folder, &text);
    binary::run(&["index", "--config", binary::text(&path), "--to", "head"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_takes_is_remembered_by_the_next_process() {
    let world = world().await;
    on_each_engine(async |stored| {
        let liar = world.liar(Faults { range_max: Some(300), ..Faults::default() }).await;
        let folder = tempfile::tempdir().unwrap();
        let ended = index(folder.path(), &world, &stored.url_text, &[&liar.url]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let chain_id = world.played.recording.meta.chain_id;
        let kept = nodes::all(&stored.db, chain_id).await.unwrap();
        assert_eq!((kept.len(), kept[0].range_blocks_max), (1, Some(300)), "{kept:?}");
        assert!(kept[0].name == liar.url && kept[0].seen_at.0 > 0);

        let again = fresh(Engine::Sqlite).await.unwrap();
        nodes::record(&again.db, chain_id, &kept).await.unwrap();
        let taught = liar.too_wide();
        assert!(taught > 0, "the first process had to learn it");
        let ended = index(folder.path(), &world, &again.url_text, &[&liar.url]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(liar.too_wide(), taught, "no refusal had to teach it again");
        println!("{taught} refusals taught it, 0 the next process");
        let events = async |of: &accrual_store::Db| {
            dump(of).await.into_iter().find(|(name, _)| *name == "events").unwrap().1
        };
        assert!(events(&stored.db).await == events(&again.db).await);
        again.remove().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_bad_nodes_beside_a_good_one_the_rows_are_those_of_the_good_one() {
    let world = world().await;
    let folder = tempfile::tempdir().unwrap();
    let expected = fresh(Engine::Sqlite).await.unwrap();
    let ended = index(folder.path(), &world, &expected.url_text, &[&world.played.url]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let other_chain = world.liar(Faults { chain_id: Some(10), ..Faults::default() }).await;
    let forked = world.liar(Faults { fork_from: Some(world.head - 500), ..Faults::default() }).await;
    let late = world.liar(Faults { head: Some(world.head - 900), ..Faults::default() }).await;
    let busy = world.liar(Faults { per_second_max: Some(30), ..Faults::default() }).await;
    let omits = world.liar(Faults { omit_blocks: Some(5), ..Faults::default() }).await;
    let stored = fresh(Engine::Sqlite).await.unwrap();
    let urls = [&other_chain.url, &forked.url, &late.url, &busy.url, &omits.url, &world.played.url];
    let ended = index(folder.path(), &world, &stored.url_text, &urls.map(String::as_str)).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for (url, words) in
        [(&other_chain.url, "of another chain: 10"), (&forked.url, "on a fork"), (&late.url, "is behind")]
    {
        let said = ended.stderr.lines().any(|line| line.contains(url.as_str()) && line.contains(words));
        assert!(said, "{words}: {}", ended.stderr);
    }
    let path = folder.path().join("accrual.toml");
    let ended = binary::run(&["check", "rpc", "--config", binary::text(&path)]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let of_late = ended.stdout.lines().find(|line| line.contains(late.url.as_str())).unwrap();
    assert!(of_late.contains("is behind (it is behind: its newest block is"), "{of_late}");
    assert!(ended.stdout.contains("headers and receipts show that logs are all"), "{}", ended.stdout);
    for table in ["events", "checkpoints"] {
        let rows = async |of: &accrual_store::Db| accrual_store::dump::table(of, table).await.unwrap();
        let (found, expected) = (rows(&stored.db).await, rows(&expected.db).await);
        assert!(found == expected, "{table}");
        println!("{table}: {} rows, 0 differ", found.len());
    }
    stored.remove().await;
    expected.remove().await;
}
