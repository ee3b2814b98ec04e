//! What is stored against the contracts of a real node: equal at every block, and a changed row is found and named.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use accrual_indexer::follow::{Finality, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_indexer::source::{Heads, LogQuery, LogSource, RawLog, SourceError};
use accrual_indexer::verify::{Verified, verify};
use accrual_rewards::event::PoolEvent;
use accrual_rewards::unit::BlockNumber;
use accrual_store::{Engine, Header, events, rebuild, verifications};
use accrual_tests::binary;
use accrual_tests::db::{Fresh, fresh};
use alloy::primitives::{Address, Bytes, address};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::crowd::Crowd;
use super::{campaigns, follower, pools};

const FINALITY: Finality = Finality::Confirmations(20);
const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

/// A node that counts how often a view is asked for.
struct Counted {
    node: RpcSource,
    calls: AtomicUsize,
}

#[async_trait]
impl LogSource for Counted {
    async fn chain_id(&self) -> Result<u64, SourceError> {
        self.node.chain_id().await
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        self.node.heads().await
    }

    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        self.node.headers(numbers).await
    }

    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        self.node.logs(query).await
    }

    async fn call(
        &self,
        to: Address,
        input: Bytes,
        at: Option<BlockNumber>,
    ) -> Result<Option<Bytes>, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.node.call(to, input, at).await
    }

    async fn has_code(&self, address: Address) -> Result<bool, SourceError> {
        self.node.has_code(address).await
    }

    async fn wait_for_block(&self) {
        self.node.wait_for_block().await;
    }
}

async fn verified(crowd: &Crowd, stored: &Fresh, height: u64) -> (Vec<Verified>, usize) {
    let node = RpcSource::new(&[crowd.stage.anvil.url().to_owned()], RpcOptions::default());
    let source = Counted { node, calls: AtomicUsize::new(0) };
    let mut all = Vec::new();
    for pool in pools(crowd) {
        let at = BlockNumber(height);
        let tracker = rebuild::tracker_at(&stored.db, &pool, &campaigns(crowd), at).await.unwrap();
        all.push(verify(&source, &tracker, at, None).await.unwrap());
    }
    (all, source.calls.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_what_the_contracts_say() {
    let mut crowd = Crowd::gather(31).await;
    let stored = fresh(Engine::Sqlite).await.unwrap();
    let mut live = follower(&crowd, &stored.db, "http", FINALITY).await;
    for blocks in [5, 40, 60] {
        crowd.play(blocks).await;
        let head = live.sync(Target::Head, &|_| {}).await.unwrap();
        let (one_by_one, calls) = verified(&crowd, &stored, head.0).await;
        let compared: usize = one_by_one.iter().map(|pool| pool.compared).sum();
        assert!(one_by_one.iter().all(|pool| pool.differences.is_empty()), "{one_by_one:?}");
        assert!(compared > 20 && calls > compared / 2, "{compared} values in {calls} calls");
    }
    // With Multicall3 the same values take a call a hundred views.
    let code = crowd.stage.code_of_own("Multicall").await.unwrap();
    crowd.stage.put_code(MULTICALL3, &code).await.unwrap();
    crowd.play(1).await;
    let head = live.sync(Target::Head, &|_| {}).await.unwrap();
    let (together, calls) = verified(&crowd, &stored, head.0).await;
    let compared: usize = together.iter().map(|pool| pool.compared).sum();
    assert!(together.iter().all(|pool| pool.differences.is_empty()), "{together:?}");
    assert!(calls > 0 && calls < compared / 20, "{compared} values in {calls} calls");
    // Before Multicall3 was there, each is asked by itself.
    let (before, calls) = verified(&crowd, &stored, head.0 - 10).await;
    assert!(before.iter().all(|pool| pool.differences.is_empty()) && calls > 20, "{calls}: {before:?}");
    stored.remove().await;
}

/// A configuration of the crowd's pools, final 20 blocks below the head, with `more` in `[index]`.
pub(super) fn config(folder: &Path, crowd: &Crowd, stored: &Fresh, more: &str) -> PathBuf {
    let head = accrual_tests::config::head(&stored.url_text, 8453, crowd.stage.anvil.url());
    let mut text = head.replace("[index]\n", &format!("[index]\n{more}"));
    for pool in pools(crowd) {
        text += &format!(
            "[[pools]]\nid = \"{}\"\nvenue = \"uniswap_v3\"\naddress = \"{}\"\nposition_manager = \"{}\"\ncreated_block = {}\n",
            pool.id, pool.address, crowd.stage.manager, pool.created_block
        );
    }
    accrual_tests::config::write_text(folder, &text.replace("[server]", "finality = 20\n[server]"))
}

/// Has the events say that an NFT which lives still went to somebody else when it last changed hands. They are written as
/// before there were packs, in a single one.
async fn doctor(stored: &Fresh) {
    let wide = "wide".parse().unwrap();
    let mut events = events::page(&stored.db, &wide, None, BlockNumber(u64::MAX), u32::MAX).await.unwrap();
    let mut last = std::collections::BTreeMap::new();
    for (place, placed) in events.iter().enumerate() {
        if let PoolEvent::HolderChanged { holding, to, .. } = placed.event {
            last.insert(holding, (place, to));
        }
    }
    let (place, _) = last.into_values().find(|(_, to)| !to.is_zero()).unwrap();
    let PoolEvent::HolderChanged { to, .. } = &mut events[place].event else { unreachable!() };
    *to = Address::with_last_byte(0xaa);
    let cells: Vec<Value> = events
        .iter()
        .map(|placed| {
            let Value::Object(told) = serde_json::to_value(&placed.event).unwrap() else { unreachable!() };
            let (kind, mut fields) = told.into_iter().next().unwrap();
            fields["kind"] = kind.into();
            json!([placed.block_number, placed.log_index, placed.block_at, fields])
        })
        .collect();
    let (first, last) = (events[0].block_number, events[events.len() - 1].block_number);
    let (count, body) = (events.len(), Value::Array(cells));
    let statements = format!(
        "delete from snapshots; delete from event_packs where pool_id = 'wide';
         insert into event_packs (pool_id, last_block, first_block, events, body)
         values ('wide', {last}, {first}, {count}, '{body}');"
    );
    stored.raw(statements.leak()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_found_and_named() {
    let mut crowd = Crowd::gather(32).await;
    crowd.play(60).await;
    let (folder, stored) = (tempfile::tempdir().unwrap(), fresh(Engine::Sqlite).await.unwrap());
    let path = config(folder.path(), &crowd, &stored, "");
    let config_path = binary::text(&path);
    let verify =
        async |more: &[&str]| binary::run(&[&["verify", "--config", config_path], more].concat()).await;
    let ended = verify(&[]).await;
    assert!(ended.code == 1 && ended.stderr.contains("was never read"), "{}", ended.stderr);
    let head =
        follower(&crowd, &stored.db, "http", FINALITY).await.sync(Target::Head, &|_| {}).await.unwrap();
    let ended = verify(&[]).await;
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    for pool in ["wide", "narrow"] {
        assert!(ended.stdout.contains(&format!("{pool}: equal, ")), "{}", ended.stdout);
    }
    let earlier = (head.0 - 15).to_string();
    let ended = verify(&["--at", &earlier]).await;
    assert!(ended.code == 0 && ended.stdout.contains(&format!("at block {earlier}")), "{}", ended.stderr);
    let ended = verify(&["--at", &(head.0 + 1).to_string()]).await;
    assert!(ended.code == 1 && ended.stderr.contains("is stored of blocks"), "{}", ended.stderr);

    doctor(&stored).await;
    let ended = verify(&[]).await;
    assert_eq!(ended.code, 4, "{} {}", ended.stdout, ended.stderr);
    let told = ended.stdout;
    assert!(told.contains("wide: 1 of ") && told.contains("narrow: equal"), "{told}");
    let doctored = "stored 0x00000000000000000000000000000000000000aa";
    assert!(told.contains("owner of NFT ") && told.to_lowercase().contains(doctored), "{told}");
    assert!(ended.stderr.contains("1 values are not stored as the chain has them"), "{}", ended.stderr);

    // In the background it is found too, kept, and told once.
    let path = config(folder.path(), &crowd, &stored, "verify_every_blocks = 1\n");
    let mut running =
        binary::start(binary::command(&["run", "--config", binary::text(&path), "--log-format", "json"]));
    let line = running.line_with("API and page: ").await;
    let metrics_url = format!("{}metrics", line.split_once("page: ").unwrap().1);
    let found = async {
        loop {
            let found = verifications::all(&stored.db).await.unwrap();
            let notices = accrual_store::dump::table(&stored.db, "notices").await.unwrap();
            let told = notices.iter().filter(|row| row[1] == "source.differs").count();
            if found.len() == 2 && told > 0 {
                return (found, told);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let (found, told) = tokio::time::timeout(std::time::Duration::from_secs(90), found).await.unwrap();
    assert_eq!(told, 1);
    let (wide, narrow) = (&found[&"wide".parse().unwrap()], &found[&"narrow".parse().unwrap()]);
    assert_eq!((wide.differences, narrow.differences), (1, 0));
    assert!(wide.first_difference.as_ref().unwrap().starts_with("owner of NFT "), "{wide:?}");
    assert!(wide.block_number >= head && wide.compared > 50, "{wide:?}");
    println!(
        "1 of {} answers of the contracts differs, of {} elsewhere none",
        wide.compared, narrow.compared
    );
    // And it is counted, with the next look at the service's parts.
    let lines = [("wide", 1), ("narrow", 0)]
        .map(|(pool, differences)| format!("accrual_verified_differences{{pool=\"{pool}\"}} {differences}"));
    let told = async {
        loop {
            let metrics = reqwest::get(&metrics_url).await.unwrap().text().await.unwrap();
            if lines.iter().all(|line| metrics.contains(line)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), told).await.unwrap();
    assert_eq!(running.terminate().await.code, 0);
    stored.remove().await;
}
