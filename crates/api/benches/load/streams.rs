//! What 2,000 streams cost that only wait: the server's memory, and whether each is told of every block.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::{Connection, request};
use crate::db::Fresh;
use crate::server::Server;

const STREAMS: usize = 2_000;
const HELD: Duration = Duration::from_secs(20);
const BUFFER_BYTES: usize = 16 * 1_024;
const HEAD: &[u8] = b"event: head";

/// Prints what was held, and for how much.
pub(crate) async fn measure(fresh: &Fresh) {
    let mut server = Server::start("streams", fresh);
    server.set_blocks(true);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = server.memory_kb("VmRSS");
    let (until, mut tasks) = (Instant::now() + HELD, Vec::new());
    for number in 0..STREAMS {
        let key = &server.ready.keys[number % server.ready.keys.len()];
        let mut connection = Connection::open(server.ready.api).await.with_buffer(BUFFER_BYTES);
        connection.send(&request("/v1/stream", key, "text/event-stream")).await;
        tasks.push(tokio::spawn(async move {
            let mut heads = 0_usize;
            while let Ok(piece) = tokio::time::timeout_at(until, connection.next()).await {
                assert!(!piece.is_empty(), "the stream ended");
                heads += piece.windows(HEAD.len()).filter(|window| *window == HEAD).count();
            }
            (heads, connection)
        }));
    }
    let busy = server.busy();
    let mut heads = Vec::new();
    let mut open = Vec::new();
    for task in tasks {
        let (told, connection) = task.await.expect("it ends");
        heads.push(told);
        open.push(connection);
    }
    heads.sort_unstable();
    assert!(heads[0] > 0, "a stream was told of no block");
    let (held, most) = (server.memory_kb("VmRSS"), server.memory_kb("VmHWM"));
    println!(
        "\n{}: {STREAMS} streams for {} s; heads told to each: {} to {}; the server's memory: {} MB before, {} MB with them, {} MB at most; {} bytes a stream; {} ms of its time",
        fresh.engine,
        HELD.as_secs(),
        heads[0],
        heads[heads.len() - 1],
        before / 1_024,
        held / 1_024,
        most / 1_024,
        held.saturating_sub(before) * 1_024 / u64::try_from(STREAMS).unwrap_or(1),
        server.busy().saturating_sub(busy).as_millis(),
    );
    drop(open);
}
