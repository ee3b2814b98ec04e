//! Connections: how many there may be, and how long a caller may take to say what it wants.
//!
//! A connection costs memory and a file's place before anybody knows whose it is. So they are bounded before a key can be
//! looked at: all together, and by address, so that no single caller has the places of the others. A caller that does not
//! finish what it says is cut off, and so is one that says nothing for as long.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accrual_access::network::Networks;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::door::{Door, Visitor};

/// The most that a request's line and headers may be long together: a URL cannot be longer either.
pub const HEAD_BYTES_MAX: usize = 16 * 1_024;
/// How long to wait when the operating system has no more places for files: some connection must end first.
const FULL_WAIT: Duration = Duration::from_secs(1);

/// How many callers may be connected, and how patient the server is with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How many connections may be open; one address may have half of them, unless it is a trusted proxy's. Whoever comes
    /// then waits for one to end.
    pub all_max: usize,
    /// How long a caller may take from one request, or from the connection's begin, until it has sent the next one's head.
    pub head_wait: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { all_max: 6_000, head_wait: Duration::from_secs(30) }
    }
}

/// Answers whoever connects to `listener` until `stop`, and then those who have asked already.
///
/// # Errors
/// The listener listens no longer.
pub(crate) async fn answer(
    listener: TcpListener,
    door: Door,
    limits: ConnectionLimits,
    trusted: &Networks,
    stop: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.all_max));
    let addresses = Addresses::new((limits.all_max / 2).max(1));
    let mut open = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            next = next => next,
        };
        while open.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_callers(&error) => continue,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken; raise the limit of open files (LimitNOFILE) if that is it");
                tokio::time::sleep(FULL_WAIT).await;
                continue;
            }
        };
        let is_trusted = trusted.iter().any(|network| network.contains(peer.ip()));
        let Some(visit) = addresses.enter(peer.ip(), is_trusted) else { continue };
        // A token of its own: asking it at each turn of the connection waits for no other connection.
        let (door, stop) = (door.clone(), stop.child_token());
        open.spawn(async move {
            converse(stream, peer, door, limits.head_wait, stop).await;
            drop((place, visit));
        });
    }
    drop(listener);
    while open.join_next().await.is_some() {}
    Ok(())
}

/// One connection, to its end.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    door: Door,
    head_wait: Duration,
    stop: CancellationToken,
) {
    // An event of a stream is sent when it happens, not when there is more of it. Without it all is only slower.
    let _ = stream.set_nodelay(true);
    let visitor = Visitor::new(peer);
    let service = service_fn(move |request| door.open(&visitor, request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_wait).max_header_size(HEAD_BYTES_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Whether a connection was gone before it was taken: nobody's fault here.
fn is_the_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// How many connections each address has.
#[derive(Debug, Clone)]
struct Addresses {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    each_max: usize,
}

/// A connection that counts for its address until it is dropped.
#[derive(Debug)]
struct Visit {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Addresses {
    fn new(each_max: usize) -> Self {
        Self { open: Arc::default(), each_max }
    }

    /// Counts one more connection of `address`; `None` when it has as many as it may.
    fn enter(&self, address: IpAddr, is_trusted: bool) -> Option<Visit> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.entry(address).or_default();
        if *held >= self.each_max && !is_trusted {
            return None;
        }
        *held += 1;
        Some(Visit { open: Arc::clone(&self.open), address })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = open.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                open.remove(&self.address);
            }
        }
    }
}
