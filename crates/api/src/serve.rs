//! The server: the book that follows the database, the listener that answers from it, and the uses of keys that it keeps.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::Api;
use crate::connections::{self, ConnectionLimits};
use crate::router::door;
use crate::webhooks;

/// How long running requests may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// Why the server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ApiServeError {
    /// The listener failed.
    #[error("the listener of the API failed: {0}; check the address in server.listen")]
    Listener(#[from] std::io::Error),
}

/// Serves `api` on `listener` until `shutdown`, then lets running requests end, for three seconds at most.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    api: Api,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), ApiServeError> {
    serve_within(api, listener, ConnectionLimits::default(), shutdown).await
}

/// The same with other limits of connections than the usual ones.
///
/// # Errors
/// As [`serve`].
pub fn serve_within(
    api: Api,
    listener: TcpListener,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) -> BoxFuture<'static, Result<(), ApiServeError>> {
    boxed(work(api, listener, limits, shutdown))
}

async fn work(
    api: Api,
    listener: TcpListener,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) -> Result<(), ApiServeError> {
    let stop = shutdown.child_token();
    // After the last answer: what is counted and served until then must still be written.
    let drained = CancellationToken::new();
    let follow = boxed(api.book().follow(api.settings().poll_interval, stop.clone()));
    let watch_standby = boxed(api.book().watch_standby(stop.clone()));
    let answer = boxed(async {
        let served = answer_until(&api, listener, limits, stop.clone()).await;
        // A listener that failed takes the book's follower with it.
        stop.cancel();
        drained.cancel();
        served
    });
    let follow_keys = boxed(api.keys().follow(stop.clone()));
    let courier = webhooks::courier(&api);
    let keep_keys = boxed(api.keys().keep_up(courier.clone(), stop.clone()));
    let clock = &api.settings().clock;
    let replica_id = api.keys().replica_id();
    let keep_uses = boxed(api.usage().follow(api.db(), replica_id, || clock.now(), drained.clone()));
    let keep_limits = boxed(api.limits().tidy(api.keys(), clock, drained.clone()));
    let tell_others = boxed(webhooks::work(&api, courier, stop.clone()));
    let look = boxed(api.looker().follow(&api, stop.clone()));
    let keys = async { tokio::join!(follow_keys, keep_keys, keep_uses, keep_limits) };
    let (served, (), (), _, (), ()) = tokio::join!(answer, follow, watch_standby, keys, tell_others, look);
    Ok(served?)
}

/// On the heap: all of it within one future is more than a thread's stack where nothing is optimised.
fn boxed<'a, T>(part: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(part)
}

async fn answer_until(
    api: &Api,
    listener: TcpListener,
    limits: ConnectionLimits,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let trusted = &api.settings().trusted_proxies;
    let listen = connections::answer(listener, door(api), limits, trusted, stop.clone());
    let drained = async {
        stop.cancelled().await;
        api.live().close();
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = listen => served,
        () = drained => Ok(()),
    }
}
