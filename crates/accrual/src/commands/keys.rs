//! `accrual keys`: the life of API keys, on the database itself. What it does is what the API does, by the same functions.

mod calendar;
mod list;
mod preview;

use accrual_access::address_guard::AddressGuard;
use accrual_access::change::{Edit, Purpose, Refused};
use accrual_access::key::{ApiKey, KeyEnv, KeyId};
use accrual_access::network::Networks;
use accrual_access::rotation::{Kind, Terms};
use accrual_access::scope::{Scope, Scopes};
use accrual_api::deliver::{Deliver, DeliverEvent, Fresh};
use accrual_api::keys::{Asker, KeyEdit, Keys as Service, KeysError, NewKey, Step};
use accrual_api::webhooks::courier::Courier;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::Db;
use secrecy::ExposeSecret;

use crate::cli::WithConfig;
use crate::cli::keys::{Create, Edit as EditArgs, Emergency, Env, Keys, OneKey, Rotate};
use crate::config::Config;
use crate::config::instant::parse as parse_instant;
use crate::failure::{Failure, Outcome};
use crate::pepper::peppers;

pub(super) async fn keys(command: Keys) -> Outcome {
    match command {
        Keys::Create(args) => create(args).await,
        Keys::List(args) => list::list(args).await,
        Keys::Calendar(args) => calendar::calendar(args).await,
        Keys::Show(args) => show(args).await,
        Keys::Preview(args) => preview::preview(args).await,
        Keys::Edit(args) => edit(args).await,
        Keys::Rotate(args) => rotate(args).await,
        Keys::Start(args) => step(args.one, Step::Start { overlap_seconds: args.overlap_seconds }).await,
        Keys::Finish(args) => step(args.one, Step::Finish { force: args.force }).await,
        Keys::Extend(args) => {
            let ends_at = instant("--to", &args.to)?;
            step(args.one, Step::Extend { ends_at }).await
        }
        Keys::RollBack(args) => step(args, Step::RollBack).await,
        Keys::Cancel(args) => step(args, Step::Cancel).await,
        Keys::Brownout(args) => {
            let at = args.at.as_deref().map(|text| instant("--at", text)).transpose()?;
            let at = at.unwrap_or_else(super::now);
            step(args.one, Step::Brownout { at, seconds: args.seconds }).await
        }
        Keys::Pause(args) => change(args, KeyEdit::Pause).await,
        Keys::Resume(args) => change(args, KeyEdit::Resume).await,
        Keys::Revoke(args) => change(args, KeyEdit::Revoke).await,
        Keys::Emergency(args) => emergency(args).await,
    }
}

/// A command's database and the keys in it.
struct Open {
    db: Db,
    keys: Service,
    asker: Asker,
    guard: AddressGuard,
}

impl Open {
    /// For a new key: what is missing in the configuration is said before a database is looked for.
    async fn to_make(with: &WithConfig, reason: &str) -> Result<Self, Failure> {
        let config = super::load(&with.config)?;
        peppers(&config)?;
        let db = super::open_to_write(&config).await?;
        Self::with(&config, db, reason)
    }

    /// For a key that must be there: if it is not, nothing is made, not even a pepper.
    async fn to_change(with: &WithConfig, reason: &str, id: &KeyId) -> Result<Self, Failure> {
        let config = super::load(&with.config)?;
        let db = super::open_to_write(&config).await?;
        if accrual_store::keys::by_id(&db, id.as_str()).await?.is_none() {
            return Err(KeysError::NoSuchKey(id.to_string()).into());
        }
        Self::with(&config, db, reason)
    }

    fn with(config: &Config, db: Db, reason: &str) -> Result<Self, Failure> {
        let keys = super::key_service(config, db.clone())?;
        let asker = Asker { reason: reason.to_owned(), ..super::asker() };
        Ok(Self { db, keys, asker, guard: config.webhooks.guard.clone() })
    }
}

async fn create(args: Create) -> Outcome {
    let purpose = Purpose {
        scopes: scopes(&args.scopes)?,
        networks: networks(&args.networks.join(","))?,
        expires_at: args.expires_at.as_deref().map(|text| instant("--expires-at", text)).transpose()?,
        note: args.note,
    };
    let env = match args.env {
        Env::Live => KeyEnv::Live,
        Env::Test => KeyEnv::Test,
    };
    let target = args.deliver.as_deref().map(Target::parse).transpose()?;
    let open = Open::to_make(&args.with, &args.reason).await?;
    let new = NewKey { client: args.client.clone(), plan: args.plan, purpose, env };
    let issued = open.keys.create(new, &open.asker).await?;
    let (id, key) = (issued.made.id.clone(), issued.key);
    match (target, key) {
        (Some(target), Some(key)) => {
            let fresh = target.fresh(&args.client, &key, 0, None, DeliverEvent::Created);
            if let Err(error) = target.deliver(&open, &fresh).await {
                open.keys.edit(&id, &KeyEdit::Revoke, &open.asker).await?;
                return Err(anyhow::anyhow!("key {id} could not be delivered and is revoked: {error}").into());
            }
            println!("{id}");
        }
        (_, key) => {
            eprintln!("key {id} of client {}: it is shown this once, keep it", args.client);
            print_key(key.as_ref());
        }
    }
    open.db.close().await;
    Ok(())
}

async fn rotate(args: Rotate) -> Outcome {
    let id = key_id(&args.one)?;
    let target = args.deliver.as_deref().map(Target::parse).transpose()?;
    let open = Open::to_change(&args.one.with, &args.one.reason, &id).await?;
    let terms = Terms {
        kind: Kind::Normal,
        overlap_seconds: args.overlap_seconds,
        // The old key gets its end only when the new one has arrived.
        is_staged: args.stage || target.is_some(),
        auto_finish: args.auto_finish,
        quiet_seconds: args.quiet_seconds,
    };
    let issued = open.keys.rotate(&id, &terms, &open.asker).await?;
    let (mut rotation, key) = (issued.made, issued.key);
    if let (Some(target), Some(key)) = (&target, &key) {
        let record = open.keys.get(&rotation.new).await?;
        let client = open.keys.client(&record.client_id).await?.name;
        let event = DeliverEvent::Rotated;
        let fresh = target.fresh(&client, key, record.generation, None, event);
        if let Err(error) = target.deliver(&open, &fresh).await {
            open.keys.step(&id, Step::Cancel, &open.asker).await?;
            let what = format!("the new key could not be delivered, and the rotation is given up: {error}");
            return Err(anyhow::anyhow!(what).into());
        }
        if !args.stage {
            let start = Step::Start { overlap_seconds: args.overlap_seconds };
            rotation = open.keys.step(&id, start, &open.asker).await?;
        }
    }
    let ends = match rotation.ends_at {
        Some(at) => format!("ends at {}", time(at)),
        None => format!("has no end until `accrual keys start {id}`"),
    };
    if target.is_some() {
        eprintln!("key {id} {ends}; its successor is delivered");
        println!("{}", rotation.new);
    } else {
        eprintln!("key {id} {ends}; its successor {} is shown this once, keep it", rotation.new);
        print_key(key.as_ref());
    }
    open.db.close().await;
    Ok(())
}

/// Where a new key goes.
struct Target(Deliver);

impl Target {
    fn parse(text: &str) -> Result<Self, Failure> {
        text.parse().map(Self).map_err(|error| Failure::usage(format!("--deliver: {error}")))
    }

    fn fresh<'a>(
        &self,
        client: &'a str,
        key: &'a ApiKey,
        generation: u64,
        overlap_ends_at: Option<UnixSeconds>,
        event: DeliverEvent,
    ) -> Fresh<'a> {
        Fresh { client, key, generation, overlap_ends_at, event }
    }

    async fn deliver(&self, open: &Open, fresh: &Fresh<'_>) -> Result<(), Failure> {
        let courier = Courier::new(open.guard.clone())?;
        let pepper = open.keys.peppers().current();
        Ok(self.0.deliver(fresh, &courier, pepper, super::now()).await?)
    }
}

async fn step(args: OneKey, step: Step) -> Outcome {
    let id = key_id(&args)?;
    let open = Open::to_change(&args.with, &args.reason, &id).await?;
    let rotation = open.keys.step(&id, step, &open.asker).await?;
    let view = open.keys.rotation_view(&rotation).await?;
    let ends = view.overlap_ends_at.map(|at| format!(", its end is {at}")).unwrap_or_default();
    println!(
        "rotation {} is {}: key {} is {}{ends}, key {} is {}",
        view.id, view.state, view.old_key.id, view.old_key.state, view.new_key.id, view.new_key.state
    );
    open.db.close().await;
    Ok(())
}

async fn change(args: OneKey, change: KeyEdit) -> Outcome {
    let id = key_id(&args)?;
    let open = Open::to_change(&args.with, &args.reason, &id).await?;
    match open.keys.edit(&id, &change, &open.asker).await {
        Ok(key) => println!("key {id} is {}", open.keys.view(&key).await?.state),
        // What was wanted is so already.
        Err(KeysError::Refused(Refused::WrongState { state: "revoked", .. }))
            if change == KeyEdit::Revoke =>
        {
            println!("key {id} was revoked before");
        }
        Err(error) => return Err(error.into()),
    }
    open.db.close().await;
    Ok(())
}

async fn edit(args: EditArgs) -> Outcome {
    let expires_at = match args.expires_at.as_deref() {
        None => None,
        Some("never") => Some(None),
        Some(text) => Some(Some(instant("--expires-at", text)?)),
    };
    let edit = Edit {
        scopes: args.scopes.as_deref().map(scopes).transpose()?,
        networks: args.networks.as_deref().map(networks).transpose()?,
        note: args.note,
        expires_at,
    };
    change(args.one, KeyEdit::Edit(edit)).await
}

async fn emergency(args: Emergency) -> Outcome {
    let open = Open::to_make(&args.with, &args.reason).await?;
    let replaced = open.keys.emergency(&args.client, &open.asker).await?;
    if replaced.is_empty() {
        eprintln!("client {} has no key that could be used", args.client);
    }
    for (rotation, key) in &replaced {
        eprintln!(
            "key {} is ended; its successor {} is shown this once, keep it",
            rotation.old, rotation.new
        );
        print_key(Some(key));
    }
    open.db.close().await;
    Ok(())
}

async fn show(args: OneKey) -> Outcome {
    let id = key_id(&args)?;
    let config = super::load(&args.with.config)?;
    let db = super::open_to_read(&config).await?;
    let keys = super::key_service(&config, db.clone())?;
    let key = keys.get(&id).await?;
    let rotation = match keys.rotation(&id).await {
        Ok(rotation) => Some(keys.rotation_view(&rotation).await?),
        Err(KeysError::Refused(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let view = serde_json::json!({ "key": keys.view(&key).await?, "rotation": rotation });
    println!("{view:#}");
    db.close().await;
    Ok(())
}

fn key_id(args: &OneKey) -> Result<KeyId, Failure> {
    id(&args.key_id)
}

fn id(text: &str) -> Result<KeyId, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("{error}")))
}

fn scopes(names: &[String]) -> Result<Scopes, Failure> {
    let scopes = names.iter().map(|name| name.parse::<Scope>()).collect::<Result<Scopes, _>>();
    scopes.map_err(|error| Failure::usage(format!("--scopes: {error}")))
}

fn networks(text: &str) -> Result<Networks, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--networks: {error}")))
}

fn instant(option: &str, text: &str) -> Result<UnixSeconds, Failure> {
    parse_instant(text).map_err(|error| Failure::usage(format!("{option}: {error}")))
}

/// The one place where a secret is written out.
fn print_key(key: Option<&ApiKey>) {
    if let Some(key) = key {
        println!("{}", key.reveal().expose_secret());
    }
}

fn time(at: UnixSeconds) -> String {
    accrual_api::view::Rfc3339(at).to_string()
}
