//! The key life cycle on the command line, and the commands around the database.

use std::path::Path;
use std::time::Duration;

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, command};
use accrual_tests::config;
use accrual_tests::played::play;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// `keys.propagation_seconds_max` unless configured.
const BOUND: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_serves_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = super::indexed(folder.path(), &played).await;
    let config = ["--config", binary::text(&path)];
    let ok = async |arguments: &[&str]| {
        let ended = binary::run(&[arguments, &config].concat()).await;
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        ended
    };
    let made = ok(&["keys", "create", "--client", "ann", "--plan", "vip"]).await;
    let key = made.stdout.trim().to_owned();
    assert_eq!((key.len(), made.stdout.lines().count()), (71, 1), "the answer is the key alone");
    let (id, secret) = (&key[9..21], &key[22..65]);
    assert!(made.stderr.contains(id) && !made.stderr.contains(secret), "{}", made.stderr);

    let listed = ok(&["keys", "list"]).await;
    let row = listed.stdout.lines().find(|line| line.contains(id)).unwrap();
    assert!(row.contains("ann") && row.contains("active"), "{row}");
    assert!(!holds(listed.stdout.as_bytes(), secret));

    let mut api = binary::start(command(&[&["serve"], &config[..]].concat()));
    let line = api.line_with("API and page: ").await;
    let url = format!("{}v1/campaigns", line.split_once("page: ").unwrap().1);
    assert_eq!(status(&url, &key).await, StatusCode::OK);
    let other = ok(&["keys", "create", "--client", "bob"]).await.stdout;
    assert_eq!(status(&url, other.trim()).await, StatusCode::OK, "a new key serves at once");

    assert!(ok(&["keys", "revoke", id]).await.stdout.contains("revoked"));
    let refused = async {
        let mut served = 1;
        while status(&url, &key).await != StatusCode::UNAUTHORIZED {
            served += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        served
    };
    let refused = tokio::time::timeout(BOUND, refused).await;
    let served: u64 = refused.expect("a revoked one no longer, within the bound");
    assert_eq!(status(&url, other.trim()).await, StatusCode::OK, "nobody else is touched");
    assert!(ok(&["keys", "revoke", id]).await.stdout.contains("was revoked before"));
    let listed = ok(&["keys", "list"]).await;
    assert!(
        listed.stdout.lines().any(|line| line.contains(id) && line.contains("revoked")),
        "{}",
        listed.stdout
    );

    let ended = api.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!holds(ended.stderr.as_bytes(), secret), "no secret in the log");
    for (name, bytes) in all_files(folder.path()) {
        assert!(!holds(&bytes, secret), "the secret is in {name}");
    }

    // What its calls left behind: who made them, and the evidence of its life.
    let callers = ok(&["keys", "preview", id, "--format", "json"]).await;
    let callers: Value = serde_json::from_str(&callers.stdout).unwrap();
    assert_eq!(callers.as_array().unwrap().len(), 1, "{callers}");
    assert_eq!(
        (&callers[0]["network"], &callers[0]["endpoint"]),
        (&json!("127.0.0.0/24"), &json!("GET /v1/campaigns"))
    );
    assert_eq!(callers[0]["calls"], served, "what is refused is no use: {callers}");
    assert!(ok(&["keys", "preview", id]).await.stdout.contains("127.0.0.0/24"));
}

/// Who did what to each key last, when and why, and how old it is: what an auditor asks for, in one command. And when each
/// is due, soonest first.
#[tokio::test]
async fn one_command_prints_the_evidence_and_one_the_calendar() {
    let folder = tempfile::tempdir().unwrap();
    let head = config::head(&super::sqlite_url(folder.path()), 8453, "http://127.0.0.1:1");
    let rule = "client = \"bob\"\nevery_days = 30\ndeliver = \"file:/run/bob.key\"\n";
    let text = format!("{head}[keys]\nage_days_max = 90\n[[keys.rotate]]\n{rule}");
    let path = config::write_text(folder.path(), &text);
    let config = ["--config", binary::text(&path)];
    let ok = async |arguments: &[&str]| {
        let ended = binary::run(&[arguments, &config].concat()).await;
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        ended.stdout
    };
    let create = async |client: &str, reason: &str| {
        ok(&["keys", "create", "--client", client, "--reason", reason]).await[9..21].to_owned()
    };
    let (ann, bob) = (create("ann", "asked for").await, create("bob", "=a cell that acts").await);
    ok(&["keys", "pause", &ann, "--reason", "odd traffic"]).await;
    ok(&["keys", "resume", &ann, "--reason", "a load test"]).await;

    let rows: Value = serde_json::from_str(&ok(&["keys", "list", "--format", "json"]).await).unwrap();
    let row = |id: &str| rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    for (id, client, action, reason) in
        [(&ann, "ann", "key.resume", "a load test"), (&bob, "bob", "key.create", "=a cell that acts")]
    {
        let row = row(id);
        assert_eq!(
            (&row["client"], &row["age_days"], &row["generation"]),
            (&json!(client), &json!(0), &json!(0))
        );
        assert_eq!(
            (&row["last_action"], &row["last_action_reason"]),
            (&json!(action), &json!(reason)),
            "{row}"
        );
        let by = row["last_action_by"].as_str().unwrap().strip_prefix("cli:");
        assert!(by.is_some_and(|user| !user.is_empty()), "somebody did it: {row}");
        assert!(row["last_action_at"].is_string() && row["created_at"].is_string(), "{row}");
    }
    let csv = ok(&["keys", "list", "--format", "csv"]).await;
    let line = csv.lines().find(|line| line.starts_with(&bob)).unwrap();
    assert!(line.ends_with(",'=a cell that acts"), "{line}");

    let due: Value = serde_json::from_str(&ok(&["keys", "calendar", "--format", "json"]).await).unwrap();
    let keys: Vec<&str> = due.as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, [bob.as_str(), ann.as_str()], "30 days before 90: {due}");
    assert_eq!(
        (&due[0]["delivered_to"], &due[1]["delivered_to"]),
        (&json!("file:/run/bob.key"), &Value::Null)
    );
    for (place, days) in [(0, 30), (1, 90)] {
        let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        let created = at(&row(keys[place])["created_at"]);
        assert_eq!(at(&due[place]["due_at"]) - created, days * 86_400, "{due}");
    }
}

async fn status(url: &str, key: &str) -> StatusCode {
    reqwest::Client::new().get(url).header("X-API-Key", key).send().await.unwrap().status()
}

fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn the_configuration_is_checked_without_node_or_database() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let text = config::text(&super::sqlite_url(folder.path()), &played);
    let path = config::write_text(folder.path(), &text.replace(&played.url, "http://127.0.0.1:1"));
    let ended = binary::run(&["check", "config", "--config", binary::text(&path)]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("3 pools, 6 campaigns, chain 8453"), "{}", ended.stdout);
    assert_eq!(all_files(folder.path()).len(), 1, "the configuration is still all there is");
}

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = config::write(folder.path(), &super::sqlite_url(folder.path()), &played);
    let first = binary::run(&["migrate", "--config", binary::text(&path)]).await;
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stdout.contains("applied 0001"), "{}", first.stdout);
    let bytes = std::fs::read(super::database(folder.path())).unwrap();
    let second = binary::run(&["migrate", "--config", binary::text(&path)]).await;
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stdout.contains("up to date"), "{}", second.stdout);
    assert!(std::fs::read(super::database(folder.path())).unwrap() == bytes, "bytes changed");
    let checked = binary::run(&["check", "--config", binary::text(&path)]).await;
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}
