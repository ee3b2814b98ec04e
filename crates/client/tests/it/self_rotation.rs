//! A client that exchanges its own key.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use accrual_client::{Client, KeyEvent, KeySource, SelfRotation};

use crate::service::{Service, empty_list, id, key};

const ROTATION: &str = "POST /v1/keys/self/rotation";
const RECORD: &str = "GET /v1/keys/self";

struct Stage {
    service: Service,
    client: Client,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn stage() -> Stage {
    let service = Service::start().await;
    service.page("/v1/pools", empty_list());
    service.set('a', "active");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, key('a') + "\n").unwrap();
    service.world.lock().unwrap().file = Some(path.clone());
    let client = service.client(KeySource::self_rotating(&path));
    Stage { service, client, path, _folder: folder }
}

fn rotated() -> KeyEvent {
    let overlap_ends_at = Some("2026-06-20T17:00:00Z".parse().unwrap());
    KeyEvent::Rotated { old: id('a'), new: id('b'), overlap_ends_at }
}

#[tokio::test]
async fn an_ending_key_is_exchanged_and_written_before_it_is_used() {
    let stage = stage().await;
    stage.client.pools().await.unwrap();
    assert_eq!(stage.service.paths(), ["GET /v1/pools", RECORD], "the record is asked for once an hour");
    stage.service.set('a', "ending");
    stage.client.pools().await.unwrap();
    stage.client.pools().await.unwrap();
    let asked = stage.service.asked();
    let paths: Vec<String> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(paths, ["GET /v1/pools", ROTATION, "GET /v1/pools"]);
    assert_eq!(asked[2].key, key('b'));
    assert_eq!(std::fs::read_to_string(&stage.path).unwrap(), key('b') + "\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&stage.path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let events = stage.service.events();
    assert!(matches!(&events[1], KeyEvent::Ending { id: ending, .. } if *ending == id('a')), "{events:?}");
    assert_eq!(events[2], KeyEvent::Changed { from: Some(id('a')), to: id('b') });
    assert_eq!(events[3], rotated());
    assert_eq!(events.len(), 4, "{events:?}");
}

#[tokio::test]
async fn a_key_that_expires_soon_is_exchanged() {
    // The service's clock says 2026-06-19T17:00:00Z, and seven days before is when.
    let cases = [(None, false), (Some("2026-06-26T17:00:01Z"), false), (Some("2026-06-26T17:00:00Z"), true)];
    for (expires_at, exchanged) in cases {
        let stage = stage().await;
        stage.service.world.lock().unwrap().expires_at = expires_at;
        stage.client.pools().await.unwrap();
        let paths = stage.service.paths();
        assert_eq!(paths.contains(&ROTATION.to_owned()), exchanged, "{expires_at:?}: {paths:?}");
        assert_eq!(
            std::fs::read_to_string(&stage.path).unwrap() == key('b') + "\n",
            exchanged,
            "{expires_at:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_and_two_programs_make_one_exchange_and_no_call_fails() {
    let stage = stage().await;
    let other_program = stage.service.client(KeySource::self_rotating(&stage.path));
    stage.client.pools().await.unwrap();
    other_program.pools().await.unwrap();
    let failed = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let client = if n % 2 == 0 { stage.client.clone() } else { other_program.clone() };
            let failed = Arc::clone(&failed);
            tokio::spawn(async move {
                for _ in 0..50 {
                    failed.fetch_add(usize::from(client.pools().await.is_err()), Ordering::SeqCst);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    stage.service.set('a', "ending");
    for task in tasks {
        task.await.unwrap();
    }
    stage.service.set('a', "key_ended");
    stage.client.pools().await.unwrap();
    other_program.pools().await.unwrap();
    assert_eq!(failed.load(Ordering::SeqCst), 0);
    let rotations = stage.service.paths().into_iter().filter(|path| path == ROTATION).count();
    assert_eq!(rotations, 1, "{:?}", stage.service.events());
    assert_eq!(stage.service.events().into_iter().filter(|event| *event == rotated()).count(), 1);
}

#[tokio::test]
async fn a_rotation_that_is_refused_fails_no_call_and_waits_a_minute() {
    let cases = [
        (409, "rotation_open", "the operator has begun to replace this key"),
        (403, "scope_missing", "keys:rotate_self"),
        (500, "internal", "500 internal"),
    ];
    for (status, code, said) in cases {
        let stage = stage().await;
        stage.service.set('a', "ending");
        stage.service.world.lock().unwrap().rotation_refused = Some((status, code));
        for _ in 0..3 {
            stage.client.pools().await.unwrap();
        }
        let rotations = stage.service.paths().into_iter().filter(|path| path == ROTATION).count();
        assert_eq!(rotations, 1, "{code}: not at each call");
        let events = stage.service.events();
        let told = events.iter().find_map(|event| match event {
            KeyEvent::RotationFailed { id: failed, why } => Some((failed.clone(), why.clone())),
            _ => None,
        });
        let (failed, why) = told.unwrap();
        assert!(failed == id('a') && why.contains(said), "{code}: {why}");
        // The operator's successor is taken up as soon as it is in the file.
        stage.service.set('b', "active");
        std::fs::write(&stage.path, key('b')).unwrap();
        stage.client.pools().await.unwrap();
        assert_eq!(
            stage.service.events().last(),
            Some(&KeyEvent::Changed { from: Some(id('a')), to: id('b') })
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_under_the_same_name() {
    let stage = stage().await;
    stage.service.set('a', "ending");
    stage.service.world.lock().unwrap().lose_rotation = true;
    stage.client.pools().await.unwrap();
    stage.client.pools().await.unwrap();
    let asked = stage.service.asked();
    let names: Vec<_> = asked.iter().filter_map(|asked| asked.idempotency_key.clone()).collect();
    assert_eq!(names.len(), 2, "{asked:?}");
    assert_eq!(names[0], names[1]);
    assert!(names[0].len() == 32);
    let events = stage.service.events();
    let lost =
        |event: &KeyEvent| matches!(event, KeyEvent::RotationFailed { why, .. } if why.contains("was lost"));
    assert!(events.iter().any(lost), "{events:?}");
    assert_eq!(std::fs::read_to_string(&stage.path).unwrap(), key('a') + "\n", "the old one goes on");
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_found_out_before_a_key_is_made() {
    let stage = stage().await;
    stage.client.pools().await.unwrap();
    // Where the lock should be stands a folder.
    std::fs::create_dir(stage.path.with_file_name(".key.lock")).unwrap();
    stage.service.set('a', "ending");
    stage.service.paths();
    stage.client.pools().await.unwrap();
    assert_eq!(stage.service.paths(), ["GET /v1/pools"]);
    let events = stage.service.events();
    let told =
        |event: &KeyEvent| matches!(event, KeyEvent::RotationFailed { why, .. } if why.contains("beside"));
    assert!(events.iter().any(told), "{events:?}");
}

#[tokio::test]
async fn the_times_can_be_set() {
    let stage = stage().await;
    stage.service.world.lock().unwrap().expires_at = Some("2026-06-19T17:01:00Z");
    let mut rotation = SelfRotation {
        file: stage.path.clone(),
        before_expiry: Duration::from_secs(59),
        overlap: Duration::from_secs(3_600),
        check_every: Duration::ZERO,
    };
    let client = stage.service.client(KeySource::SelfRotating(rotation.clone()));
    client.pools().await.unwrap();
    client.pools().await.unwrap();
    let paths = stage.service.paths();
    assert_eq!(paths.iter().filter(|path| *path == RECORD).count(), 3, "after the first, around the second");
    assert!(!paths.contains(&ROTATION.to_owned()));
    rotation.before_expiry = Duration::from_secs(60);
    stage.service.client(KeySource::SelfRotating(rotation)).pools().await.unwrap();
    assert!(stage.service.paths().contains(&ROTATION.to_owned()));
}
