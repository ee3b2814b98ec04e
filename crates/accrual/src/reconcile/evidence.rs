//! One page that can be sent on: a comparison, or one account of it, with positions, stretches and blocks.
//!
//! Everything is in the one file: no script, no picture, nothing from elsewhere. What others wrote is escaped.

use std::fmt::Write;

use accrual_api::reconciliation::ComparisonView;
use accrual_api::view::Rfc3339;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::explain::{Timeline, explain};
use accrual_rewards::reconcile::{AccountRow, Ours};
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, EventPlace, checkpoints, events, rebuild};
use alloy_primitives::Address;
use anyhow::anyhow;

use super::written::ours_of;
use crate::failure::Failure;

/// More positions of an account are named, but not explained: each is a walk over the pool's events.
const POSITIONS_MAX: usize = 20;
const PAGE: u32 = 20_000;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{border:1px solid #c8ccd1;padding:.3rem .5rem;text-align:left;\
vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code{word-break:break-all}\
.bad{color:#a40e26;font-weight:600}@media print{body{margin:0}}";

/// A position of the account with its time in the campaign.
pub(crate) struct Explained {
    position: String,
    via: Vec<Address>,
    earned_units: String,
    timeline: Option<Timeline>,
}

/// The positions by which `account` earned, each with its stretches up to `until`, from the stored events.
pub(crate) async fn explained(
    db: &Db,
    pool: &Pool,
    campaign: &Campaign,
    ours: &Ours,
    account: Address,
    until: UnixSeconds,
) -> Result<Vec<Explained>, Failure> {
    let Some(own) = ours.accounts.get(&account) else { return Ok(Vec::new()) };
    let pool = rebuild::with_facts(db, pool).await?;
    let checkpoint = checkpoints::get(db, &pool.id).await?;
    let through = checkpoint.ok_or_else(|| anyhow!("pool {} was never read", pool.id))?.number;
    let mut all: Vec<PlacedEvent> = Vec::new();
    let mut after = None;
    loop {
        let page = events::page(db, &pool.id, after, through, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(EventPlace::from(last));
        let over = last.block_at > until;
        all.extend(page.into_iter().filter(|event| event.block_at <= until));
        if over {
            break;
        }
    }
    let mut told = Vec::new();
    for (place, part) in own.parts.iter().enumerate() {
        let timeline = (place < POSITIONS_MAX)
            .then(|| explain(pool.clone(), campaign.clone(), &part.position, all.iter().cloned(), until))
            .transpose()?;
        told.push(Explained {
            position: part.position.to_string(),
            via: part.via.clone(),
            earned_units: part.earned.to_string(),
            timeline,
        });
    }
    Ok(told)
}

/// The page: all rows, or with `explained` one account's evidence.
pub(crate) fn html(
    view: &ComparisonView,
    rows: &[AccountRow],
    account: Option<(Address, &[Explained])>,
    chain_id: u64,
) -> String {
    let title = match account {
        Some((account, _)) => format!("{} in campaign {}", account.to_checksum(None), view.campaign),
        None => format!("Campaign {}", view.campaign),
    };
    let title = escaped(&title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}: ours against Merkl's</h1>\n"
    );
    sums(&mut page, view, chain_id);
    findings(&mut page, view);
    match account {
        Some((account, explained)) => {
            let own: Vec<&AccountRow> = rows.iter().filter(|row| row.account == account).collect();
            accounts(&mut page, view, &own);
            positions(&mut page, explained);
        }
        None => accounts(&mut page, view, &rows.iter().collect::<Vec<_>>()),
    }
    let _ = write!(
        page,
        "<p>Amounts are in the reward token's smallest units, times in UTC. Ours is computed from the chain's logs alone, \
         block by block; a stretch names the block that began it and the block that ended it.</p>\n</body></html>\n"
    );
    page
}

fn sums(page: &mut String, view: &ComparisonView, chain_id: u64) {
    let id = view.merkl_campaign_id.as_deref().unwrap_or("not configured");
    let rows = [
        ("Chain", chain_id.to_string()),
        ("Merkl's campaign", id.to_owned()),
        ("Their figures from", view.source.clone()),
        ("Compared at", view.compared_at.to_string()),
        ("They have computed until", view.computed_until.to_string()),
        ("Scoring configured", view.scoring.to_owned()),
        ("Scoring that fits best", view.best_scoring.to_owned()),
        ("Budget", view.budget_units.to_string()),
        ("Set free by time", view.expected_units.to_string()),
        ("Paid by them", view.paid_units.to_string()),
        ("Not paid yet", view.remainder_units.to_string()),
        ("Ours", view.ours_units.to_string()),
        ("All differences", format!("{} ({} ppm)", view.difference_units, view.difference_ppm)),
        ("Tolerance", format!("{} ppm", view.tolerance_ppm)),
    ];
    page.push_str("<table>");
    for (name, value) in rows {
        let _ = write!(page, "<tr><th>{name}</th><td><code>{}</code></td></tr>", escaped(&value));
    }
    page.push_str("</table>\n");
}

fn findings(page: &mut String, view: &ComparisonView) {
    for alarm in &view.alarms {
        let _ = writeln!(page, "<p class=\"bad\">{}: {}</p>", alarm.alarm, escaped(&alarm.text));
    }
    for gap in &view.gaps {
        let _ = writeln!(page, "<p>{}</p>", escaped(&gap.text));
    }
}

fn accounts(page: &mut String, view: &ComparisonView, rows: &[&AccountRow]) {
    page.push_str(
        "<h2>Accounts</h2>\n<table><tr><th>Account</th><th>Theirs</th><th>For</th><th>Ours</th><th>Theirs less ours</th>\
         <th>ppm</th><th>Reason</th><th>What shows it</th></tr>\n",
    );
    for row in rows {
        let theirs = row.theirs.as_ref();
        let number = |text: Option<String>| text.unwrap_or_else(|| "unknown to them".to_owned());
        let reasons = theirs.map(|theirs| theirs.reasons.iter().cloned().collect::<Vec<_>>().join(", "));
        let by_scoring: Vec<String> =
            row.ours.iter().map(|(scoring, amount)| format!("{}: {amount}", scoring.as_str())).collect();
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td><td>{}</td><td class=\"n\" title=\"{}\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
            row.account.to_checksum(None),
            number(theirs.map(|theirs| theirs.computed.to_string())),
            escaped(&reasons.unwrap_or_default()),
            by_scoring.join("; "),
            ours_of(row, view).unwrap_or_default(),
            row.difference,
            row.difference_ppm.map_or("-".to_owned(), |ppm| ppm.to_string()),
            row.reason.map_or("equal", accrual_rewards::reconcile::Reason::as_str),
            escaped(&row.evidence.as_ref().map(ToString::to_string).unwrap_or_default()),
        );
    }
    page.push_str("</table>\n");
}

fn positions(page: &mut String, explained: &[Explained]) {
    page.push_str("<h2>Positions</h2>\n");
    if explained.is_empty() {
        page.push_str("<p>By us the account has earned with no position.</p>\n");
    }
    for one in explained {
        let _ = writeln!(page, "<h3><code>{}</code></h3>", escaped(&one.position));
        let via: Vec<String> = one.via.iter().map(|address| address.to_checksum(None)).collect();
        let through =
            if via.is_empty() { "held directly".to_owned() } else { format!("through {}", via.join(", ")) };
        let _ = writeln!(page, "<p>{} units earned for the account, {through}.</p>", one.earned_units);
        let Some(timeline) = &one.timeline else {
            page.push_str("<p>Its stretches are left out: the account has many positions.</p>\n");
            continue;
        };
        page.push_str(
            "<table><tr><th>From</th><th>Block</th><th>To</th><th>Block</th><th>State</th><th>Earned by the position</th></tr>\n",
        );
        for stretch in &timeline.stretches {
            let at = |at| Rfc3339(at).to_string();
            let (to, to_block) = match stretch.to {
                Some(to) => (at(to.at), to.block.to_string()),
                None => ("lasts".to_owned(), String::new()),
            };
            let earned = stretch.earned.map_or("paid by the run".to_owned(), |earned| earned.to_string());
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td class=\"n\">{}</td><td>{to}</td><td class=\"n\">{to_block}</td><td>{}</td>\
                 <td class=\"n\">{earned}</td></tr>",
                at(stretch.from.at),
                stretch.from.block,
                stretch.standing.as_str(),
            );
        }
        page.push_str("</table>\n");
    }
}

/// Text inside HTML, in an attribute's quotes as well.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_becomes_markup() {
        let cases = [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\" onload='x' & b", "a&quot; onload=&#39;x&#39; &amp; b"),
            ("plain\u{7}", "plain "),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }
}
