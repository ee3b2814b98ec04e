//! The page, the probes, the log, and the server as a whole.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accrual_api::serve;
use axum::http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

use crate::rig::{FIRST_BLOCK, Rig, START, time};

/// What the page is made of, by the names in it.
async fn assets(rig: &Rig) -> Vec<String> {
    let page = rig.get_with("/", &[]).await;
    assert_eq!(page.status, 200);
    let named = page.text.split('"').filter(|text| text.starts_with("/assets/"));
    let found: Vec<String> = named.map(str::to_owned).collect();
    assert!(
        found.len() >= 2,
        "the page is not embedded: run `cargo xtask page`, then build again\n{}",
        page.text
    );
    found
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let rig = Rig::empty(Some("rehearsal <b>only</b>")).await;
    for path in assets(&rig).await.into_iter().chain(["/".to_owned()]) {
        let answer = rig.get_with(&path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = match path.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("txt") => continue,
            _ => "text/html",
        };
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with(kind));
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        // A namespace is a name, and nothing is loaded by it.
        let names = answer.text.replace("http://www.w3.org/", "");
        for foreign in ["http:", "https:", "//cdn", "src=\"//", "@import", "style=", "onclick"] {
            assert!(!names.contains(foreign), "{path} has {foreign}");
        }
    }
    let page = rig.get_with("/", &[]).await.text;
    assert!(page.contains("rehearsal &lt;b&gt;only&lt;/b&gt;"), "{page}");
    let plain = Rig::empty(None).await.get_with("/", &[]).await;
    assert!(!plain.text.contains("class=\"notice\""));
    assert!(!plain.headers.contains_key("accrual-notice"));
}

#[tokio::test]
async fn what_the_page_is_made_of_comes_compressed_and_is_kept_for_ever() {
    let rig = Rig::empty(None).await;
    let again = rig.get_with("/", &[]).await;
    assert_eq!(again.headers["cache-control"], "no-cache", "what names the others is asked for each time");
    for path in assets(&rig).await {
        let plain = rig.get_with(&path, &[]).await;
        assert_eq!(plain.headers["cache-control"], "public, max-age=31536000, immutable");
        assert!(!plain.headers.contains_key("content-encoding"));
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip;q=0.8, br;q=0", Some("gzip")),
            ("br;q=0.0, gzip;q=0", None),
            ("GZIP", Some("gzip")),
            ("identity", None),
        ] {
            let answer = rig.get_with(&path, &[("accept-encoding", accepted)]).await;
            let told = answer.headers.get("content-encoding").map(|value| value.to_str().unwrap());
            assert_eq!(told, coding, "{path} for {accepted}");
            assert_eq!(answer.headers["vary"], "accept-encoding");
            let bytes =
                |headers: &HeaderMap| headers["content-length"].to_str().unwrap().parse::<u64>().unwrap();
            let (bytes, all) = (bytes(&answer.headers), bytes(&plain.headers));
            assert!((bytes < all) == coding.is_some(), "{path} for {accepted}: {bytes} of {all}");
        }
    }
    assert_eq!(rig.get_with("/assets/page-OTHER.js", &[]).await.status, 404);
}

#[tokio::test]
async fn probes_say_why() {
    let rig = Rig::empty(None).await;
    assert_eq!(rig.get_with("/health/live", &[]).await.status, 200);
    let reason = async |rig: &Rig| {
        let answer = rig.get_with("/health/ready", &[]).await;
        let code = answer.json()["reasons"][0]["code"].as_str().unwrap_or("none").to_owned();
        (answer.status.as_u16(), code)
    };
    assert_eq!(reason(&rig).await, (503, "not_indexed".to_owned()));
    let rig = Rig::new(1).await;
    assert_eq!(reason(&rig).await, (200, "none".to_owned()));
    rig.set_now(time(FIRST_BLOCK + 1) + 61);
    assert_eq!(reason(&rig).await, (503, "behind_chain".to_owned()));
    rig.set_now(time(FIRST_BLOCK + 1));
    rig.db.clone().close().await;
    assert_eq!(reason(&rig).await, (503, "database".to_owned()));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log_or_an_answer() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let rig = Rig::new(1).await;
    let (key, bearer) = (rig.key.clone(), format!("Bearer {}", rig.key));
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("/v1/pools", &[("x-api-key", &key)]),
        ("/v1/pools", &[("authorization", &bearer)]),
        (&format!("/v1/pools?key={key}"), &[]),
        (&format!("/v1/pools/{key}"), &[("x-api-key", &key)]),
        (&format!("/v1/accounts/{key}/rewards"), &[("x-api-key", &key)]),
        ("/nowhere", &[("x-request-id", &key[..64])]),
    ];
    for (path, headers) in cases {
        let answer = rig.get_with(path, headers).await;
        assert!(!answer.text.contains(&key[22..40]), "{path}: {}", answer.text);
        assert!(!format!("{:?}", answer.headers).contains(&key[22..40]), "{path}: {:?}", answer.headers);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/v1/pools") && log.contains("***"), "the log was captured: {log}");
    assert!(!log.contains(&key[22..40]), "{log}");
    assert!(!format!("{:?}", rig.api).contains(&key[22..40]));
}

#[tokio::test]
async fn the_server_follows_and_stops() {
    let rig = Rig::empty(None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(rig.api.clone(), listener, shutdown.clone()));
    rig.extend(None, FIRST_BLOCK, 0, &[]).await;
    let followed = async {
        while rig.api.book().state().lowest().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), followed).await.expect("the book follows the checkpoint");
    let mut caller = TcpStream::connect(address).await.unwrap();
    let request = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let used = async || rig.api.keys().list(None).await.unwrap()[0].last_used_at;
    rig.get("/v1/pools").await;
    let kept = async {
        while used().await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), kept).await.expect("the key's use is kept");
    let _idle = TcpStream::connect(address).await.unwrap();
    rig.set_now(START + 1000);
    rig.get("/v1/pools").await;
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), server).await.expect("it stops in time").unwrap().unwrap();
    assert_eq!(used().await.map(|at| at.0), Some(START + 1000), "what was noted last is kept too");
}
