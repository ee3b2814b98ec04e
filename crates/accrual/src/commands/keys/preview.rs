//! `accrual keys preview`: who used a key in the last seven days, the last first, as `GET /v1/keys/{id}/rotation/preview` has it.

use accrual_api::keys::CallerView;

use crate::cli::Format;
use crate::cli::keys::Preview;
use crate::failure::Outcome;

pub(super) async fn preview(args: Preview) -> Outcome {
    let id = super::id(&args.key_id)?;
    let config = super::super::load(&args.with.config)?;
    let db = super::super::open_to_read(&config).await?;
    let keys = super::super::key_service(&config, db.clone())?;
    let key = keys.get(&id).await?;
    let callers = keys.preview(&key.id).await?;
    db.close().await;
    match args.format {
        Format::Table => table(&callers),
        Format::Json => println!("{:#}", serde_json::to_value(&callers)?),
        Format::Csv => csv(&callers),
    }
    Ok(())
}

fn table(callers: &[CallerView]) {
    println!("{:<22} {:<8} {:<20} {:<40} AGENT", "LAST", "CALLS", "NETWORK", "ENDPOINT");
    for CallerView { last_at, calls, network, endpoint, agent, .. } in callers {
        let last_at = last_at.to_string();
        println!("{last_at:<22} {calls:<8} {network:<20} {endpoint:<40} {agent}");
    }
}

fn csv(callers: &[CallerView]) {
    println!("network,agent,endpoint,first_at,last_at,calls");
    for caller in callers {
        let (first_at, last_at) = (caller.first_at.to_string(), caller.last_at.to_string());
        let calls = caller.calls.to_string();
        let cells = [&caller.network, &caller.agent, &caller.endpoint, &first_at, &last_at, &calls];
        println!("{}", cells.map(|cell| accrual_api::csv::safe_cell(cell)).join(","));
    }
}
