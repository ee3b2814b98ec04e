//! `accrual serve` and `accrual run`: the API, alone or with the follower beside it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use accrual_api::announced::AnnouncedSettings;
use accrual_api::app::{AccessSettings, MerklAsked};
use accrual_api::{Api, Clock, Peppers, Settings, SignIn};
use accrual_indexer::workers::{COMPARISON, DISTRIBUTOR, HEAD, RETENTION, Worker, while_held};
use accrual_store::replica::Reading;
use accrual_store::{Db, Lease, StoreError};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::worker::Joined;
use crate::cli::ProgressMode;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::pepper::peppers;
use crate::progress::Shown;
use crate::signals;

/// Where the secrets of a marketplace's gateway stand, when not in a file.
const MARKETPLACE_SECRETS: &str = "ACCRUAL_MARKETPLACE_SECRETS";

pub(super) async fn serve(path: &Path) -> Outcome {
    let config = super::load(path)?;
    let shutdown = signals::shutdown()?;
    let listener = listen(config.server.listen).await?;
    let db = super::open_to_serve(&config).await?;
    let api = api(&config, db.clone()).await?;
    announce(&listener)?;
    let served = accrual_api::serve_within(api, listener, config.server.connections, shutdown).await;
    db.close().await;
    Ok(served?)
}

pub(super) async fn run(path: &Path) -> Outcome {
    let config = super::load(path)?;
    let shutdown = signals::shutdown()?;
    let listener = listen(config.server.listen).await?;
    let db = super::open_to_follow(&config).await?;
    let api = api(&config, db.clone()).await?;
    let tasks = [HEAD, DISTRIBUTOR, RETENTION, COMPARISON];
    let worker = Joined::join(&config, &db, false, &tasks).await?;
    announce(&listener)?;
    let following = tokio::spawn(follow(config.clone(), db.clone(), worker.shared(), shutdown.clone()));
    let connections = config.server.connections;
    let comparing = tokio::spawn(compare(config, db.clone(), worker.shared(), shutdown.clone()));
    let served = accrual_api::serve_within(api, listener, connections, shutdown.clone()).await;
    shutdown.cancel();
    let followed = following.await?;
    comparing.await?;
    worker.leave().await;
    db.close().await;
    served?;
    followed
}

/// Follows until `shutdown`. While no node answers, the API serves what is stored; a node or a pool that is not what
/// the configuration says ends both.
async fn follow(config: Config, db: Db, worker: Arc<Worker>, shutdown: CancellationToken) -> Outcome {
    let opened = tokio::select! {
        opened = super::follower_of(&worker, &config, db.clone(), true) => opened,
        () = shutdown.cancelled() => return Ok(()),
    };
    let mut follower = opened.inspect_err(|_| shutdown.cancel())?;
    let shown = Shown::new(ProgressMode::Plain);
    let update = |progress| shown.update(progress);
    tokio::join!(
        follower.follow(&shutdown, &update),
        super::follow_distributor(&config, &db, &worker, &shutdown),
        super::follow_retention(&config, &db, &worker, &shutdown),
        super::verify::follow(&config, &db, worker.held(), &shutdown)
    );
    Ok(())
}

/// Holds our figures against Merkl's until `shutdown`, where it is configured and while this worker is the one to do so.
async fn compare(config: Config, db: Db, worker: Arc<Worker>, shutdown: CancellationToken) {
    let (config, db) = (&config, &db);
    let compare = |lease: Lease, stop: CancellationToken| async move {
        crate::reconcile::watch::follow(config, &db.under([lease]), super::now_ms, stop).await;
    };
    while_held(worker.held(), COMPARISON, &shutdown, compare).await;
}

/// Binds `address`, or says who to ask when that fails.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there already",
            std::io::ErrorKind::PermissionDenied => "this user may not listen there",
            _ => "it cannot be listened on",
        };
        anyhow::anyhow!("{address}: {what} ({error}); choose another address with server.listen or --listen")
            .into()
    })
}

/// The API with what is stored already in its book, so that it can answer from its first second on.
pub(super) async fn api(config: &Config, db: Db) -> Result<Api, Failure> {
    let api = Api::new(reading(config, db).await?, settings(config, peppers(config)?)?)?;
    api.book().refresh().await?;
    api.keys().refresh().await?;
    Ok(api)
}

/// The database, with its standby to read from where one is configured. One that does not answer now is not asked again
/// before the next start: what it is cannot be known.
async fn reading(config: &Config, db: Db) -> Result<Reading, Failure> {
    let Some(standby) = &config.standby else { return Ok(db.into()) };
    match Reading::with_standby(db.clone(), &standby.url, standby.lag_max).await {
        Ok(reading) => Ok(reading),
        Err(error @ StoreError::NotAStandby { .. }) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "everything is read from the primary");
            Ok(db.into())
        }
    }
}

/// What the API is told; `peppers` are those of the keys that it is to accept.
pub(super) fn settings(config: &Config, peppers: Peppers) -> Result<Settings, Failure> {
    let every_seconds = config.merkl.every_seconds;
    let merkl_asked = |url| MerklAsked { url, every_seconds };
    Ok(Settings {
        chain_id: config.chain.id,
        block_seconds: config.chain.block_seconds,
        pools: super::pool_infos(config),
        campaigns: config.campaigns.clone(),
        announced: AnnouncedSettings {
            campaigns: config.announced.clone(),
            together: config.announcement.clone(),
        },
        tokens: super::token_infos(config),
        prices: config.prices.clone(),
        peppers,
        key_rules: config.keys.rules.clone(),
        access: access(config)?,
        trusted_proxies: config.server.trusted_proxies.clone(),
        clock: Clock::of_ms(super::now_ms),
        notice: config.server.notice.clone(),
        poll_interval: accrual_api::app::POLL_INTERVAL,
        stale_after_seconds: config.server.stale_after_seconds,
        webhooks: config.webhooks.clone(),
        mcp: config.mcp.clone(),
        security: config.server.security.clone(),
        merkl: config.merkl.url.clone().map(merkl_asked),
        sign_in: config.sign_in.clone().map(|on| SignIn::new(on.domain, on.chain_ids)),
    })
}

/// Plans, discounts, and the secrets of a marketplace's gateway: of the environment or a file, one or two of them.
fn access(config: &Config) -> Result<AccessSettings, Failure> {
    let text = match (std::env::var(MARKETPLACE_SECRETS), &config.proxy_secrets_file) {
        (Ok(text), _) => text,
        (Err(_), Some(path)) => std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("{}: the marketplace's secrets cannot be read ({error})", path.display()))
        })?,
        (Err(_), None) => String::new(),
    };
    let secrets: Vec<&str> = text.split(['\n', ',']).map(str::trim).filter(|one| !one.is_empty()).collect();
    if secrets.len() > 2 || secrets.iter().any(|secret| secret.len() < 16) {
        return Err(Failure::usage(format!(
            "{MARKETPLACE_SECRETS}: one or two secrets of 16 characters or more, the new one beside the old"
        )));
    }
    Ok(AccessSettings {
        plans: config.plans.clone(),
        billing: config.billing.clone(),
        marketplace_secrets: secrets.into_iter().map(SecretString::from).collect(),
        streams: config.server.streams,
    })
}

fn announce(listener: &TcpListener) -> Outcome {
    println!("API and page: http://{}/", listener.local_addr()?);
    Ok(())
}
