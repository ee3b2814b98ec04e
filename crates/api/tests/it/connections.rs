//! Callers who are slow, say too much, or are too many, on real sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use accrual_api::{ConnectionLimits, serve_within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::rig::Rig;

/// Longer than anything here takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWERED: &str = "HTTP/1.1 200 OK\r\n";

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(rig: &Rig, limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = serve_within(rig.api.clone(), listener, limits, stop.clone());
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, stop, task }
    }

    /// A connection from that address of this machine.
    async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0).into()).unwrap();
        timeout(PATIENCE, socket.connect(self.address)).await.unwrap().unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// All that is answered until the server closes; empty when it closes without a word.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end like any other.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("it is closed");
    String::from_utf8_lossy(&text).into_owned()
}

/// Asks and leaves the connection open; whether it was answered with 200.
async fn asks(stream: &mut TcpStream) -> bool {
    let sent = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok();
    let mut answer = vec![0; ANSWERED.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("answered or closed");
    sent && read.is_ok() && answer == ANSWERED.as_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_finish_its_request_is_cut_off() {
    let rig = Rig::new(1).await;
    let limits = ConnectionLimits { head_wait: Duration::from_millis(400), ..ConnectionLimits::default() };
    let server = Server::start(&rig, limits).await;
    let silent = server.connect_from(1).await;
    let mut half = server.connect_from(1).await;
    half.write_all(b"GET /health/live HTTP/1.1\r\nhost: ").await.unwrap();
    let mut dripping = server.connect_from(1).await;
    dripping.write_all(b"GET /health/live HTTP/1.1\r\n").await.unwrap();
    let drips = async {
        // A header every now and then does not buy more time.
        while dripping.write_all(b"x: y\r\n").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, drips).await.expect("it is cut off though it goes on");
    assert!(!rest(silent).await.contains("200 OK") && !rest(half).await.contains("200 OK"));
    let mut idle = server.connect_from(1).await;
    assert!(asks(&mut idle).await);
    rest(idle).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_or_a_header_that_is_too_long_is_refused() {
    let rig = Rig::new(1).await;
    let server = Server::start(&rig, ConnectionLimits::default()).await;
    let ask = async |bytes: usize, place: &str| {
        let (path, header) = match place {
            "url" => (format!("/health/live?x={}", "a".repeat(bytes)), String::new()),
            _ => ("/health/live".to_owned(), format!("x-much: {}\r\n", "a".repeat(bytes))),
        };
        let mut stream = server.connect_from(1).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n");
        // The server may answer and close before all is sent.
        let _ = stream.write_all(request.as_bytes()).await;
        rest(stream).await
    };
    for place in ["url", "header"] {
        // Who asks for so much is at least told what is wrong with it.
        let told = ask(8_000, place).await;
        assert!(told.starts_with("HTTP/1.1 ") && told.contains("x-request-id"), "{place}: {told}");
        let refused = ask(17_000, place).await;
        assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431 "), "{place}: {refused}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_never_has_the_places_of_the_others() {
    let rig = Rig::new(1).await;
    let server = Server::start(&rig, ConnectionLimits { all_max: 6, ..ConnectionLimits::default() }).await;
    let mut greedy = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect_from(1).await;
        assert!(asks(&mut stream).await);
        greedy.push(stream);
    }
    for _ in 0..3 {
        assert!(!asks(&mut server.connect_from(1).await).await, "half of all, and no more");
    }
    let mut other = server.connect_from(2).await;
    assert!(asks(&mut other).await, "somebody else has a place");
    drop(greedy.pop());
    let again = async {
        while !asks(&mut server.connect_from(1).await).await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("a place that is left is free again");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_may_have_all_places_and_who_comes_then_waits() {
    let rig = Rig::told(|settings| settings.trusted_proxies = "127.0.0.3/32".parse().unwrap()).await;
    let server = Server::start(&rig, ConnectionLimits { all_max: 2, ..ConnectionLimits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect_from(3).await;
        assert!(asks(&mut stream).await);
        held.push(stream);
    }
    let mut waiting = server.connect_from(4).await;
    waiting.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(300), waiting.read_exact(&mut byte)).await.is_err(), "not yet");
    held.clear();
    timeout(PATIENCE, waiting.read_exact(&mut byte)).await.expect("now").unwrap();
    assert_eq!(byte, *b"H");
    server.stop().await;
}
