//! `accrual keys calendar`: when which key is exchanged, soonest first, and where its successor goes.

use accrual_api::keys::KeyView;
use serde::Serialize;

use crate::cli::Format;
use crate::cli::keys::Calendar;
use crate::failure::Outcome;

/// A coming exchange.
#[derive(Debug, Serialize)]
struct Coming {
    due_at: String,
    key: String,
    client: String,
    /// Where the new key goes; null when nobody takes it, so that a person must exchange the key.
    delivered_to: Option<String>,
}

pub(super) async fn calendar(args: Calendar) -> Outcome {
    let config = super::super::load(&args.with.config)?;
    let db = super::super::open_to_read(&config).await?;
    let keys = super::super::key_service(&config, db.clone())?;
    let mut views = Vec::new();
    for key in keys.list(None).await? {
        views.push(keys.view(&key).await?);
    }
    db.close().await;
    let coming = |key: &KeyView| {
        let delivered_to = config.keys.rules.rule(&key.client).map(|rule| rule.deliver.to_string());
        let (due_at, client) = (key.exchange_due_at?.to_string(), key.client.clone());
        Some(Coming { due_at, key: key.id.clone(), client, delivered_to })
    };
    let mut rows: Vec<Coming> = views.iter().filter_map(coming).collect();
    rows.sort_by(|a, b| (&a.due_at, &a.key).cmp(&(&b.due_at, &b.key)));
    match args.format {
        Format::Table => table(&rows),
        Format::Json => println!("{:#}", serde_json::to_value(&rows)?),
        Format::Csv => csv(&rows),
    }
    Ok(())
}

fn table(rows: &[Coming]) {
    if rows.is_empty() {
        eprintln!("no key has a greatest age: set keys.age_days_max, or every_days in [[keys.rotate]]");
    }
    println!("{:<22} {:<14} {:<20} DELIVERED TO", "DUE", "KEY", "CLIENT");
    for Coming { due_at, key, client, delivered_to } in rows {
        let to = delivered_to.as_deref().unwrap_or("nobody: exchange it by hand, or add [[keys.rotate]]");
        println!("{due_at:<22} {key:<14} {client:<20} {to}");
    }
}

fn csv(rows: &[Coming]) {
    println!("due_at,key,client,delivered_to");
    for Coming { due_at, key, client, delivered_to } in rows {
        let cells = [due_at, key, client, delivered_to.as_deref().unwrap_or_default()];
        println!("{}", cells.map(accrual_api::csv::safe_cell).join(","));
    }
}
