//! Fresh keys to a file, to a program and to a server, for real.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use accrual_access::address_guard::AddressGuard;
use accrual_api::deliver::{Deliver, DeliverError, DeliverEvent, Fresh};
use accrual_api::webhooks::courier::Courier;
use accrual_api::{ApiKey, Pepper};
use accrual_rewards::unit::UnixSeconds;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::receiver::Receiver;

const KEY: &str = "acr_test_7Q2mZx9KpL4t_5VnR8sT1uW3xY6zA0bC2dE4fG7hJ9kL1mN3pQ5rS8tU2czvZh";
const NOW: UnixSeconds = UnixSeconds(1_780_678_800);

fn pepper() -> Pepper {
    Pepper::new(1, vec![9; 32]).unwrap()
}

async fn deliver_by(guard: &str, to: &str) -> Result<(), DeliverError> {
    let key: ApiKey = KEY.parse().unwrap();
    let fresh = Fresh {
        client: "tests",
        key: &key,
        generation: 3,
        overlap_ends_at: Some(UnixSeconds(NOW.0 + 86_400)),
        event: DeliverEvent::Rotated,
    };
    let guard: AddressGuard = guard.parse().unwrap();
    let (to, courier): (Deliver, _) = (to.parse().unwrap(), Courier::new(guard).unwrap());
    to.deliver(&fresh, &courier, &pepper(), NOW).await
}

async fn deliver(to: &str) -> Result<(), DeliverError> {
    deliver_by("", to).await
}

/// The sentence of a failure, which never holds the key.
fn told(outcome: Result<(), DeliverError>) -> String {
    let error = outcome.unwrap_err();
    let (text, debug) = (error.to_string(), format!("{error:?}"));
    assert!(!text.contains(&KEY[22..]) && !debug.contains(&KEY[22..]), "{text} {debug}");
    text
}

fn expected() -> Value {
    json!({
        "client": "tests",
        "key_id": "7Q2mZx9KpL4t",
        "key": KEY,
        "generation": 3,
        "overlap_ends_at": "2026-06-06T17:00:00Z",
        "event": "key.rotated",
    })
}

/// A script that can be started.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("put");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_file_holds_the_key_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "the one before").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    deliver(&format!("file:{}", path.display())).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{KEY}\n"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    let missing = folder.path().join("nowhere/key");
    let error = told(deliver(&format!("file:{}", missing.display())).await);
    assert!(error.contains("check that its folder is there"), "{error}");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let taken = folder.path().join("folder");
    told(deliver(&format!("file:{}", taken.display())).await);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a failure leaves nothing either");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{KEY}\n"));
}

#[tokio::test]
async fn a_program_reads_the_key_and_finds_it_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        r#"here="$(dirname "$0")"; cat > "$here/stdin"; env > "$here/env"; echo "$0 $@" > "$here/argv""#;
    let path = script(folder.path(), text);
    deliver(&format!("exec:{} put  accrual", path.display())).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (stdin, env, argv) = (read("stdin"), read("env"), read("argv"));
    assert!(stdin.ends_with('\n') && stdin.lines().count() == 1);
    assert_eq!(serde_json::from_str::<Value>(&stdin).unwrap(), expected());
    assert_eq!(argv.trim_end(), format!("{} put accrual", path.display()));
    for text in [&env, &argv] {
        assert!(!text.contains("acr_test_"), "{text}");
    }
    assert!(env.contains("PATH="), "the rest of the environment is there");
    assert!(!env.lines().any(|line| line.starts_with("ACCRUAL")), "our own secrets are not its business");
}

#[tokio::test]
async fn a_program_that_fails_is_told_of_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("exit 3", "failed (exit status: 3): it said nothing"),
        ("cat >/dev/null; echo; echo 'no such mount' >&2; echo more >&2; exit 1", "): no such mount"),
        ("read line; echo \"cannot put $line\" >&2; exit 1", "): cannot put ***"),
        (
            "sed 's/.*\"key\":\"\\([^\"]*\\)\".*/bad key \\1/' >&2; exit 1",
            "): bad key acr_test_7Q2mZx9KpL4t_***",
        ),
        ("i=0; while [ $i -lt 9000 ]; do echo 0123456789 >&2; i=$((i+1)); done; exit 1", "): 0123456789"),
        ("sleep 60 & exit 1", "it said nothing"),
    ];
    for (text, expected) in cases {
        let path = script(folder.path(), text);
        let error = told(deliver(&format!("exec:{}", path.display())).await);
        assert!(error.ends_with(expected), "{text}: {error}");
    }
    let error = told(deliver("exec:/nowhere/put").await);
    assert!(error.starts_with("/nowhere/put cannot be started"), "{error}");
    let path = script(folder.path(), "exec 0<&-; exit 0");
    deliver(&format!("exec:{}", path.display())).await.expect("whether it reads is its own business");
}

#[tokio::test]
async fn a_program_that_hangs_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"echo $$ > "$(dirname "$0")/pid"; exec sleep 300"#;
    let path = script(folder.path(), text);
    let to = format!("exec:{}", path.display());
    let running = tokio::spawn(async move { deliver(&to).await });
    let pid = loop {
        match std::fs::read_to_string(folder.path().join("pid")) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    };
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    let error = told(running.await.unwrap());
    assert!(error.ends_with("did not end within 30 seconds and was stopped"), "{error}");
    tokio::time::resume();
    let lives = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    for _ in 0..200 {
        if !lives() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the program still runs");
}

#[tokio::test]
async fn a_server_gets_it_signed() {
    let receiver = Receiver::start(&[200, 500, 302]).await;
    deliver_by("127.0.0.1", &receiver.url()).await.unwrap();
    let received = receiver.received();
    assert_eq!(received[0].json(), expected());
    assert_eq!(received[0].header("webhook-id"), "key.delivery:7Q2mZx9KpL4t");
    let to: Deliver = receiver.url().parse().unwrap();
    let secret = to.signing_secret(&pepper()).unwrap().reveal();
    assert_eq!(received[0].signed_by(&[secret.expose_secret()]), 1);
    for status in ["500", "302"] {
        let error = told(deliver_by("127.0.0.1", &receiver.url()).await);
        assert!(error.contains(&format!("answered {status}")), "{error}");
    }
    assert_eq!(receiver.received().len(), 3, "the key was taken nowhere else");
    let error = told(deliver(&receiver.url()).await);
    assert!(error.contains("must begin with https://"), "{error}");
    let error = told(deliver("https://169.254.169.254/").await);
    assert!(error.contains("a cloud's metadata service"), "{error}");
    assert_eq!(receiver.received().len(), 3);
}

/// The scripts of `docs/secret-managers.md`, each with the program that it feeds.
fn recipes() -> Vec<(String, &'static str)> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/secret-managers.md");
    let document = std::fs::read_to_string(document).unwrap();
    let blocks = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let scripts = blocks.filter_map(|block| block.strip_prefix("#!/bin/sh\n"));
    let fed = ["vault", "kubectl", "aws", "gh"];
    scripts
        .map(|text| {
            let program = fed.iter().find(|name| text.contains(&format!("{name} ")));
            (text.to_owned(), *program.unwrap_or_else(|| panic!("{text}")))
        })
        .collect()
}

#[tokio::test]
async fn the_recipes_feed_the_key_and_put_it_on_no_command_line() {
    /// Notes how it is called and what it is given.
    const FAKE: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$0 $*" >> "$here/../argv"
for word in "$@"; do case $word in file://*) exec < "${word#file://}"; stat -c %a "${word#file://}" > "$here/../mode";; esac; done
given=$(cat)
if test -z "$given"; then echo "nothing was given" >&2; exit 1; fi
case " $* " in *" create "*) echo "manifest of $given";; *) echo "$given" > "$here/../given";; esac
"#;
    /// Takes the one field that the recipes ask for.
    const JQ: &str = "#!/bin/sh\ntest \"$*\" = '-ej .key' || exit 2\nsed -n 's/.*\"key\":\"\\([^\"]*\\)\".*/\\1/p' | tr -d '\\n'\n";
    const NO_JQ: &str = "#!/bin/sh\necho 'jq is broken' >&2\nexit 5\n";
    let recipes = recipes();
    let fed: Vec<&str> = recipes.iter().map(|(_, program)| *program).collect();
    assert_eq!(fed, ["vault", "kubectl", "aws", "gh"]);
    for (text, program) in recipes {
        for (jq, works) in [(JQ, true), (NO_JQ, false)] {
            let folder = tempfile::tempdir().unwrap();
            let (bin, temporary) = (folder.path().join("bin"), folder.path().join("tmp"));
            std::fs::create_dir(&bin).unwrap();
            std::fs::create_dir(&temporary).unwrap();
            for (name, text) in [(program, FAKE), ("jq", jq)] {
                std::fs::write(bin.join(name), text).unwrap();
                std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            let (bin, temporary) = (bin.display(), temporary.display());
            let path = script(
                folder.path(),
                &format!("PATH={bin}:$PATH\nTMPDIR={temporary}\nexport PATH TMPDIR\n{text}"),
            );
            let outcome = deliver(&format!("exec:{}", path.display())).await;
            let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
            assert_eq!(outcome.is_ok(), works, "{program}: {outcome:?}");
            let given = read("given").unwrap_or_default();
            assert_eq!(
                given.trim_end().trim_start_matches("manifest of "),
                if works { KEY } else { "" },
                "{program}"
            );
            let called = read("argv").unwrap_or_default();
            assert_eq!(!called.is_empty(), works, "{program} is not even started without a key");
            assert!(!called.contains("acr_test_"), "{called}");
            assert!(read("mode").is_none_or(|mode| mode == "600\n"), "{program}");
            let left = std::fs::read_dir(folder.path().join("tmp")).unwrap().count();
            assert_eq!(left, 0, "{program} leaves nothing");
        }
    }
}
