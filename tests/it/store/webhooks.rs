//! Webhooks, what they are told, and how each message gets there once.

use accrual_access::change::{Refused, create_client};
use accrual_access::notice::{CampaignTold, Happening, KeyTold, Notice};
use accrual_access::record::ClientRecord;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::access::{self, By, Whose};
use accrual_store::deliveries::{self, Tried};
use accrual_store::{Db, NoticeRow, WebhookRow, notices, watched, webhooks};
use accrual_tests::db::on_each_engine;

const T0: u64 = 1_780_678_800;

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds(T0 + seconds)
}

async fn client(db: &Db, id: &str) {
    let record = ClientRecord {
        client_id: id.into(),
        name: id.into(),
        plan: "vip".into(),
        created_at: at(0),
        spend_cap_microusd: None,
        pays_in_tmai: false,
        stake_tier: String::new(),
        epoch: 0,
    };
    let by = By { actor: "t", reason: "", request_id: "", at_ms: T0 * 1_000, repeat: None };
    let made = access::change(db, Whose::Named(&record), &by, |family| {
        Ok::<_, Refused>((create_client(family), String::new(), ()))
    });
    made.await.unwrap();
}

fn webhook(id: &str, client: &str, events: &str) -> WebhookRow {
    WebhookRow {
        webhook_id: id.into(),
        client_id: client.into(),
        url: format!("https://{id}.example/hook"),
        events: events.into(),
        state: "active".into(),
        created_at: at(0),
        secret_generation: 1,
        pepper_version: 1,
        previous_ends_at: None,
        previous_pepper_version: None,
        is_operator: false,
        note: String::new(),
        version: 1,
    }
}

fn of_key(client: &str, key: &str) -> NoticeRow {
    let told = KeyTold {
        key_id: key.parse().unwrap(),
        client: client.into(),
        env: accrual_access::key::KeyEnv::Live,
        generation: 0,
    };
    Notice::new(&Happening::KeyCreated(told), at(0)).into()
}

fn of_campaign(id: &str, ends_at: u64) -> NoticeRow {
    let (starts_at, ends_at) = (at(0), at(ends_at));
    let told = CampaignTold { campaign: id.into(), pool: "p".into(), starts_at, ends_at };
    Notice::new(&Happening::CampaignEnded(told), ends_at).into()
}

fn of_nobody() -> NoticeRow {
    let happening = Happening::AuthFailures {
        client: None,
        key_id: None,
        reason: "key_unknown".into(),
        calls: 1000,
        since_at: at(0),
    };
    Notice::new(&happening, at(0)).into()
}

#[tokio::test]
async fn a_webhook_comes_out_as_it_went_in_and_two_editors_notice_each_other() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        client(db, "c1").await;
        client(db, "c2").await;
        let full = WebhookRow {
            previous_ends_at: Some(at(9)),
            previous_pepper_version: Some(1),
            pepper_version: 2,
            secret_generation: 3,
            is_operator: true,
            note: "pager".into(),
            ..webhook("w1", "c1", "key.created")
        };
        let later = WebhookRow { created_at: at(1), ..webhook("w0", "c2", "usage.80,usage.100") };
        webhooks::insert(db, &later).await.unwrap();
        webhooks::insert(db, &full).await.unwrap();
        assert_eq!(webhooks::list(db, None).await.unwrap(), [full.clone(), later.clone()]);
        assert_eq!(webhooks::list(db, Some("c2")).await.unwrap(), std::slice::from_ref(&later));
        assert_eq!(webhooks::by_id(db, "w1").await.unwrap().as_ref(), Some(&full));
        assert_eq!(webhooks::by_id(db, "w2").await.unwrap(), None);
        let unknown = webhook("w2", "c3", "");
        assert!(webhooks::insert(db, &unknown).await.is_err(), "its client is unknown");

        let edited = WebhookRow { url: "https://new.example".into(), state: "paused".into(), ..full.clone() };
        let other = WebhookRow { note: "too late".into(), ..full.clone() };
        assert!(webhooks::change(db, &edited).await.unwrap());
        assert!(!webhooks::change(db, &other).await.unwrap(), "it was changed meanwhile");
        let stored = webhooks::by_id(db, "w1").await.unwrap();
        assert_eq!(stored, Some(WebhookRow { version: 2, ..edited }));
        assert!(!webhooks::disable(db, "w1").await.unwrap(), "a paused one stays paused");
        assert!(!webhooks::delete(db, "w1", 1).await.unwrap());
        assert!(webhooks::delete(db, "w1", 2).await.unwrap());
        assert_eq!(webhooks::list(db, None).await.unwrap(), [later]);
    })
    .await;
}

#[tokio::test]
async fn each_notice_goes_to_those_who_asked_and_may_know() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        client(db, "c1").await;
        client(db, "c2").await;
        client(db, "op").await;
        let all = "key.created,key.auth_failures,campaign.ended";
        let rows = [
            webhook("w1", "c1", all),
            webhook("w2", "c2", all),
            WebhookRow { is_operator: true, ..webhook("w3", "op", all) },
            WebhookRow { state: "paused".into(), ..webhook("w4", "c1", all) },
            webhook("w5", "c1", "usage.80"),
        ];
        for row in &rows {
            webhooks::insert(db, row).await.unwrap();
        }
        let cases = [
            (of_key("c1", "000000000001"), vec!["w1", "w3"]),
            (of_key("c2", "000000000002"), vec!["w2", "w3"]),
            (of_nobody(), vec!["w3"]),
            (of_campaign("first", 5), vec!["w1", "w2", "w3"]),
        ];
        let notices: Vec<NoticeRow> = cases.iter().map(|(notice, _)| notice.clone()).collect();
        assert_eq!(notices::post_now(db, &notices).await.unwrap(), 4);
        assert_eq!(notices::post_now(db, &notices).await.unwrap(), 0, "the same names again");
        assert_eq!(notices::fan_out(db, at(10), 3).await.unwrap(), 3, "as many as were asked for");
        assert_eq!(notices::fan_out(db, at(10), 100).await.unwrap(), 1);
        assert_eq!(notices::fan_out(db, at(10), 100).await.unwrap(), 0);
        let due = deliveries::due(db, at(10), 100, 100).await.unwrap();
        for (notice, expected) in cases {
            let told = due.iter().filter(|due| due.notice_id == notice.notice_id);
            let told: Vec<&str> = told.map(|due| due.webhook_id.as_str()).collect();
            assert_eq!(told, expected, "{}", notice.notice_id);
        }
        assert_eq!(deliveries::due(db, at(9), 100, 100).await.unwrap(), [], "due from when they were made");
        let one_each = deliveries::due(db, at(10), 1, 100).await.unwrap();
        assert_eq!(one_each.len(), 3, "none keeps the others waiting");
        assert_eq!(deliveries::due(db, at(10), 100, 2).await.unwrap().len(), 2);
        assert_eq!(one_each[0].url, "https://w1.example/hook");
        assert!(one_each[0].body.starts_with(r#"{"type":""#));

        notices::post_to(db, &of_key("c1", "000000000003"), "w5").await.unwrap();
        assert_eq!(notices::fan_out(db, at(10), 100).await.unwrap(), 0, "it was for one only");
        assert_eq!(deliveries::history(db, "w5", 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_tried_by_one_at_a_time_and_its_history_is_kept() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        client(db, "c1").await;
        webhooks::insert(db, &webhook("w1", "c1", "key.created")).await.unwrap();
        notices::post_now(db, &[of_key("c1", "000000000001")]).await.unwrap();
        notices::fan_out(db, at(0), 100).await.unwrap();
        let due = deliveries::due(db, at(0), 2, 100).await.unwrap().remove(0);

        let (a, b) = tokio::join!(deliveries::claim(db, &due, at(60)), deliveries::claim(db, &due, at(60)));
        assert!(a.unwrap() ^ b.unwrap(), "one of two servers takes it");
        assert_eq!(deliveries::due(db, at(59), 2, 100).await.unwrap(), [], "nobody else sees it meanwhile");
        let abandoned = deliveries::due(db, at(60), 2, 100).await.unwrap().remove(0);
        assert_eq!(abandoned.attempts, 1, "its server died: due again, and the try counts");
        assert!(deliveries::claim(db, &abandoned, at(120)).await.unwrap());

        let failed = Tried {
            state: "pending",
            next_at: at(200),
            at: at(70),
            status: Some(500),
            error: Some("answered 500".into()),
        };
        assert!(!deliveries::settle(db, &due, at(60), &failed).await.unwrap(), "the first claim is over");
        assert!(deliveries::settle(db, &abandoned, at(120), &failed).await.unwrap());
        let seen = deliveries::history(db, "w1", 10).await.unwrap().remove(0);
        assert_eq!((seen.attempts, seen.last_status, seen.next_at), (2, Some(500), at(200)));
        assert_eq!((seen.last_error.as_deref(), seen.last_at), (Some("answered 500"), Some(at(70))));

        let again = deliveries::due(db, at(200), 2, 100).await.unwrap().remove(0);
        assert!(deliveries::claim(db, &again, at(260)).await.unwrap());
        let delivered =
            Tried { state: "delivered", next_at: at(201), at: at(201), status: Some(204), error: None };
        assert!(deliveries::settle(db, &again, at(260), &delivered).await.unwrap());
        let seen = deliveries::history(db, "w1", 10).await.unwrap().remove(0);
        assert_eq!((seen.state.as_str(), seen.attempts, seen.last_error), ("delivered", 3, None));
        assert_eq!(deliveries::due(db, at(9_999), 2, 100).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        client(db, "c1").await;
        webhooks::insert(db, &webhook("w1", "c1", "key.created")).await.unwrap();
        notices::post_now(db, &[of_key("c1", "000000000001")]).await.unwrap();
        notices::fan_out(db, at(0), 100).await.unwrap();
        assert!(webhooks::disable(db, "w1").await.unwrap());
        assert!(!webhooks::disable(db, "w1").await.unwrap());
        assert_eq!(deliveries::due(db, at(9), 2, 100).await.unwrap(), []);
        assert_eq!(deliveries::history(db, "w1", 10).await.unwrap()[0].state, "dropped");
        let stored = webhooks::by_id(db, "w1").await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.version), ("disabled", 2));

        assert_eq!(notices::forget(db, at(0)).await.unwrap(), 0);
        notices::post_now(db, &[of_key("c1", "000000000002")]).await.unwrap();
        assert_eq!(notices::forget(db, at(1)).await.unwrap(), 1, "what waits is not forgotten");
        assert_eq!(deliveries::history(db, "w1", 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_change_is_noticed_once_by_whichever_server() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let raise = async |value| {
            watched::post_when_raised(db, "campaign:first", value, |old| {
                assert!(old < value);
                of_campaign("first", value)
            })
            .await
            .unwrap()
        };
        let steps = [(100, false), (100, false), (200, true), (200, false), (150, false), (300, true)];
        for (value, posted) in steps {
            assert_eq!(raise(value).await, posted, "{value}");
        }
        let (a, b) = tokio::join!(raise(400), raise(400));
        assert!(a ^ b);

        let told = async |id: &str, at| {
            watched::post_after_quiet(db, "apr:first", 100, &of_campaign(id, at)).await.unwrap()
        };
        let steps = [("a", 0, true), ("b", 0, false), ("c", 99, false), ("d", 100, true), ("e", 150, false)];
        for (id, at, posted) in steps {
            assert_eq!(told(id, at).await, posted, "{id}");
        }
        let (a, b) = tokio::join!(told("f", 200), told("f", 200));
        assert!(a ^ b);
    })
    .await;
}
