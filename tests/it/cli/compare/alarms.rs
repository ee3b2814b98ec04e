//! What must not be, end to end: Merkl against itself, its roots against the chain, and who is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use accrual_rewards::distributor::{DistributorEvent, TreeEvent};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::distributor::{self, DistributorExtension, Followed, Placed};
use accrual_store::{Db, Header, Mode};
use accrual_tests::binary::{self, command};
use alloy::primitives::{Address, B256, U256};
use axum::Router;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::stand_in::{RootsSays, StandIn, UserSays};
use super::{CAMPAIGN, MERKL_ID, Stage, compare, compared, report, rows};

const HOUR: u64 = 3_600;

fn alarms(comparison: &Value) -> Vec<String> {
    let alarms = comparison["alarms"].as_array().unwrap().iter();
    alarms.map(|alarm| alarm["alarm"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_accounts_own_page_is_held_against_the_list_and_against_itself() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let ours = rows(&now);
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    let (code, equal) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, alarms(&equal)), (0, Vec::new()));
    assert_eq!(equal["checks"]["users_count"], 10);
    assert_eq!(equal["checks"]["not_told"], json!([]));
    assert_eq!(equal["checks"]["roots"], Value::Null, "it tells none of this chain");

    let large = *ours.iter().max_by_key(|(_, units)| **units).unwrap().0;
    let listed = ours[&large];
    let says = |of_campaign: U256, total: U256| {
        stand_in.say(at, ours.clone(), &[]);
        stand_in.page_of(large, UserSays { of_campaign, total });
    };
    let other = U256::from(500);
    says(listed, listed + other + U256::ONE);
    let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, alarms(&comparison)), (3, vec!["user_total_differs".to_owned()]));
    let text = comparison["alarms"][0]["text"].as_str().unwrap();
    for word in [large.to_string(), (listed + other).to_string(), (listed + other + U256::ONE).to_string()] {
        assert!(text.contains(&word), "{word} in {text}");
    }
    says(listed - U256::ONE, listed - U256::ONE + other);
    let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, alarms(&comparison)), (3, vec!["user_row_differs".to_owned()]));

    // The smallest account's page is read when it is asked for by name.
    let small = *ours.iter().min_by_key(|(_, units)| **units).unwrap().0;
    stand_in.say(at, ours.clone(), &[]);
    stand_in.page_of(small, UserSays { of_campaign: U256::ZERO, total: other });
    let (_, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!(alarms(&comparison), Vec::<String>::new());
    let named = ["--account", &small.to_checksum(None)];
    let (_, comparison) = compared(&stage.config, &stand_in.url, &named).await;
    assert_eq!(alarms(&comparison), ["user_row_differs"]);
}

/// The Distributor as if its logs had been read: two trees, the second one's window over at our block.
async fn with_distributor(stage: &Stage, at: u64) -> [B256; 2] {
    let url = super::super::sqlite_url(stage.folder.path()).parse().unwrap();
    let db = Db::open(&url, Mode::Write).await.unwrap();
    let trees = [B256::repeat_byte(1), B256::repeat_byte(2)];
    let followed = Followed {
        chain_id: 8453,
        address: Address::repeat_byte(0x3e),
        first_block: BlockNumber(1),
        tokens: Default::default(),
    };
    distributor::register(&db, &followed).await.unwrap();
    let placed = |number: u64, root: B256, block_at: u64| Placed {
        block_number: BlockNumber(number),
        block_at: UnixSeconds(block_at),
        log_index: 0,
        event: DistributorEvent::Tree(TreeEvent::Updated {
            root,
            dispute_ends_at: UnixSeconds(block_at + HOUR),
        }),
    };
    let events = [placed(10, trees[0], at - 20 * HOUR), placed(20, trees[1], at - 10 * HOUR)];
    let through = Header {
        number: BlockNumber(30),
        hash: B256::repeat_byte(0xbb),
        parent_hash: B256::ZERO,
        at: UnixSeconds(at),
    };
    let extension = DistributorExtension {
        chain_id: 8453,
        after: None,
        through,
        pool_rewinds: distributor::pool_rewinds(&db, 8453).await.unwrap(),
        events: &events,
    };
    distributor::extend(&db, &extension).await.unwrap();
    db.close().await;
    trees
}

#[tokio::test]
async fn the_roots_they_tell_are_held_against_the_distributor() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    let [first, second] = with_distributor(&stage, at).await;
    let stranger = B256::repeat_byte(9);
    let told = |live: [B256; 3], dispute_ends_at: u64| RootsSays {
        live,
        dispute_ends_at,
        listed: vec![(at - 20 * HOUR, first), (at - 10 * HOUR, second)],
    };
    let over = at - 9 * HOUR;
    let same = told([second, second, first], over);
    let with_stranger = RootsSays { listed: vec![(at - 5 * HOUR, stranger)], ..same.clone() };
    let cases: [(&str, RootsSays, &str, &[&str]); 6] = [
        ("the same", same.clone(), "same", &[]),
        ("another one counts", told([first, second, first], over), "differ", &["live_root_differs"]),
        ("an old one", told([first, first, first], at - 19 * HOUR), "behind", &["live_root_differs"]),
        (
            "one that was never given",
            told([stranger, stranger, second], over),
            "differ",
            &["root_not_on_chain"],
        ),
        ("one that came after our block", told([second, stranger, second], at + HOUR), "ahead", &[]),
        ("a list with a stranger in it", with_stranger, "same", &[]),
    ];
    for (name, says, verdict, expected) in cases {
        stand_in.roots(says.clone());
        let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
        assert_eq!(alarms(&comparison), expected, "{name}");
        assert_eq!(code, if expected.is_empty() { 0 } else { 3 }, "{name}");
        let roots = &comparison["checks"]["roots"];
        assert_eq!(roots["verdict"], verdict, "{name}");
        assert_eq!(roots["theirs"], json!(says.live[0]), "{name}");
        let strangers = says.listed.iter().filter(|(_, root)| *root == stranger).count();
        assert_eq!(roots["listed_not_given_count"], strangers, "{name}");
        assert_eq!((&roots["on_chain"], &roots["block_number"]), (&json!(second), &json!(30)), "{name}");
    }
    // May never have been sent, which is told and no alarm.
    let table = compare(&stage.config, &stand_in.url, &[]).await;
    assert!(
        table.stdout.contains("1 roots of their list were not given to the Distributor"),
        "{}",
        table.stdout
    );
    stand_in.roots(told([stranger, stranger, second], over));
    let table = compare(&stage.config, &stand_in.url, &[]).await;
    assert_eq!(table.code, 3);
    assert!(table.stdout.contains("ALARM root_not_on_chain: they name root 0x0909"), "{}", table.stdout);
    assert!(table.stderr.contains("an alarm is raised"), "{}", table.stderr);
}

async fn take(State(taken): State<Arc<Mutex<Vec<Value>>>>, body: String) {
    taken.lock().unwrap().push(serde_json::from_str(&body).unwrap());
}

/// `accrual run` finds an alarm and an operator's webhook gets it, once, signed like every other message.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_reaches_a_webhook() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    let large = *rows(&now).iter().max_by_key(|(_, units)| **units).unwrap().0;
    let of_campaign = rows(&now)[&large];
    stand_in.page_of(large, UserSays { of_campaign, total: of_campaign });

    let taken = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state(taken.clone());
    let receiving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let allow = "[webhooks]\nallow_private = [\"127.0.0.1\"]\n";
    let telling = stage.with("telling", |text| format!("{text}\n{allow}"));
    let watching = stage.with("watching", |text| {
        format!("{text}\n{allow}[merkl]\nurl = \"{}\"\nevery_seconds = 60\n", stand_in.url)
    });
    let with = ["--config", binary::text(&telling)];
    let create = ["keys", "create", "--client", "ops", "--plan", "vip", "--scopes", "admin,webhooks"];
    let made = binary::run(&[&create[..], &with].concat()).await;
    assert_eq!(made.code, 0, "{}", made.stderr);

    // The webhook is registered with a server that compares nothing, so that nothing is told before.
    let mut api = binary::start(command(&[&["serve"], &with[..]].concat()));
    let line = api.line_with("API and page: ").await;
    let base = line.split_once("page: ").unwrap().1.to_owned();
    let body = json!({ "url": hook, "events": ["reconciliation.beyond"] });
    let request = reqwest::Client::new().post(format!("{base}v1/webhooks"));
    let request = request.header("x-api-key", made.stdout.trim()).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201, "{}", answer.text().await.unwrap());
    assert_eq!(api.terminate().await.code, 0);

    let mut api = binary::start(command(&["run", "--config", binary::text(&watching)]));
    let line = api.line_with("API and page: ").await;
    let metrics = format!("{}metrics", line.split_once("page: ").unwrap().1);
    let arrived = async {
        while taken.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), arrived).await.expect("the webhook is told");
    let told = taken.lock().unwrap()[0].clone();
    assert_eq!(told["type"], "reconciliation.beyond");
    assert_eq!(told["data"]["campaign"], CAMPAIGN);
    assert_eq!(told["data"]["difference_ppm"], 0, "the figures are the same");
    assert_eq!(told["data"]["alarms"], json!(["user_total_differs"]));

    // And whoever watches the metrics sees it at the next look.
    let gauge = format!("accrual_merkl_alarms{{campaign=\"{CAMPAIGN}\"}} 1");
    let seen = async {
        while !super::super::demo::get(&metrics, None).await.1.contains(&gauge) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("the gauge is told");
    assert_eq!(api.terminate().await.code, 0);
    receiving.abort();
    assert_eq!(taken.lock().unwrap().len(), 1, "once");
}
