//! The bundled rehearsal, served as a node.

use std::sync::Arc;

use accrual_recording::{NodeOptions, REHEARSAL, Recording};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A node that serves the rehearsal until it is dropped.
#[derive(Debug)]
pub struct Played {
    /// Where it listens.
    pub url: String,
    /// What it serves.
    pub recording: Arc<Recording>,
    _stop: DropGuard,
}

/// Serves the rehearsal on a free port of loopback.
///
/// # Panics
/// When the recording cannot be read or nothing can be listened on.
pub async fn play(options: NodeOptions) -> Played {
    let recording = Arc::new(Recording::read(REHEARSAL).expect("the bundled rehearsal reads"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    let stop = CancellationToken::new();
    tokio::spawn(accrual_recording::serve(recording.clone(), listener, options, stop.clone()));
    Played { url, recording, _stop: stop.drop_guard() }
}
