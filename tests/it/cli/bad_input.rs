//! Each mistake gives one sentence and an exit code, and leaves the database alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use accrual_recording::NodeOptions;
use accrual_store::{Db, Mode};
use accrual_tests::binary::{self, command};
use accrual_tests::played::{Played, play};
use accrual_tests::{config, db};

/// One mistake: what is changed in a good configuration, the command that meets it, and what it says.
struct Case {
    name: &'static str,
    /// Replaced in the good configuration: what, by what.
    edit: (&'static str, &'static str),
    /// `CONFIG` stands for the file.
    command: &'static str,
    environment: &'static [(&'static str, &'static str)],
    code: i32,
    words: &'static [&'static str],
}

const GOOD: Case = Case { name: "", edit: ("", ""), command: INDEX, environment: &[], code: 2, words: &[] };
const INDEX: &str = "index --config CONFIG --to head --progress off";
const REPORT: &str = "report --config CONFIG --campaign rehearsal-usd-tkn";
const CHECK: &str = "check config --config CONFIG";

/// Wrong usage or configuration: exit 2.
const MEANT_WRONG: [Case; 30] = [
    Case {
        name: "missing file",
        command: "report --config nowhere.toml --campaign a",
        words: &["nowhere.toml", "cannot be read", "--config"],
        ..GOOD
    },
    Case {
        name: "syntax error",
        edit: ("[chain]", "[chain"),
        command: CHECK,
        words: &["accrual.toml, line 3"],
        ..GOOD
    },
    Case {
        name: "unknown key",
        edit: ("[chain]\n", "[chain]\nrpc = 1\n"),
        command: CHECK,
        words: &["line 4", "chain.rpc", "unknown field `rpc`"],
        ..GOOD
    },
    Case {
        name: "unknown section",
        edit: ("[chain]\n", "[chian]\n[chain]\n"),
        command: CHECK,
        words: &["line 3", "chian"],
        ..GOOD
    },
    Case {
        name: "webhooks let in what is no network",
        edit: ("[chain]\n", "[webhooks]\nallow_private = [\"10.0.0.0/33\"]\n[chain]\n"),
        command: CHECK,
        words: &["line 4", "webhooks.allow_private", "10.0.0.0/33", "neither a host's name nor a network"],
        ..GOOD
    },
    Case {
        name: "ends before it starts",
        edit: ("ends_at = \"2025-06-19", "ends_at = \"2025-06-01"),
        command: CHECK,
        words: &["line ", "campaigns.0.ends_at"],
        ..GOOD
    },
    Case {
        name: "no time",
        edit: ("ends_at = \"2025-06-19T17:00:00Z\"", "ends_at = \"soon\""),
        command: CHECK,
        words: &["campaigns.0.ends_at", "\"soon\" is no time"],
        ..GOOD
    },
    Case {
        name: "prices that lead back",
        edit: (
            "[server]",
            "[[pools]]\nid = \"pair\"\nvenue = \"uniswap_v3\"\naddress = \"0x3333333333333333333333333333333333333333\"\n\
             created_block = 1\n[[prices]]\ntoken = \"0x1111111111111111111111111111111111111111\"\nsource = \"pool\"\npool = \"pair\"\n\
             [[prices]]\ntoken = \"0x2222222222222222222222222222222222222222\"\nsource = \"pool\"\npool = \"pair\"\n[server]",
        ),
        command: CHECK,
        words: &["line ", "prices.0.pool", "leads back", "prices[0].pool", "prices[1].pool", "0x2222"],
        ..GOOD
    },
    Case {
        name: "all weights zero",
        edit: ("fees = 4000, token0 = 3000, token1 = 3000", "fees = 0, token0 = 0, token1 = 0"),
        command: CHECK,
        words: &["line ", "campaigns.0.weights"],
        ..GOOD
    },
    Case {
        name: "unknown pool",
        edit: ("pool = \"rusd-rtkn\"", "pool = \"other\""),
        command: CHECK,
        words: &["campaigns.0.pool", "there is no pool other", "rusd-rtkn"],
        ..GOOD
    },
    Case {
        name: "one id twice",
        edit: ("rehearsal-usd-tkn-wide", "rehearsal-usd-tkn"),
        command: CHECK,
        words: &["campaigns.1.id", "ids are unique"],
        ..GOOD
    },
    Case {
        name: "no budget",
        edit: ("budget_units = \"1492", "budget_units = \"-1492"),
        command: CHECK,
        words: &["campaigns.0.budget_units", "whole number"],
        ..GOOD
    },
    Case {
        name: "another scoring",
        edit: ("scoring = \"per_block\"", "scoring = \"per_mood\""),
        command: CHECK,
        words: &["campaigns.0.scoring", "per_mood", "per_block"],
        ..GOOD
    },
    Case {
        name: "a mistyped address",
        edit: ("blacklist = [\"0xa694c7", "blacklist = [\"0xA694c7"),
        command: CHECK,
        words: &["campaigns.1.blacklist.0", "EIP-55"],
        ..GOOD
    },
    Case {
        name: "a run without its length",
        edit: ("scoring = \"per_block\"", "scoring = \"time_weighted\""),
        command: CHECK,
        words: &["line ", "campaigns.0.run_seconds", "time_weighted pays run by run"],
        ..GOOD
    },
    Case {
        name: "a position manager where there are no positions",
        edit: ("\"uniswap_v3\"", "\"aerodrome_basic\""),
        command: CHECK,
        words: &["pools.0.position_manager", "a position of aerodrome_basic is a share"],
        ..GOOD
    },
    Case {
        name: "another venue",
        edit: ("\"uniswap_v3\"", "\"sushi\""),
        command: CHECK,
        words: &["pools.0.venue", "sushi"],
        ..GOOD
    },
    Case {
        name: "no URL of a node",
        edit: ("rpc_urls = [\"http://", "rpc_urls = [\"htp://"),
        command: CHECK,
        words: &["chain.rpc_urls", "http://"],
        ..GOOD
    },
    Case {
        name: "no database URL",
        edit: ("sqlite://", "mysql://"),
        command: CHECK,
        words: &["database.url", "sqlite://PATH or postgres://"],
        ..GOOD
    },
    Case {
        name: "no address to listen on",
        edit: ("127.0.0.1:0", "localhost"),
        command: CHECK,
        words: &["server.listen", "127.0.0.1:8080"],
        ..GOOD
    },
    Case {
        name: "a contact without an end",
        command: CHECK,
        environment: &[("ACCRUAL__SERVER__SECURITY_CONTACT", "mailto:security@rewards.example")],
        words: &["SERVER__SECURITY_CONTACT", "server.security_expires_at"],
        ..GOOD
    },
    Case {
        name: "a contact that is none",
        command: CHECK,
        environment: &[
            ("ACCRUAL__SERVER__SECURITY_CONTACT", "ask around"),
            ("ACCRUAL__SERVER__SECURITY_EXPIRES_AT", "2027-06-01T00:00:00Z"),
        ],
        words: &["SERVER__SECURITY_CONTACT", "mailto:"],
        ..GOOD
    },
    Case {
        name: "a wrong override",
        command: CHECK,
        environment: &[("ACCRUAL__CHAIN__ID", "base")],
        words: &["ACCRUAL__CHAIN__ID"],
        ..GOOD
    },
    Case {
        name: "unknown campaign",
        command: "report --config CONFIG --campaign other",
        words: &["--campaign other", "rehearsal-usd-tkn-wide"],
        ..GOOD
    },
    Case {
        name: "bad --to",
        command: "index --config CONFIG --to yesterday",
        words: &["--to yesterday", "a block number"],
        ..GOOD
    },
    Case {
        name: "bad --at",
        command: "report --config CONFIG --campaign rehearsal-usd-tkn --at soon",
        words: &["--at soon", "a block number"],
        ..GOOD
    },
    Case {
        name: "short pepper",
        command: "keys create --config CONFIG --client ann",
        environment: &[("ACCRUAL_PEPPER", "salt")],
        words: &["ACCRUAL_PEPPER", "4 bytes", "at least 32"],
        ..GOOD
    },
    Case {
        name: "missing pepper file",
        edit: ("[index]", "[keys]\npepper_file = \"/nowhere/pepper\"\n[index]"),
        command: "keys create --config CONFIG --client ann",
        words: &["/nowhere/pepper", "cannot be read"],
        ..GOOD
    },
    Case {
        name: "malformed key id",
        command: "keys revoke --config CONFIG not-an-id",
        words: &["12 letters and digits", "accrual keys list"],
        ..GOOD
    },
    Case {
        name: "unknown scope",
        command: "keys create --config CONFIG --client ann --scopes read:all",
        words: &["--scopes", "read:all"],
        ..GOOD
    },
];

/// Right as far as one can tell without a node or a database: exit 1.
const FAILS_AT_RUN_TIME: [Case; 9] = [
    Case {
        name: "no node",
        edit: ("rpc_urls = [", "rpc_urls = [\"http://127.0.0.1:1\"] #"),
        words: &["no node has answered", "http://127.0.0.1:1", "chain.rpc_urls"],
        ..FAILING
    },
    Case {
        name: "wrong chain",
        edit: ("id = 8453", "id = 1"),
        words: &["chain 8453", "chain.id = 1"],
        ..FAILING
    },
    Case {
        name: "no pool",
        edit: (
            "\naddress = \"0x50fb2dcF6A992031D32C8806403dE9096b621AAd\"",
            "\naddress = \"0x1E9aF5F35cC49aC74D2C445211c9ECAa6Ff401F6\"",
        ),
        words: &["pool rusd-rtkn", "0x1E9aF5F35cC49aC74D2C445211c9ECAa6Ff401F6", "pools.address"],
        ..FAILING
    },
    Case {
        name: "another pool of that id",
        edit: ("created_block = 3113", "created_block = 3112"),
        words: &["pool rusd-rtkn", "choose another id"],
        ..FAILING
    },
    Case {
        name: "a block to come",
        command: "index --config CONFIG --to 99999999",
        words: &["99999999"],
        ..FAILING
    },
    Case {
        name: "a block not read",
        command: "report --config CONFIG --campaign rehearsal-usd-tkn --at 99999999",
        words: &["99999999"],
        ..FAILING
    },
    Case {
        name: "a time before all",
        command: "report --config CONFIG --campaign rehearsal-usd-tkn --at 2001-01-01T00:00:00Z",
        words: &["is not stored"],
        ..FAILING
    },
    Case {
        name: "no database",
        edit: ("accrual.db", "other.db"),
        command: REPORT,
        words: &["no database", "other.db", "accrual migrate"],
        ..FAILING
    },
    Case {
        name: "a key that is not there",
        command: "keys revoke --config CONFIG AAAAAAAAAAAA",
        words: &["AAAAAAAAAAAA"],
        ..FAILING
    },
];
const FAILING: Case = Case { code: 1, ..GOOD };

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_gives_one_sentence_and_leaves_the_database_alone() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    super::indexed(folder.path(), &played).await;
    let good = config::text(&super::sqlite_url(folder.path()), &played);
    let (rows_before, before) = (rows(folder.path()).await, files(folder.path()));
    for (place, case) in MEANT_WRONG.iter().chain(&FAILS_AT_RUN_TIME).enumerate() {
        let (old, new) = case.edit;
        assert!(good.contains(old), "{}: {old:?} is not in the configuration", case.name);
        let path = config::write_text(folder.path(), &good.replacen(old, new, 1));
        let begun = Instant::now();
        let ended = binary::ended(made(case, &path)).await;
        super::assert_fails(case.name, &ended, case.code, case.words);
        assert!(begun.elapsed() < Duration::from_secs(15), "{}: {:?}", case.name, begun.elapsed());
        if place < MEANT_WRONG.len() {
            assert!(files(folder.path()) == before, "{}: the database's files changed", case.name);
        } else {
            assert!(rows(folder.path()).await == rows_before, "{}: what is stored changed", case.name);
        }
    }
    // The table above tells nothing if the good configuration itself fails.
    let path = config::write_text(folder.path(), &good);
    for command in [INDEX, REPORT, CHECK] {
        let ended = binary::ended(made(&Case { command, ..GOOD }, &path)).await;
        assert_eq!(ended.code, 0, "{command}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_server_has_no_file_for_a_pepper() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = config::write(folder.path(), "postgres://nobody@127.0.0.1:1/none", &played);
    let arguments = ["keys", "create", "--config", binary::text(&path), "--client", "ann"];
    super::assert_fails("no pepper", &binary::run(&arguments).await, 2, &["no pepper", "ACCRUAL_PEPPER"]);
    let mut with_pepper = command(&arguments);
    with_pepper.env("ACCRUAL_PEPPER", "0".repeat(32));
    let ended = binary::ended(with_pepper).await;
    super::assert_fails("no server", &ended, 1, &["cannot reach", "127.0.0.1:1"]);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = indexed_on(folder.path(), &address).await;
    for name in ["serve", "run"] {
        let ended = binary::run(&[name, "--config", binary::text(&path)]).await;
        super::assert_fails(name, &ended, 1, &[&address, "another program listens", "server.listen"]);
    }
    let ended = binary::run(&["demo", "--listen", &address]).await;
    super::assert_fails("demo", &ended, 1, &[&address, "--listen"]);
}

async fn indexed_on(folder: &Path, address: &str) -> PathBuf {
    let played: Played = play(NodeOptions::default()).await;
    super::indexed(folder, &played).await;
    let text = config::text(&super::sqlite_url(folder), &played);
    config::write_text(folder, &text.replace("127.0.0.1:0", address))
}

fn made(case: &Case, config: &Path) -> tokio::process::Command {
    let words =
        case.command.split(' ').map(|word| if word == "CONFIG" { binary::text(config) } else { word });
    let mut made = command(&words.collect::<Vec<_>>());
    made.envs(case.environment.iter().copied());
    made
}

/// Every file of the folder but the configuration, by name; an empty log of SQLite's is none.
async fn rows(folder: &Path) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let db = Db::open(&super::sqlite_url(folder).parse().unwrap(), Mode::Read).await.unwrap();
    let tables = db::dump_of_chain(&db).await;
    db.close().await;
    tables
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "toml" && extension != "db-shm"))
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .filter(|(path, bytes)| !(bytes.is_empty() && path.ends_with("accrual.db-wal")))
        .collect();
    files.sort();
    files
}
