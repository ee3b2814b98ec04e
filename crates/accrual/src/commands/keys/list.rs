//! `accrual keys list`: the keys as a table, or, as JSON and CSV, as the evidence that auditors ask for: how old each is, when
//! its line was exchanged last, by whom and why.

use std::collections::BTreeMap;

use accrual_access::audit::AuditRow;
use accrual_access::record::KeyRecord;
use accrual_api::keys::KeyView;
use accrual_store::Db;
use accrual_store::audit::{self, Which};
use serde::Serialize;

use super::time;
use crate::cli::Format;
use crate::cli::keys::List;
use crate::failure::Outcome;

const DAY_SECONDS: u64 = 86_400;
const PAGE: usize = 10_000;

/// A key with its story.
#[derive(Debug, Serialize)]
struct Evidence {
    #[serde(flatten)]
    key: KeyView,
    age_days: u64,
    last_action: Option<String>,
    last_action_at: Option<String>,
    last_action_by: Option<String>,
    last_action_reason: Option<String>,
}

pub(super) async fn list(args: List) -> Outcome {
    let config = super::super::load(&args.with.config)?;
    let db = super::super::open_to_read(&config).await?;
    let keys = super::super::key_service(&config, db.clone())?;
    let client = match &args.client {
        Some(name) => Some(keys.client(name).await?.client_id),
        None => None,
    };
    let now = super::super::now();
    let stories = stories(&db).await?;
    let mut rows = Vec::new();
    for key in keys.list(client.as_deref()).await? {
        let story = stories.get(key.id.as_str());
        rows.push(Evidence {
            age_days: age_days(&key, now.0),
            last_action: story.map(|row| row.action.clone()),
            last_action_at: story.map(|row| time(accrual_rewards::unit::UnixSeconds(row.at))),
            last_action_by: story.map(|row| row.actor.clone()),
            last_action_reason: story.map(|row| row.reason.clone()),
            key: keys.view(&key).await?,
        });
    }
    match args.format {
        Format::Table => table(&rows),
        Format::Json => println!("{:#}", serde_json::to_value(&rows)?),
        Format::Csv => csv(&rows),
    }
    db.close().await;
    Ok(())
}

/// The last thing that was done to each key.
async fn stories(db: &Db) -> Result<BTreeMap<String, AuditRow>, accrual_store::StoreError> {
    let (mut stories, mut after) = (BTreeMap::new(), 0);
    loop {
        let page = audit::after(db, after, Which::default(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(stories) };
        after = last.seq;
        for row in page {
            if let Some(key) = row.key_id.clone() {
                stories.insert(key, row);
            }
        }
    }
}

fn age_days(key: &KeyRecord, now: u64) -> u64 {
    now.saturating_sub(key.created_at.0) / DAY_SECONDS
}

fn table(rows: &[Evidence]) {
    println!("{:<14} {:<14} {:<8} {:<22} {:<22} SCOPES", "KEY", "CLIENT", "STATE", "CREATED", "LAST USED");
    for Evidence { key, .. } in rows {
        let last_used = key.last_used_at.map_or("never".to_owned(), |at| at.to_string());
        let (created_at, scopes) = (key.created_at.to_string(), key.scopes.join(","));
        println!(
            "{:<14} {:<14} {:<8} {created_at:<22} {last_used:<22} {scopes}",
            key.id, key.client, key.state
        );
    }
}

fn csv(rows: &[Evidence]) {
    println!(
        "key,client,plan,env,state,scopes,generation,created_at,age_days,expires_at,exchange_due_at,replaces,replaced_by,last_used_at,last_action,last_action_at,last_action_by,last_action_reason"
    );
    for row in rows {
        let key = &row.key;
        let text = |value: Option<String>| value.unwrap_or_default();
        let cells = [
            key.id.clone(),
            key.client.clone(),
            key.plan.clone(),
            key.env.to_owned(),
            key.state.to_owned(),
            key.scopes.join(" "),
            key.generation.to_string(),
            key.created_at.to_string(),
            row.age_days.to_string(),
            text(key.expires_at.map(|at| at.to_string())),
            text(key.exchange_due_at.map(|at| at.to_string())),
            text(key.replaces.clone()),
            text(key.replaced_by.clone()),
            text(key.last_used_at.map(|at| at.to_string())),
            text(row.last_action.clone()),
            text(row.last_action_at.clone()),
            text(row.last_action_by.clone()),
            text(row.last_action_reason.clone()),
        ];
        println!(
            "{}",
            cells.iter().map(|cell| accrual_api::csv::safe_cell(cell)).collect::<Vec<_>>().join(",")
        );
    }
}
