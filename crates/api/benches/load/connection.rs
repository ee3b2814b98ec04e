//! An HTTP/1.1 connection that costs whoever measures as little as possible: requests are bytes that were made before, and
//! of an answer only its status and length are read.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 256 * 1_024;

/// A connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of `GET path` with a key, for an answer of that kind.
pub(crate) fn request(path: &str, key: &str, kind: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\naccept: {kind}\r\n\r\n")
        .into_bytes()
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: vec![0; BUFFER_BYTES] }
    }

    /// Sends a request and reads the whole answer, which is a 200; answers its length.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> usize {
        self.stream.write_all(request).await.expect("it reads");
        let (mut has, mut whole) = (0, None);
        loop {
            let read = self.stream.read(&mut self.buffer[has..]).await.expect("it answers");
            assert!(read > 0, "the server hung up");
            has += read;
            whole = whole.or_else(|| length(&self.buffer[..has]));
            if whole.is_some_and(|whole| whole <= has) {
                return has;
            }
            // The head is over long before the buffer is: what is left of a long body is only counted.
            if has == self.buffer.len() {
                let (length, kept) = (whole.expect("a head that is short"), has / 2);
                (has, whole) = (kept, Some(length - (has - kept)));
            }
        }
    }

    /// Sends a request and goes on reading: what comes, piece by piece.
    pub(crate) async fn send(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("it reads");
    }

    /// The next piece.
    pub(crate) async fn next(&mut self) -> &[u8] {
        let read = self.stream.read(&mut self.buffer).await.expect("it sends");
        &self.buffer[..read]
    }

    /// For a connection of which there are thousands.
    pub(crate) fn with_buffer(mut self, bytes: usize) -> Self {
        self.buffer = vec![0; bytes];
        self
    }
}

/// The length of an answer with its head, once the head is whole.
fn length(has: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let end = has.windows(END.len()).position(|window| window == END)? + END.len();
    let head = std::str::from_utf8(&has[..end]).expect("a head is text");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).expect("its length is told");
    Some(end + length)
}
