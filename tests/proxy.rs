//! A way to a server that can be cut, as a cable is.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Takes connections on loopback and leads them to a server, until it is cut.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    is_open: watch::Sender<bool>,
    _stop: DropGuard,
}

impl Proxy {
    /// A way to `server`.
    ///
    /// # Panics
    /// When nothing can be listened on.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it listens");
        let (is_open, watched) = watch::channel(true);
        let stop = CancellationToken::new();
        tokio::spawn(lead(listener, server, watched, stop.clone()));
        Self { address, is_open, _stop: stop.drop_guard() }
    }

    /// Breaks every connection, and each new one at once, until [`Proxy::mend`].
    pub fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn lead(
    listener: TcpListener,
    server: SocketAddr,
    is_open: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((mut caller, _)) = accepted else { continue };
        if !*is_open.borrow() {
            continue;
        }
        let (mut is_open, stop) = (is_open.clone(), stop.clone());
        tokio::spawn(async move {
            let Ok(mut behind) = TcpStream::connect(server).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut caller, &mut behind) => {}
                _ = is_open.wait_for(|open| !open) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}
