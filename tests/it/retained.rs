//! What the API answers once old hours became days: the same, but for charts by hour, which begin later and say so.

use accrual_recording::NodeOptions;
use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, Mode, retention};
use accrual_tests::binary::{self, command};
use accrual_tests::config;
use accrual_tests::played::play;
use serde_json::Value;

const CAMPAIGN: &str = "rehearsal-usd-tkn";
/// The campaign's end: 2025-06-19T17:00:00Z.
const ENDS_AT: UnixSeconds = UnixSeconds(1_750_352_400);
const DAY: u64 = 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn days_are_answered_as_before_and_hours_begin_later() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let url = format!("sqlite://{}", folder.path().join("accrual.db").display());
    let path = config::write(folder.path(), &url, &played);
    let path = ["--config", binary::text(&path)];
    let ended = binary::run(&[&["index", "--to", "head"], &path[..]].concat()).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let create = ["keys", "create", "--client", "reader", "--plan", "vip"];
    let key = binary::run(&[&create[..], &path[..]].concat()).await.stdout.trim().to_owned();
    let mut server = binary::start(command(&[&["serve"], &path[..]].concat()));
    let line = server.line_with("API and page: ").await;
    let at = line.split_once("page: ").unwrap().1.to_owned();
    let ask = async |path: &str| -> Value {
        let answer = reqwest::Client::new().get(format!("{at}v1{path}")).header("x-api-key", &key);
        let mut answer: Value = answer.send().await.unwrap().json().await.unwrap();
        // How old the newest block is grows from call to call.
        answer["meta"]
            .as_object_mut()
            .into_iter()
            .for_each(|meta| meta.retain(|name, _| name == "hours_since_at"));
        answer
    };
    let top = ask(&format!("/campaigns/{CAMPAIGN}/accruals?limit=1")).await;
    let account = top["data"][0]["account"].as_str().unwrap().to_owned();
    let history = format!("/accounts/{account}/history?campaign={CAMPAIGN}&limit=500&interval=");
    let treasury = format!("/campaigns/{CAMPAIGN}/treasury?days_after=2");
    let before =
        (ask(&format!("{history}1d")).await, ask(&format!("{history}1h")).await, ask(&treasury).await);
    assert!(before.1["data"].as_array().unwrap().len() > 300, "two weeks of hours");
    assert!(before.1["meta"]["hours_since_at"].is_null() && before.2["wallets_at_end"].is_u64());

    let db = Db::open(&url.parse().unwrap(), Mode::Write).await.unwrap();
    let campaign: CampaignId = CAMPAIGN.parse().unwrap();
    let by_day = UnixSeconds(ENDS_AT.0 / DAY * DAY - 3 * DAY);
    let gone = retention::roll_up_accounts(&db, &campaign, ENDS_AT, by_day).await.unwrap();
    assert!(gone > 5_000, "{gone}");
    println!("{gone} rows went");
    db.close().await;
    // Answers are kept for up to five seconds where no block comes.
    tokio::time::sleep(std::time::Duration::from_millis(5_500)).await;

    let after =
        (ask(&format!("{history}1d")).await, ask(&format!("{history}1h")).await, ask(&treasury).await);
    assert_eq!(after.0["data"], before.0["data"], "days");
    assert_eq!(after.2, before.2, "what the campaign bought");
    let since = "2025-06-16T01:00:00Z";
    assert_eq!(after.1["meta"]["hours_since_at"], since);
    let rows = |answer: &Value| answer["data"].as_array().unwrap().clone();
    let later: Vec<Value> =
        rows(&before.1).into_iter().filter(|row| row["at"].as_str().unwrap() >= since).collect();
    assert!(later.len() > 48, "{}", later.len());
    assert_eq!(rows(&after.1), later, "hours that are kept");

    // The same of the pool's hours and its campaign's.
    let pool = after.2["pool"].as_str().unwrap().to_owned();
    let charts = [format!("/pools/{pool}/history"), format!("/campaigns/{CAMPAIGN}/history")];
    let charts = charts.map(|chart| ["1d", "1h"].map(|step| format!("{chart}?limit=500&interval={step}")));
    let ask_all = async || {
        let mut told = Vec::new();
        for [days, hours] in &charts {
            told.push((ask(days).await, ask(hours).await));
        }
        told
    };
    let full = ask_all().await;
    let db = Db::open(&url.parse().unwrap(), Mode::Write).await.unwrap();
    let id = pool.parse().unwrap();
    let gone = retention::roll_up_pool(&db, &id, 7).await.unwrap();
    let by_day = retention::pool_by_day_before(&db, &id).await.unwrap().unwrap();
    db.close().await;
    println!("{gone} rows of the pool and its campaign went");
    assert!(gone > 300, "{gone}");
    tokio::time::sleep(std::time::Duration::from_millis(5_500)).await;
    let since = |answer: &Value| answer["meta"]["hours_since_at"].as_str().map(str::to_owned);
    for ((days, hours), (days_before, hours_before)) in ask_all().await.iter().zip(&full) {
        assert_eq!(days, days_before, "days");
        let since = since(hours).unwrap();
        let mut later = rows(hours_before);
        later.retain(|row| row["at"].as_str().unwrap() >= since.as_str());
        assert!(later.len() > 100, "{}", later.len());
        assert_eq!(rows(hours), later, "hours that are kept");
        assert!(since.ends_with("T01:00:00Z"), "{since} is the hour after {by_day}");
    }
    // Each day flows what its hours did before they went.
    let sum = |rows: &[Value], to: &str| -> u128 {
        let until = rows.iter().filter(|row| row["at"].as_str().unwrap() <= to);
        until.map(|row| row["earned_units"].as_str().unwrap().parse::<u128>().unwrap()).sum()
    };
    let (days, hours) = (rows(&full[1].0), rows(&full[1].1));
    let last = days.iter().rfind(|row| row["complete"] == true).unwrap()["at"].as_str().unwrap().to_owned();
    assert_eq!(sum(&days, &last), sum(&hours, &last));
    assert!(sum(&days, &last) > 0);
    // What a campaign bought is told of its hours, and is not guessed without them.
    let without = ask(&treasury).await;
    assert_eq!(without["reasons"]["paid_usd"], "hours_missing", "{without}");
    assert!(without["paid_usd"].is_null() && without["volume_usd"].is_null());
    assert_eq!(server.terminate().await.code, 0);
}
