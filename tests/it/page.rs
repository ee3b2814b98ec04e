//! The page in a real browser, over the demo: `tests/js/page.mjs` reads it as its readers do.

use std::path::Path;
use std::time::Duration;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::chain::{self, ChainRow};
use accrual_store::{Db, Header, Mode, blocks, checkpoints, commit};
use accrual_tests::binary::{self, Ended, Running, command};
use accrual_tests::js;

/// Where pictures of each view are left, for people to look at.
const SHOTS: &str = "../target/page";
/// The chain that the rehearsal says it is.
const REHEARSAL_CHAIN: u64 = 8453;
/// Two browsers at once are enough for a small machine.
const PATIENCE: Duration = Duration::from_secs(900);

/// A demo that serves, its URL, and the key that it gives.
async fn demo(folder: &Path, more: &[&str]) -> (Running, String, String) {
    let db = format!("sqlite://{}", folder.join("accrual.db").display());
    let mut arguments = vec!["demo", "--listen", "127.0.0.1:0", "--db", &db];
    arguments.extend(more);
    let mut demo = binary::start(command(&arguments));
    let line = demo.line_with("page           ").await;
    let (url, key) = line.split_whitespace().nth(1).unwrap().split_once("/#key=").unwrap();
    (demo, url.to_owned(), key.to_owned())
}

/// A server over what the demo stored, at which wallets may sign in; and its URL.
async fn signing_server(folder: &Path) -> (Running, String) {
    let db = format!("sqlite://{}", folder.join("accrual.db").display());
    let done = binary::run(&["demo", "--once", "--listen", "127.0.0.1:0", "--db", &db]).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let config = folder.join("accrual-demo.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[sign_in]\nenabled = true\ndomain = \"127.0.0.1:8080\"\n"))
        .unwrap();
    serving(&config).await
}

async fn serving(config: &Path) -> (Running, String) {
    let mut api = binary::start(command(&["serve", "--config", binary::text(config)]));
    let line = api.line_with("API and page: ").await;
    let url = line.split_once("page: ").unwrap().1.trim().trim_end_matches('/').to_owned();
    (api, url)
}

/// Runs these parts of the script and answers what it said.
async fn read(url: &str, key: &str, parts: &[&str]) {
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHOTS);
    let mut script = js::ensure().script("page.mjs");
    script.args(parts).env("URL", url).env("KEY", key).env("SHOTS", shots);
    let done = tokio::time::timeout(PATIENCE, script.output()).await.expect("the browser comes to an end");
    let done = done.unwrap();
    let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    print!("{said}");
    assert!(done.status.success(), "{said}\n{complained}");
    for part in parts {
        assert!(said.contains(&format!("ok {part}\n")), "{part} was not read:\n{said}\n{complained}");
    }
}

#[tokio::test]
async fn every_view_has_the_apis_figures_and_csv() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url, key) = demo(folder.path(), &[]).await;
    read(&url, &key, &["gate", "figures", "many"]).await;
    assert_eq!(demo.terminate().await.code, 0);
}

#[tokio::test]
async fn the_reference_is_read_tried_and_written_as_code() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url, key) = demo(folder.path(), &[]).await;
    read(&url, &key, &["docs"]).await;
    assert_eq!(demo.terminate().await.code, 0);
}

#[tokio::test]
async fn a_key_is_exchanged_on_the_page_and_a_line_that_breaks_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url, key) = demo(folder.path(), &[]).await;
    read(&url, &key, &["lines", "rotation"]).await;
    assert_eq!(demo.terminate().await.code, 0);
}

#[tokio::test]
async fn news_come_with_the_blocks_and_a_stream_that_breaks_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url, key) = demo(folder.path(), &["--speed", "120"]).await;
    read(&url, &key, &["stream"]).await;
    assert_eq!(demo.terminate().await.code, 0);
}

#[tokio::test]
async fn a_wallet_that_signs_gets_a_key_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let (api, url) = signing_server(folder.path()).await;
    read(&url, "", &["sign_in"]).await;
    assert_eq!(api.terminate().await.code, 0);
}

#[tokio::test]
async fn every_view_fits_and_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url, key) = demo(folder.path(), &[]).await;
    read(&url, &key, &["fit"]).await;
    assert_eq!(demo.terminate().await.code, 0);
}

/// The chain in `folder`, as its follower left it, and the block of a week before its end.
async fn a_week_before(folder: &Path) -> (Db, Header) {
    let url = format!("sqlite://{}", folder.join("accrual.db").display());
    let db = Db::open(&url.parse().unwrap(), Mode::Write).await.unwrap();
    let row = chain::get(&db, REHEARSAL_CHAIN).await.unwrap().unwrap();
    let then = UnixSeconds(row.latest_at.0 - 8 * 86_400);
    let found = blocks::newest_at_or_before_time(&db, REHEARSAL_CHAIN, then).await.unwrap();
    (db, found.expect("blocks of that week are stored"))
}

/// What is final is never taken back: the node is made to have been sure of less.
async fn unsure_of_the_last_week(folder: &Path) {
    let (db, to) = a_week_before(folder).await;
    let row = chain::get(&db, REHEARSAL_CHAIN).await.unwrap().unwrap();
    let sure = ChainRow { safe_number: Some(to.number), finalized_number: Some(to.number), ..row };
    chain::record(&db, &sure).await.unwrap();
    db.close().await;
}

/// Takes the last week back, as a follower does that finds another chain.
async fn take_blocks_back(folder: &Path) {
    let (db, to) = a_week_before(folder).await;
    let stands = checkpoints::all(&db).await.unwrap();
    let pools: Vec<_> = stands.into_iter().map(|one| one.pool).collect();
    commit::rewind(&db, REHEARSAL_CHAIN, &pools, &to).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn blocks_that_leave_the_chain_are_seen_to_leave() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, _, key) = demo(folder.path(), &[]).await;
    assert_eq!(demo.terminate().await.code, 0);
    unsure_of_the_last_week(folder.path()).await;
    let (api, url) = serving(&folder.path().join("accrual-demo.toml")).await;
    let mut script = js::ensure().script("page.mjs");
    script.arg("reorg").env("URL", url).env("KEY", key).env("SHOTS", folder.path());
    let mut script = binary::start(script);
    script.line_with("take blocks back now").await;
    take_blocks_back(folder.path()).await;
    let Ended { code, stdout, stderr } =
        tokio::time::timeout(PATIENCE, script.end()).await.expect("the browser comes to an end");
    assert!(code == 0 && stdout.contains("ok reorg"), "{stdout}\n{stderr}");
    assert_eq!(api.terminate().await.code, 0);
}

#[tokio::test]
async fn it_is_light_and_its_pace_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url, key) = demo(folder.path(), &[]).await;
    read(&url, &key, &["pace"]).await;
    assert_eq!(demo.terminate().await.code, 0);
}
