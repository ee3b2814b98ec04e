//! A key that is exchanged under way, by somebody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use accrual_client::{ClientError, KeyError, KeyEvent, KeySource};

use crate::service::{Service, empty_list, id, key};

fn changed(from: Option<char>, to: char) -> KeyEvent {
    KeyEvent::Changed { from: from.map(id), to: id(to) }
}

async fn service() -> (Service, tempfile::TempDir, std::path::PathBuf) {
    let service = Service::start().await;
    service.page("/v1/pools", empty_list());
    service.set('a', "active");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, key('a') + "\n").unwrap();
    (service, folder, path)
}

#[tokio::test]
async fn a_changed_file_is_read_before_the_next_call() {
    let (service, _folder, path) = service().await;
    let client = service.client(KeySource::file(&path));
    client.pools().await.unwrap();
    service.set('b', "active");
    std::fs::write(&path, key('b') + "\n").unwrap();
    client.pools().await.unwrap();
    let keys: Vec<String> = service.asked().into_iter().map(|asked| asked.key).collect();
    assert_eq!(keys, [key('a'), key('b')]);
    assert_eq!(service.events(), [changed(None, 'a'), changed(Some('a'), 'b')]);
    // Half written, or gone for a moment, it changes nothing.
    std::fs::write(&path, &key('a')[..40]).unwrap();
    client.pools().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    client.pools().await.unwrap();
    assert!(service.asked().iter().all(|asked| asked.key == key('b')));
    let events = service.events();
    assert!(
        matches!(&events[..], [KeyEvent::SourceFailed { id: held, .. }] if *held == id('b')),
        "{events:?}"
    );
    assert!(!format!("{events:?}").contains("aaaaaaaaaaaaa"), "no part of a secret is told");
}

#[tokio::test]
async fn a_refused_key_is_read_anew_once() {
    for code in ["key_ended", "key_revoked", "key_expired", "key_unknown"] {
        let (service, _folder, path) = service().await;
        // A program's output has no stamp: only the refusal tells.
        let source = KeySource::Command { program: "cat".into(), args: vec![path.clone().into()] };
        let client = service.client(source);
        client.pools().await.unwrap();
        service.set('a', code);
        std::fs::write(&path, key('b')).unwrap();
        service.set('b', "active");
        service.asked();
        client.pools().await.unwrap();
        let keys: Vec<String> = service.asked().into_iter().map(|asked| asked.key).collect();
        assert_eq!(keys, [key('a'), key('b')], "{code}");
        // Another that is refused as well is the caller's to know; there is no third try.
        service.set('b', code);
        std::fs::write(&path, key('c')).unwrap();
        assert_eq!(client.pools().await.unwrap_err().code(), Some("key_unknown"), "{code}");
        assert_eq!(service.asked().len(), 2, "{code}");
        // And where the source has no other, one request is enough.
        assert_eq!(client.pools().await.unwrap_err().code(), Some("key_unknown"), "{code}");
        assert_eq!(service.asked().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn other_refusals_are_no_reason_to_read_anew() {
    for code in ["key_paused", "key_brownout", "key_malformed"] {
        let (service, _folder, path) = service().await;
        let source = KeySource::Command { program: "cat".into(), args: vec![path.clone().into()] };
        let client = service.client(source);
        client.pools().await.unwrap();
        service.set('a', code);
        std::fs::write(&path, key('b')).unwrap();
        assert_eq!(client.pools().await.unwrap_err().code(), Some(code));
        assert_eq!(service.events(), [changed(None, 'a')], "{code}");
    }
}

#[tokio::test]
async fn an_ending_key_is_told_of_once_and_its_successor_looked_for() {
    let (service, _folder, path) = service().await;
    let source = KeySource::Command { program: "cat".into(), args: vec![path.clone().into()] };
    let client = service.client(source);
    client.pools().await.unwrap();
    service.set('a', "ending");
    service.set('b', "active");
    std::fs::write(&path, key('b')).unwrap();
    for _ in 0..3 {
        client.pools().await.unwrap();
    }
    let ends_at = Some("2026-06-20T17:00:00Z".parse().unwrap());
    let ending = KeyEvent::Ending { id: id('a'), ends_at };
    assert_eq!(service.events(), [changed(None, 'a'), ending, changed(Some('a'), 'b')]);
    let keys: Vec<String> = service.asked().into_iter().map(|asked| asked.key).collect();
    assert_eq!(keys, [key('a'), key('a'), key('b'), key('b')], "after the first answer that told");
}

/// The old key ends at once while many tasks call: every call is answered, and the file is read by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_one_change() {
    let (service, _folder, path) = service().await;
    let client = service.client(KeySource::file(&path));
    let (failed, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (client, failed, done) = (client.clone(), Arc::clone(&failed), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    failed.fetch_add(usize::from(client.pools().await.is_err()), Ordering::SeqCst);
                }
            })
        })
        .collect();
    for (old, new) in [('a', 'b'), ('b', 'c'), ('c', 'd')] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        service.set(new, "active");
        std::fs::write(&path, key(new)).unwrap();
        service.set(old, "key_ended");
        let is_taken_up = || service.events.lock().unwrap().contains(&changed(Some(old), new));
        while !is_taken_up() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    done.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    client.pools().await.unwrap();
    assert_eq!(failed.load(Ordering::SeqCst), 0);
    // A look at the very moment of writing finds an empty file, and changes nothing.
    let events = service.events().into_iter().filter(|event| !matches!(event, KeyEvent::SourceFailed { .. }));
    let expected =
        [changed(None, 'a'), changed(Some('a'), 'b'), changed(Some('b'), 'c'), changed(Some('c'), 'd')];
    assert_eq!(events.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn no_key_is_a_sentence() {
    let service = Service::start().await;
    let command = |program: &str, args: &[&str]| KeySource::Command {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
    };
    let cases = [
        (KeySource::Environment("ACCRUAL_NO_SUCH_KEY".to_owned()), "ACCRUAL_NO_SUCH_KEY, which is not set"),
        (KeySource::Environment("PATH".to_owned()), "what stands in the environment variable PATH is no key"),
        (KeySource::file("/nowhere/key"), "/nowhere/key cannot be read"),
        (KeySource::self_rotating("/nowhere/key"), "/nowhere/key cannot be read"),
        (KeySource::Fixed("acr_live_short".into()), "what stands in the program is no key"),
        (command("/nowhere/program", &[]), "cannot be run"),
        (command("false", &[]), "failed: exit status: 1"),
        (command("echo", &["hello"]), "what echo prints is no key"),
    ];
    for (source, said) in cases {
        let error = service.client(source).pools().await.unwrap_err();
        assert!(matches!(error, ClientError::Key(_)), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let missing = KeyError::NoVariable("X".to_owned()).to_string();
    assert!(missing.contains('X') && service.asked().is_empty(), "nothing is sent without a key");
}
