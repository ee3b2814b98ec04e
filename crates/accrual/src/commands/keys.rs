//! `accrual keys`: makes, lists and revokes API keys, on the database itself.

use std::collections::BTreeMap;

use accrual_api::auth::Scope;
use accrual_api::key::MalformedKeyId;
use accrual_api::keys::{self as key_store, NewKey};
use accrual_api::{KeyEnv, KeyId};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::clients;
use secrecy::ExposeSecret;

use crate::cli::{Keys, KeysCreate, KeysRevoke, WithConfig};
use crate::failure::{Failure, Outcome};
use crate::pepper::pepper;

pub(super) async fn keys(command: Keys) -> Outcome {
    match command {
        Keys::Create(args) => create(args).await,
        Keys::List(args) => list(args).await,
        Keys::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: KeysCreate) -> Outcome {
    let scopes: Result<Vec<Scope>, _> = args.scopes.iter().map(|scope| scope.parse::<Scope>()).collect();
    let scopes = scopes.map_err(|error| Failure::usage(format!("--scopes: {error}")))?;
    let config = super::load(&args.with.config)?;
    let pepper = pepper(&config)?;
    let db = super::open_to_write(&config).await?;
    let new = NewKey {
        client: args.client.clone(),
        plan: args.plan,
        scopes,
        env: KeyEnv::Live,
        expires_at: None,
        note: args.note,
    };
    let (row, key) = key_store::create(&db, &pepper, new, super::now()).await?;
    eprintln!("key {} of client {}: it is shown this once, keep it", row.id, args.client);
    println!("{}", key.reveal().expose_secret());
    db.close().await;
    Ok(())
}

async fn list(args: WithConfig) -> Outcome {
    let config = super::load(&args.config)?;
    let db = super::open_to_read(&config).await?;
    println!("{:<14} {:<14} {:<8} {:<22} {:<22} SCOPES", "KEY", "CLIENT", "STATE", "CREATED", "LAST USED");
    let clients: BTreeMap<String, String> =
        clients::list(&db).await?.into_iter().map(|client| (client.client_id, client.name)).collect();
    for row in key_store::list(&db).await? {
        let last_used = row.last_used_at.map_or("never".to_owned(), time);
        println!(
            "{:<14} {:<14} {:<8} {:<22} {:<22} {}",
            row.id,
            clients.get(&row.client_id).unwrap_or(&row.client_id),
            row.state,
            time(row.created_at),
            last_used,
            row.scopes
        );
    }
    db.close().await;
    Ok(())
}

async fn revoke(args: KeysRevoke) -> Outcome {
    let id: KeyId = args.key_id.parse().map_err(|error: MalformedKeyId| Failure::usage(error.to_string()))?;
    let config = super::load(&args.with.config)?;
    let db = super::open_to_write(&config).await?;
    let changed = key_store::revoke(&db, &id, super::now()).await?;
    println!("key {id}: {}", if changed { "revoked" } else { "was revoked before" });
    db.close().await;
    Ok(())
}

fn time(at: UnixSeconds) -> String {
    accrual_api::view::Rfc3339(at).to_string()
}
