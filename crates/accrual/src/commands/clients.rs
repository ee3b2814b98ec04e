//! `accrual clients`: who may ask, and on which plan.

use accrual_store::clients;

use crate::cli::WithConfig;
use crate::cli::keys::{ClientCreate, ClientPlan, Clients};
use crate::failure::Outcome;

pub(super) async fn clients(command: Clients) -> Outcome {
    match command {
        Clients::Create(args) => create(args).await,
        Clients::List(args) => list(args).await,
        Clients::Plan(args) => plan(args).await,
    }
}

async fn create(args: ClientCreate) -> Outcome {
    let config = super::load(&args.with.config)?;
    let db = super::open_to_write(&config).await?;
    let keys = super::key_service(&config, db.clone())?;
    let client = keys.create_client(&args.name, &args.plan, &super::asker()).await?;
    println!("client {} on plan {}", client.name, client.plan);
    db.close().await;
    Ok(())
}

async fn list(args: WithConfig) -> Outcome {
    let config = super::load(&args.config)?;
    let db = super::open_to_read(&config).await?;
    println!("{:<14} {:<24} {:<10} CREATED", "CLIENT", "NAME", "PLAN");
    for client in clients::list(&db).await? {
        let created_at = accrual_api::view::Rfc3339(client.created_at);
        println!("{:<14} {:<24} {:<10} {created_at}", client.client_id, client.name, client.plan);
    }
    db.close().await;
    Ok(())
}

async fn plan(args: ClientPlan) -> Outcome {
    let config = super::load(&args.with.config)?;
    let db = super::open_to_write(&config).await?;
    let keys = super::key_service(&config, db.clone())?;
    let asker = accrual_api::keys::Asker { reason: args.reason, ..super::asker() };
    let client = keys.edit_client(&args.name, &asker, |client| {
        client.plan = args.plan;
        client.spend_cap_microusd = args.spend_cap_microusd.or(client.spend_cap_microusd);
        client.pays_in_tmai = args.pays_in_tmai.unwrap_or(client.pays_in_tmai);
        client.stake_tier = args.stake_tier.unwrap_or_else(|| std::mem::take(&mut client.stake_tier));
    });
    let client = client.await?;
    println!("client {} on plan {}", client.name, client.plan);
    db.close().await;
    Ok(())
}
