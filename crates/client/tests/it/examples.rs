//! The small clients in four languages, each through a key that is replaced under it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::service::{Service, empty_list, key};

const TIMES: usize = 12;
const LANGUAGES: [&str; 4] = ["curl", "Python", "JavaScript", "Rust"];

/// The client of that language, reading `times` times with the key in `file`; `None` where the machine has no such
/// language, except where all must be there.
async fn run(language: &str, url: &str, file: &Path, times: usize) -> Option<Output> {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clients");
    let (program, script) = match language {
        "curl" => (PathBuf::from("sh"), Some(clients.join("follow.sh"))),
        "Python" => (PathBuf::from("python3"), Some(clients.join("follow.py"))),
        "JavaScript" => (PathBuf::from("node"), Some(clients.join("follow.mjs"))),
        _ => (example(), None),
    };
    let needed = if language == "curl" { "curl".into() } else { program.clone() };
    if !is_there(&needed).await {
        assert!(std::env::var_os("CI").is_none() && script.is_some(), "{language} must be there");
        eprintln!("skipped: this machine has no {}", needed.display());
        return None;
    }
    let mut command = Command::new(program);
    command.args(script).arg(url).arg(file).arg(times.to_string()).env("PAUSE_MS", "20");
    Some(command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap())
}

async fn is_there(program: &Path) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.await.is_ok()
}

/// Cargo builds the examples beside the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/follow")
}

async fn service() -> (Service, tempfile::TempDir, PathBuf) {
    let service = Service::start().await;
    service.page("/v1/pools", empty_list());
    service.set('a', "active");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, key('a') + "\n").unwrap();
    (service, folder, file)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_key_that_is_replaced_in_its_file_fails_no_call() {
    for language in LANGUAGES {
        let (service, _folder, file) = service().await;
        service.set('b', "active");
        // From the fourth call on the old key is ending, from the sixth on the new one is in the file.
        let world = std::sync::Arc::clone(&service.world);
        let replaced = file.clone();
        let replacing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                let mut world = world.lock().unwrap();
                if world.asked.len() >= 3 {
                    world.keys.insert(key('a'), "ending");
                }
                if world.asked.len() >= 5 {
                    let next = replaced.with_extension("next");
                    std::fs::write(&next, key('b') + "\n").unwrap();
                    return std::fs::rename(next, &replaced).unwrap();
                }
            }
        });
        let Some(ended) = run(language, &service.url, &file, TIMES).await else { continue };
        replacing.await.unwrap();
        let (out, err) = (text(&ended.stdout), text(&ended.stderr));
        assert!(ended.status.success(), "{language}: {err}");
        assert_eq!(out.lines().filter(|line| line.contains(" 200")).count(), TIMES, "{language}: {out}");
        assert!(err.to_lowercase().contains("end"), "{language} says that the key is ending: {err}");
        assert!(!format!("{out}{err}").contains("aaaaaaaaaaaaa"), "{language} shows the key");
        let keys: Vec<String> = service.asked().into_iter().map(|asked| asked.key).collect();
        assert_eq!(keys.len(), TIMES, "{language}: each call was one request");
        assert!(
            keys.is_sorted() && keys[0] == key('a') && keys[TIMES - 1] == key('b'),
            "{language}: {keys:?}"
        );
    }
}

#[tokio::test]
async fn a_key_that_ends_under_a_call_is_replaced_and_the_call_made_once_more() {
    for language in LANGUAGES {
        let (service, _folder, file) = service().await;
        service.set('b', "active");
        // The new key is put into the file at the very moment at which the old one is refused.
        service.world.lock().unwrap().replaced_when_refused = Some((file.clone(), key('b') + "\n"));
        service.set('a', "key_ended");
        let Some(ended) = run(language, &service.url, &file, 2).await else { continue };
        assert!(ended.status.success(), "{language}: {}", text(&ended.stderr));
        let keys: Vec<String> = service.asked().into_iter().map(|asked| asked.key).collect();
        assert_eq!(keys, [key('a'), key('b'), key('b')], "{language}");
    }
}

#[tokio::test]
async fn a_key_without_a_successor_is_a_sentence_and_one_request() {
    for language in LANGUAGES {
        let (service, _folder, file) = service().await;
        service.set('a', "key_revoked");
        let Some(ended) = run(language, &service.url, &file, 2).await else { continue };
        let err = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{language}: {err}");
        assert!(err.contains("key_revoked") && !err.contains("aaaaaaaaaaaaa"), "{language}: {err}");
        assert_eq!(service.asked().len(), 1, "{language}");
    }
}
