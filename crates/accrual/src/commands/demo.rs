//! `accrual demo`: the bundled rehearsal, indexed over JSON-RPC like any chain, in the terminal and in the browser.
//!
//! No shortcut: the recording is served as a node on loopback, and everything behind that is what `accrual run` does,
//! with a configuration file that can be used by every other command afterwards.

mod rate;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accrual_access::change::Purpose;
use accrual_access::network::Networks;
use accrual_api::keys::NewKey;
use accrual_api::scope::Scope;
use accrual_api::view::By;
use accrual_api::{ApiKey, KeyEnv};
use accrual_indexer::follow::Target;
use accrual_recording::{HeadRule, NodeOptions, REHEARSAL, Recording};
use accrual_rewards::campaign::Campaign;
use accrual_store::Db;
use anyhow::Context;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{report, serve};
use crate::cli::Demo;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::progress::Shown;
use crate::{pepper, signals, table};

const NOTICE: &str =
    "REHEARSAL: a recording of our own play on a test node. No figure here is TMAI's or anybody's money.";
const EARNERS_SHOWN: usize = 10;

pub(super) async fn demo(args: Demo) -> Outcome {
    let listen: SocketAddr = args
        .listen
        .parse()
        .map_err(|_| Failure::usage(format!("--listen {}: write it as 127.0.0.1:8080", args.listen)))?;
    let listener = if args.once { None } else { Some(serve::listen(listen).await?) };
    let shutdown = signals::shutdown()?;
    println!("{NOTICE}\n");

    let recording = Recording::read(REHEARSAL).context("the bundled rehearsal")?;
    let rehearsal = recording.meta.config_toml.clone();
    let chain_id = recording.meta.chain_id;
    let node = play(recording, args.speed, shutdown.clone()).await?;
    let written = write_config(&Written { db: args.db, chain_id, node, listen, rehearsal })?;
    let config = super::load(&written)?;
    let db = super::open_to_write(&config).await?;

    let mut follower = super::follower(&config, db.clone(), false).await?;
    let shown = Shown::new(args.progress);
    let show = |progress| shown.update(progress);
    tokio::select! {
        reached = follower.sync(Target::Head, &show) => { reached?; }
        () = shutdown.cancelled() => return Ok(()),
    }
    shown.finish();

    for campaign in &config.campaigns {
        print!("{}", figures(&db, &config, campaign).await?);
        println!();
    }
    println!("configuration  {}", written.display());
    let Some(listener) = listener else {
        db.close().await;
        return Ok(());
    };

    let key = vip_key(&db, &config).await?;
    let api = serve::api(&config, db.clone()).await?;
    let address = listener.local_addr()?;
    announce(address, &config, &key);
    let stop = shutdown.clone();
    let following = tokio::spawn(async move { follower.follow(&stop, &|_| {}).await });
    let served = accrual_api::serve(api, listener, shutdown.clone()).await;
    shutdown.cancel();
    following.await?;
    db.close().await;
    Ok(served?)
}

/// Serves the recording as a node on loopback and answers its URL.
async fn play(
    recording: Recording,
    speed: Option<u32>,
    shutdown: CancellationToken,
) -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("the rehearsal's node")?;
    let url = format!("http://{}", listener.local_addr()?);
    let head = speed.map_or(HeadRule::Whole, |speed| HeadRule::Paced { speed });
    let options = NodeOptions { head, ..NodeOptions::default() };
    tokio::spawn(async move {
        if let Err(error) = accrual_recording::serve(Arc::new(recording), listener, options, shutdown).await {
            tracing::error!(%error, "the rehearsal's node stopped");
        }
    });
    Ok(url)
}

struct Written {
    db: Option<String>,
    chain_id: u64,
    node: String,
    listen: SocketAddr,
    rehearsal: String,
}

/// Writes a configuration that any other command can be given, beside the database.
fn write_config(written: &Written) -> Result<PathBuf, Failure> {
    let (url, folder) = match &written.db {
        Some(url) => (url.clone(), folder_of(url)?),
        None => {
            let folder = fresh_folder()?;
            (format!("sqlite://{}", folder.join("accrual.db").display()), folder)
        }
    };
    let Written { chain_id, node, listen, rehearsal, .. } = written;
    let (path, pepper) = (folder.join("accrual-demo.toml"), folder.join("accrual-demo.pepper"));
    pepper::ensure(&pepper)?;
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let text = format!(
        "# Written by `accrual demo`. {NOTICE}\n\
         # The node stops with the demo; what was stored stays.\n\
         [database]\nurl = {}\n\n\
         [chain]\nid = {chain_id}\nrpc_urls = [{}]\nfinality = \"finalized\"\npoll_interval_ms = 200\n\n\
         [server]\nlisten = \"{listen}\"\nnotice = {}\nstale_after_seconds = 4294967295   # a recording is always old\n\n\
         [keys]\npepper_file = {}\n\n{rehearsal}",
        quoted(&url),
        quoted(node),
        quoted(NOTICE),
        quoted(&pepper.display().to_string()),
    );
    std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

fn folder_of(url: &str) -> Result<PathBuf, Failure> {
    let database: accrual_store::DbUrl =
        url.parse().map_err(|error| Failure::usage(format!("--db {url}: {error}")))?;
    match database.path().map(|path| path.parent().unwrap_or(Path::new(".")).to_owned()) {
        Some(folder) if folder.as_os_str().is_empty() => Ok(PathBuf::from(".")),
        Some(folder) if folder.is_dir() => Ok(folder),
        Some(folder) => {
            let folder = folder.display();
            Err(Failure::usage(format!(
                "--db {url}: there is no folder {folder}; make it first, or name another"
            )))
        }
        None => fresh_folder(),
    }
}

fn fresh_folder() -> Result<PathBuf, Failure> {
    let base = std::env::temp_dir();
    for attempt in 0..1000_u32 {
        let folder = base.join(format!("accrual-demo-{}-{attempt}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(anyhow::anyhow!(
                    "{} cannot be made ({error}); give a database with --db",
                    folder.display()
                )
                .into());
            }
        }
    }
    Err(anyhow::anyhow!("{} is full of demo folders: delete some", base.display()).into())
}

/// A campaign's sums and top earners at the newest block, and its APR along the way.
async fn figures(db: &Db, config: &Config, campaign: &Campaign) -> Result<String, Failure> {
    let mut view = report::view(db, config, campaign, None, By::Account).await?;
    // Said once, above all campaigns.
    view.notice = None;
    let tokens = super::tokens(config, db).await?;
    let mut text = table::report(&view, tokens.get(campaign.reward_token), EARNERS_SHOWN);
    text.push_str("\nreward APR at the rehearsal's made-up prices\n");
    text.push_str(&rate::lines(db, config, campaign).await?);
    Ok(text)
}

async fn vip_key(db: &Db, config: &Config) -> Result<ApiKey, Failure> {
    let keys = super::key_service(config, db.clone())?;
    let new = NewKey {
        client: "demo".to_owned(),
        plan: Some("vip".to_owned()),
        purpose: Purpose {
            scopes: Scope::ALL.into_iter().collect(),
            networks: Networks::default(),
            expires_at: None,
            note: "made by accrual demo".to_owned(),
        },
        env: KeyEnv::Live,
    };
    let issued = keys.create(new, &super::asker()).await?;
    issued.key.ok_or_else(|| anyhow::anyhow!("the key was made before").into())
}

fn announce(address: SocketAddr, config: &Config, key: &ApiKey) {
    let secret = key.reveal();
    let key = secret.expose_secret();
    let campaign = config.campaigns.first().map_or("", |campaign| campaign.id.as_str());
    println!("key            {key}   (plan vip)");
    println!(
        "try            curl -H 'X-API-Key: {key}' 'http://{address}/v1/campaigns/{campaign}/accruals?limit=3'"
    );
    println!("page           http://{address}/#key={key}");
    println!("\nCtrl-C stops it.");
}
