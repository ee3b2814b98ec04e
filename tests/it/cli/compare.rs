//! `accrual compare` against a stand-in that speaks Merkl's published shapes, seeded from our own figures and disturbed in
//! each way that figures can differ: each is found, named and measured to the unit, and nothing else is reported.

mod alarms;
mod forms;
mod reasons;
mod stand_in;
mod two_instances;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, Ended};
use accrual_tests::config;
use accrual_tests::played::{Played, play};
use alloy::primitives::{Address, I256, U256};
use serde_json::Value;

use stand_in::{Rows, StandIn};

const CAMPAIGN: &str = "rehearsal-usd-tkn";
const MERKL_ID: &str = "0xcacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacaca";
const STRANGER: Address = Address::repeat_byte(0x57);

/// Differences by account, with their reasons.
type Told = BTreeMap<Address, (I256, String)>;

/// A database with the rehearsal in it, and configurations over it.
struct Stage {
    folder: tempfile::TempDir,
    played: Played,
    config: PathBuf,
}

impl Stage {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let played = play(NodeOptions::default()).await;
        super::indexed(folder.path(), &played).await;
        let text = config::text(&super::sqlite_url(folder.path()), &played);
        let config = config::write_text(folder.path(), &with_merkl_id(&text));
        Self { folder, played, config }
    }

    /// The same with something more in it.
    fn with(&self, name: &str, change: impl FnOnce(String) -> String) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        config::write_text(&folder, &change(std::fs::read_to_string(&self.config).unwrap()))
    }

    /// Times of blocks, a part of the recording in.
    fn time(&self, tenths: usize) -> u64 {
        let blocks = &self.played.recording.blocks;
        blocks[blocks.len() * tenths / 10].header.timestamp
    }
}

fn with_merkl_id(text: &str) -> String {
    let line = format!("id = \"{CAMPAIGN}\"\n");
    assert_eq!(text.matches(&line).count(), 1);
    text.replace(&line, &format!("{line}merkl_campaign_id = \"{MERKL_ID}\"\n"))
}

/// Our own figures as of a time, or of the last block before it.
async fn report(config: &Path, at: u64) -> Value {
    let at = accrual_api::view::Rfc3339(accrual_rewards::unit::UnixSeconds(at)).to_string();
    let arguments =
        ["report", "--config", binary::text(config), "--campaign", CAMPAIGN, "--at", &at, "--format", "json"];
    let ended = binary::run(&arguments).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn rows(report: &Value) -> Rows {
    let data = report["data"].as_array().unwrap().iter();
    data.map(|row| (address(&row["account"]), units(&row["earned_units"]))).collect()
}

fn address(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

fn units(value: &Value) -> U256 {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text of digits")).parse().unwrap()
}

async fn compare(config: &Path, merkl: &str, more: &[&str]) -> Ended {
    let base = ["compare", "--config", binary::text(config), "--campaign", CAMPAIGN, "--merkl", merkl];
    binary::run(&[&base, more].concat()).await
}

async fn compared(config: &Path, merkl: &str, more: &[&str]) -> (i32, Value) {
    let ended = compare(config, merkl, &[&["--format", "json"], more].concat()).await;
    assert!(matches!(ended.code, 0 | 3), "{}", ended.stderr);
    (ended.code, serde_json::from_str(&ended.stdout).unwrap())
}

fn told(comparison: &Value) -> Told {
    let data = comparison["data"].as_array().unwrap().iter();
    let row = |row: &Value| {
        let difference: I256 = row["difference_units"].as_str().unwrap().parse().unwrap();
        let reason = row["reason"].as_str().unwrap_or("equal").to_owned();
        assert_eq!(difference.is_zero(), reason == "equal", "{row}");
        (address(&row["account"]), (difference, reason))
    };
    data.map(row).filter(|(_, (difference, _))| !difference.is_zero()).collect()
}

/// What the change from `before` to `after` is, all under one reason but those named apart.
fn by_hand(before: &Rows, after: &Rows, reason: &str, apart: &[(Address, &str)]) -> Told {
    let accounts = before.keys().chain(after.keys());
    let of = |rows: &Rows, account| I256::from_raw(rows.get(account).copied().unwrap_or_default());
    let told = accounts.map(|account| {
        let named = apart.iter().find(|(one, _)| one == account).map_or(reason, |(_, reason)| reason);
        (*account, (of(after, account) - of(before, account), named.to_owned()))
    });
    told.filter(|(_, (difference, _))| !difference.is_zero()).collect()
}

/// A disturbance's name, their rows after it, the reason that it must be given, and the accounts with their reasons.
type Disturbed<'a> = (&'a str, Rows, &'a str, Vec<(Address, &'a str)>);

#[tokio::test]
async fn each_disturbance_is_named_and_measured_and_nothing_else() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let report = report(&stage.config, at).await;
    let ours = rows(&report);
    let emitted = units(&report["emitted_units"]);
    let stand_in = StandIn::serve(MERKL_ID, &report, at).await;

    let (code, equal) = compared(&stage.config, &stand_in.url, &["--tolerance-ppm", "0"]).await;
    assert_eq!((code, told(&equal)), (0, Told::new()));
    assert_eq!(equal["difference_units"], "0");
    assert_eq!(equal["best_scoring"], "per_block");
    assert_eq!(units(&equal["paid_units"]), units(&report["earned_units"]));
    assert_eq!(equal["data"].as_array().unwrap().len(), ours.len());

    let large = *ours.iter().max_by_key(|(_, units)| **units).unwrap().0;
    let small = *ours.iter().min_by_key(|(_, units)| **units).unwrap().0;
    let dust_ppb = (ours[&small] * U256::from(1_000_000_000_u64) / emitted + U256::ONE).to_string();
    let (wrapper, behind) = behind_a_wrapper(&report);
    let change = |act: &dyn Fn(&mut Rows)| {
        let mut rows = ours.clone();
        act(&mut rows);
        rows
    };
    let cases: Vec<Disturbed<'_>> = vec![
        (
            "a wrapper is paid itself",
            change(&|rows| {
                for (account, units) in &behind {
                    let left = rows[account] - *units;
                    if left.is_zero() {
                        rows.remove(account)
                    } else {
                        rows.insert(*account, left)
                    };
                    *rows.entry(wrapper).or_default() += *units;
                }
            }),
            "forwarder_missed",
            vec![],
        ),
        (
            "missing in theirs",
            change(&|rows| {
                rows.remove(&large);
            }),
            "missing_in_theirs",
            vec![],
        ),
        (
            "missing in ours",
            change(&|rows| {
                rows.insert(STRANGER, U256::from(77));
            }),
            "missing_in_ours",
            vec![],
        ),
        (
            "dust",
            change(&|rows| {
                rows.remove(&small);
            }),
            "dust_filter",
            vec![],
        ),
        (
            "rounding",
            change(&|rows| *rows.get_mut(&large).unwrap() -= emitted / U256::from(1_000_000_000_u64)),
            "rounding",
            vec![],
        ),
        (
            "unexplained",
            change(&|rows| {
                let units = rows.get_mut(&large).unwrap();
                *units -= *units / U256::from(33);
            }),
            "unexplained",
            vec![],
        ),
        (
            "two at once",
            change(&|rows| {
                rows.remove(&small);
                rows.insert(STRANGER, U256::from(7));
            }),
            "dust_filter",
            vec![(STRANGER, "missing_in_ours")],
        ),
    ];
    // The smallest account counts as dust here.
    let dusty = stage.with("dusty", |text| format!("{text}\n[merkl]\ndust_ppb = {dust_ppb}\n"));
    for (name, theirs, reason, apart) in cases {
        stand_in.say(at, theirs.clone(), &[]);
        let (_, comparison) = compared(&dusty, &stand_in.url, &[]).await;
        assert_eq!(told(&comparison), by_hand(&ours, &theirs, reason, &apart), "{name}");
        let whole = told(&comparison).values().fold(U256::ZERO, |sum, (one, _)| sum + one.unsigned_abs());
        assert_eq!(units(&comparison["difference_units"]), whole, "{name}");
    }

    // They say whom they leave out.
    let without = change(&|rows| {
        rows.remove(&large);
    });
    stand_in.say(at, without.clone(), &[large]);
    let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!(told(&comparison), by_hand(&ours, &without, "excluded", &[]));
    assert_eq!(code, 3, "the largest account is far beyond any tolerance");
}

/// A wrapper with what each account earned through it.
fn behind_a_wrapper(report: &Value) -> (Address, BTreeMap<Address, U256>) {
    let mut behind: BTreeMap<Address, BTreeMap<Address, U256>> = BTreeMap::new();
    for row in report["data"].as_array().unwrap() {
        for position in row["positions"].as_array().unwrap() {
            if let Some(first) = position["via"].as_array().unwrap().first() {
                let sum =
                    behind.entry(address(first)).or_default().entry(address(&row["account"])).or_default();
                *sum += units(&position["earned_units"]);
            }
        }
    }
    behind
        .into_iter()
        .max_by_key(|(_, accounts)| accounts.len())
        .expect("the rehearsal has a gauge and a vault")
}

#[tokio::test]
async fn another_instant_or_other_terms_explain_every_account() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let ours = rows(&now);
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;

    // Some blocks earlier, with trades since: they say another instant than they paid.
    let blocks = &stage.played.recording.blocks;
    let earlier = blocks[blocks.len() * 69 / 100].header.timestamp;
    let before = rows(&report(&stage.config, earlier).await);
    stand_in.say(at, before.clone(), &[]);
    let (_, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    let shown = told(&comparison);
    assert_eq!(shown, by_hand(&ours, &before, "run_edge", &[]));
    assert!(shown.len() > 3);

    // An override that only we count.
    let middle = accrual_api::view::Rfc3339(accrual_rewards::unit::UnixSeconds(stage.time(4)));
    let overridden = stage.with("overridden", |text| {
        let weights = "weights = { fees = 4000, token0 = 3000, token1 = 3000 }\nout_of_range = false\n";
        assert_eq!(text.matches(weights).count(), 1);
        let version = format!(
            "{weights}[[campaigns.versions]]\nsince = \"{middle}\"\nweights = {{ fees = 1, token0 = 0, token1 = 0 }}\n"
        );
        text.replace(weights, &version)
    });
    let with_override = rows(&report(&overridden, at).await);
    stand_in.say(at, ours.clone(), &[]);
    let (_, comparison) = compared(&overridden, &stand_in.url, &[]).await;
    let shown = told(&comparison);
    let hand = by_hand(&with_override, &ours, "override_in_window", &[]);
    let differences =
        |told: &Told| told.iter().map(|(account, (units, _))| (*account, *units)).collect::<Vec<_>>();
    assert_eq!(differences(&shown), differences(&hand));
    let small = |units: &I256| {
        units.unsigned_abs() * U256::from(1_000_000_000_u64) <= units_of(&now, "emitted_units")
    };
    for (account, (units, reason)) in &shown {
        let expected = if small(units) { "rounding" } else { "override_in_window" };
        assert_eq!(reason, expected, "{account}");
    }
}

fn units_of(report: &Value, name: &str) -> U256 {
    units(&report[name])
}

#[tokio::test]
async fn alarms_history_evidence_and_what_was_kept() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let ours = rows(&now);
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    let large = *ours.iter().max_by_key(|(_, units)| **units).unwrap().0;
    let (code, first) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, first["alarms"].as_array().unwrap().len()), (0, 0));

    // A leaf falls by one unit, which no tolerance allows.
    let mut fallen = ours.clone();
    *fallen.get_mut(&large).unwrap() -= U256::ONE;
    stand_in.say(at, fallen, &[]);
    let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, &comparison["alarms"][0]["alarm"]), (3, &"leaf_fell".into()));

    // More than time has set free.
    let mut above = ours.clone();
    above.insert(STRANGER, units(&now["budget_units"]));
    stand_in.say(at, above, &[]);
    let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    let alarms: Vec<&str> = comparison["alarms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alarm| alarm["alarm"].as_str().unwrap())
        .collect();
    assert_eq!((code, alarms), (3, vec!["above_schedule"]));

    // What was kept says the same once more, with nobody to ask.
    let reading = format!("kept:{}", first["reading"].as_str().unwrap());
    let (_, again) = compared(&stage.config, &reading, &[]).await;
    assert_eq!(again["data"], first["data"]);
    assert_eq!(again["fits"], first["fits"]);

    // Every form speaks of the same account; the page needs nothing from elsewhere and escapes what they wrote.
    let hostile = "<script src=https://evil.example/x.js></script>";
    stand_in.say_because(at, ours.clone(), hostile);
    let account = large.to_checksum(None);
    for format in ["html", "csv", "table"] {
        let ended = compare(&stage.config, &stand_in.url, &["--format", format, "--account", &account]).await;
        assert!(matches!(ended.code, 0 | 3), "{}", ended.stderr);
        assert!(format == "table" || ended.stdout.contains(&account), "{format}: {}", ended.stdout);
        if format == "html" {
            let page = ended.stdout;
            assert!(page.contains("&lt;script src=https://evil.example"), "{page}");
            for active in ["<script", "<img", "<link", "<iframe", " href=", " src=\"", "javascript:"] {
                assert!(!page.contains(active), "{active} in {page}");
            }
            let position = now["data"].as_array().unwrap()[0]["positions"][0]["position"].as_str().unwrap();
            assert!(page.contains(position), "{page}");
            let block = stage.played.recording.blocks[0].header.number / 1_000_000;
            assert!(page.contains(&format!("<td class=\"n\">{block}")), "blocks are named: {page}");
        }
    }

    // A reading that breaks off is gone on with.
    stand_in.say(at, ours.clone(), &[]);
    stand_in.break_off_before_the_end(true);
    let ended = compare(&stage.config, &stand_in.url, &[]).await;
    super::assert_fails(
        "broken off",
        &ended,
        1,
        &["was not answered in 5 attempts", "run it again to go on"],
    );
    stand_in.break_off_before_the_end(false);
    let asked = stand_in.asked();
    let (code, _) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, stand_in.asked() - asked), (0, 1), "only what was missing is asked");
}

#[tokio::test]
async fn what_cannot_be_compared_is_a_sentence() {
    let stage = Stage::set().await;
    let config = binary::text(&stage.config);
    let none = stage.folder.path().join("none.json");
    let rubbish = stage.folder.path().join("rubbish.json");
    std::fs::write(&rubbish, "{}").unwrap();
    let other = "rehearsal-weth-tkn";
    let cases: [(&str, &[&str], i32, &[&str]); 6] = [
        ("no source", &["--campaign", CAMPAIGN], 2, &["--merkl is missing"]),
        (
            "no file",
            &["--campaign", CAMPAIGN, "--merkl", binary::text(&none)],
            2,
            &["none.json", "cannot be read"],
        ),
        (
            "no reward file",
            &["--campaign", CAMPAIGN, "--merkl", binary::text(&rubbish)],
            1,
            &["no reward file"],
        ),
        (
            "no id of theirs",
            &["--campaign", other, "--merkl", "http://127.0.0.1:1"],
            2,
            &["merkl_campaign_id"],
        ),
        ("nothing kept", &["--campaign", CAMPAIGN, "--merkl", "kept:x"], 2, &["no such reading"]),
        ("no campaign", &["--campaign", "x", "--merkl", "kept:x"], 2, &["no such campaign"]),
    ];
    for (name, arguments, code, words) in cases {
        let ended = binary::run(&[&["compare", "--config", config], arguments].concat()).await;
        super::assert_fails(name, &ended, code, words);
    }
}

#[tokio::test]
async fn what_their_api_tells_is_configuration_ready_to_paste() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    let pool = {
        let text = std::fs::read_to_string(&stage.config).unwrap();
        let rest = text.split_once("id = \"rusd-rtkn\"").unwrap().1;
        rest.split_once("address = \"").unwrap().1.split('"').next().unwrap().to_owned()
    };
    let discover = async || {
        let arguments = ["discover", "--config", binary::text(&stage.config), "--merkl", &stand_in.url];
        let ended = binary::run(&arguments).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    let unknown = discover().await;
    assert!(
        unknown.contains("Left out") && unknown.lines().all(|line| line.is_empty() || line.starts_with('#'))
    );
    stand_in.is_about(&pool);
    let told = discover().await;
    assert!(told.contains(&format!("merkl_campaign_id = \"{MERKL_ID}\"")), "{told}");
    let both = stage.with("both", |text| {
        let (head, tail) = text.split_once("[[prices]]").unwrap();
        format!("{head}{told}[[prices]]{tail}")
    });
    let ended = binary::run(&["check", "config", "--config", binary::text(&both)]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// `accrual run` compares by itself, the API tells it to those who may know, and operators' webhooks are told once.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_compares_by_itself_and_tells_when_it_is_beyond() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let mut rows = rows(&now);
    let large = *rows.iter().max_by_key(|(_, units)| **units).unwrap().0;
    rows.remove(&large);
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    stand_in.say(at, rows.clone(), &[]);
    let watching = stage.with("watching", |text| {
        format!("{text}\n[merkl]\nurl = \"{}\"\nevery_seconds = 60\n", stand_in.url)
    });
    let config = ["--config", binary::text(&watching)];
    let key = async |scopes: &str| {
        let arguments = ["keys", "create", "--client", "ann", "--plan", "vip", "--scopes", scopes];
        let made = binary::run(&[&arguments[..], &config[..]].concat()).await;
        assert_eq!(made.code, 0, "{}", made.stderr);
        made.stdout.trim().to_owned()
    };
    let (may, may_not) = (key("read:reconciliation").await, key("read:public").await);
    let mut api = binary::start(binary::command(&[&["run"], &config[..]].concat()));
    let line = api.line_with("API and page: ").await;
    let base = format!("{}v1/campaigns/{CAMPAIGN}/reconciliation", line.split_once("page: ").unwrap().1);
    let ask = async |query: &str, key: &str| {
        let request = reqwest::Client::new().get(format!("{base}{query}")).header("X-API-Key", key);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let compared = async {
        loop {
            let (status, body) = ask("?limit=2", &may).await;
            if status == 200 {
                return serde_json::from_str::<Value>(&body).unwrap();
            }
            assert!(matches!(status, 404 | 503), "{status}: {body}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let first =
        tokio::time::timeout(std::time::Duration::from_secs(90), compared).await.expect("it compares");
    assert_eq!(first["is_beyond"], true);
    assert_eq!(first["data"][0]["reason"], "missing_in_theirs");
    assert_eq!(address(&first["data"][0]["account"]), large);
    assert_eq!(first["history"].as_array().unwrap().len(), 1);
    assert_eq!(ask("", &may_not).await.0, 403);

    // Every account once, page by page.
    let (mut seen, mut page) = (0, first.clone());
    loop {
        seen += page["data"].as_array().unwrap().len();
        let Some(cursor) = page["meta"]["next_cursor"].as_str() else { break };
        page = serde_json::from_str(&ask(&format!("?limit=2&cursor={cursor}"), &may).await.1).unwrap();
    }
    assert_eq!(seen, rows.len() + 1);
    let (_, own) = ask(&format!("?account={large}"), &may).await;
    assert_eq!(serde_json::from_str::<Value>(&own).unwrap()["data"].as_array().unwrap().len(), 1);

    // Whoever watches the metrics sees it at the next look.
    let metrics = base.replace(&format!("v1/campaigns/{CAMPAIGN}/reconciliation"), "metrics");
    let gauge =
        |name: &str, value: &Value| format!("accrual_merkl_{name}{{campaign=\"{CAMPAIGN}\"}} {value}");
    let gauges = [gauge("difference_ppm", &first["difference_ppm"]), gauge("beyond", &1.into())];
    assert!(first["difference_ppm"].as_u64().unwrap() > 1_000, "{first}");
    let seen = async {
        loop {
            let told = super::demo::get(&metrics, None).await.1;
            if gauges.iter().all(|gauge| told.lines().any(|line| line == gauge)) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(60), seen).await;
    in_time.unwrap_or_else(|_| panic!("the metrics tell {gauges:?}"));

    let ended = api.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let url = super::sqlite_url(stage.folder.path()).parse().unwrap();
    let db = accrual_store::Db::open(&url, accrual_store::Mode::Read).await.unwrap();
    let notices = accrual_store::dump::table(&db, "notices").await.unwrap();
    let told = notices.iter().filter(|row| row[0].starts_with("reconciliation.beyond:")).count();
    assert_eq!(told, 1, "{notices:?}");
}
