//! What clients may ask, and what it costs.

use accrual_access::invoice::Billing;
use accrual_access::plan::{Plan, Plans, PlansError, published};
use accrual_access::scope::{Scope, Scopes};
use accrual_rewards::unit::UnixSeconds;

use super::super::file;
use super::super::load::Written;
use super::{Checked, parse_at};

/// The configured table, or the published one where there is none.
pub(super) fn plans(file: &[file::Plan], written: &Written) -> Checked<Plans> {
    let rows = file.iter().enumerate().map(|(index, row)| plan(index, row, written));
    let rows: Vec<Plan> = rows.collect::<Checked<_>>()?;
    let plans = if rows.is_empty() { published() } else { Plans::new(rows) };
    plans.map_err(|error| {
        let (PlansError::BadName { index, .. }
        | PlansError::Zero { index, .. }
        | PlansError::Backwards { index, .. }
        | PlansError::Overlap { index, .. }
        | PlansError::SharedMarketplaceName { index, .. }) = &error;
        written.error(&format!("plans[{index}]"), error.to_string())
    })
}

fn plan(index: usize, row: &file::Plan, written: &Written) -> Checked<Plan> {
    let at = |key: &str| format!("plans[{index}].{key}");
    let features = match &row.features {
        None => Scope::ALL.into_iter().collect(),
        Some(names) => {
            let parse = |name: &String| parse_at::<Scope>(&at("features"), name, written);
            names.iter().map(parse).collect::<Checked<Scopes>>()?
        }
    };
    Ok(Plan {
        name: row.name.clone(),
        valid_from: row.valid_from.map_or(UnixSeconds(0), |instant| instant.0),
        valid_until: row.valid_until.map(|instant| instant.0),
        calls_per_month: row.calls_per_month,
        calls_per_minute: row.calls_per_minute,
        history: parse_at(&at("history"), &row.history, written)?,
        overage_microusd: row.overage_microusd,
        spend_cap_microusd: row.spend_cap_microusd,
        marketplace_name: row.marketplace_name.clone(),
        features,
    })
}

pub(super) fn billing(file: &file::Billing, written: &Written) -> Checked<Billing> {
    let percents = [
        ("tmai_percent", file.tmai_percent),
        ("rebate_percent_max", file.rebate_percent_max),
        ("discount_percent_max", file.discount_percent_max),
    ];
    for (key, percent) in percents {
        if percent > 100 {
            return Err(
                written.error(&format!("billing.{key}"), format!("is {percent}: more than all of it"))
            );
        }
    }
    Ok(Billing {
        tmai_percent: file.tmai_percent,
        stake_tiers: file.stake_tiers.clone(),
        rebate_percent_max: file.rebate_percent_max,
        discount_percent_max: file.discount_percent_max,
    })
}
