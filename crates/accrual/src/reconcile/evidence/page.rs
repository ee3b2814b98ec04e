//! Puts the page together: what it comes to, how it was compared, why it differs, and every stretch with its blocks.

use std::fmt::Write;

use accrual_api::Token;
use accrual_api::reconciliation::{ComparisonView, by_reason};
use accrual_api::view::Rfc3339;
use accrual_rewards::reconcile::{AccountRow, Reason};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;

use super::Explained;
use super::parts::{Money, bars, card, columns, end_of_table, escaped, facts, line, spoken};
use crate::reconcile::written::ours_of;

const STYLE: &str = include_str!("style.css");

/// What the page is about.
pub(crate) struct Subject<'a> {
    pub(crate) view: &'a ComparisonView,
    /// The rows of the comparison, or the one of the account.
    pub(crate) rows: &'a [AccountRow],
    /// One account with its positions; `None` for all accounts.
    pub(crate) account: Option<(Address, &'a [Explained])>,
    pub(crate) chain_id: u64,
    pub(crate) token: Option<&'a Token>,
    /// As of when ours is.
    pub(crate) until: UnixSeconds,
    /// What the operator wants every reader to know.
    pub(crate) notice: Option<&'a str>,
}

/// The page: all rows, or one account's evidence.
pub(crate) fn html(subject: &Subject<'_>) -> String {
    let Subject { view, rows, account, token, .. } = *subject;
    let money = Money { token };
    let title = match account {
        Some((account, _)) => format!("{} in {}", account.to_checksum(None), view.campaign),
        None => format!("Campaign {}", view.campaign),
    };
    let title = escaped(&title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}: ours against Merkl's</title><style>\n{STYLE}</style></head><body>\n\
         <p class=\"eyebrow\">Ours against Merkl's</p>\n"
    );
    let verdict = if view.is_beyond { ("bad", "beyond tolerance") } else { ("good", "within tolerance") };
    let heading = match account {
        Some((account, _)) => format!("<span class=\"mono\">{}</span>", account.to_checksum(None)),
        None => escaped(&view.campaign),
    };
    let _ = writeln!(
        page,
        "<h1>{heading}</h1>\n<p class=\"quiet\">Campaign {}, as of {} <span class=\"chip {}\">{}</span></p>",
        escaped(&view.campaign),
        view.computed_until,
        verdict.0,
        verdict.1,
    );
    if let Some(notice) = subject.notice {
        let _ = writeln!(page, "<p class=\"notice\">{}</p>", escaped(notice));
    }
    for alarm in &view.alarms {
        let _ = writeln!(page, "<p class=\"alarm\">{}: {}</p>", spoken(alarm.alarm), escaped(&alarm.text));
    }
    match (account, rows) {
        (Some((_, explained)), [row]) => one(&mut page, subject, money, row, explained),
        _ => all(&mut page, subject, money),
    }
    how(&mut page, subject, money);
    foot(&mut page, subject);
    page.push_str("</body></html>\n");
    page
}

/// One account: what it comes to, why, run by run, and position by position.
fn one(
    page: &mut String,
    subject: &Subject<'_>,
    money: Money<'_>,
    row: &AccountRow,
    explained: &[Explained],
) {
    let view = subject.view;
    let theirs = row.theirs.as_ref().map(|theirs| theirs.computed);
    let ours = ours_of(row, view).unwrap_or_default();
    let symbol = money.symbol();
    page.push_str("<div class=\"cards\">");
    let shown = theirs.map_or("unknown to them".to_owned(), |theirs| money.brief(theirs));
    card(page, "Merkl credits", &shown, &symbol, theirs.map(|theirs| theirs.to_string()));
    card(page, "By the chain", &money.brief(ours), &symbol, Some(ours.to_string()));
    let ppm = match row.difference_ppm {
        Some(0) => "equal to the unit".to_owned(),
        Some(ppm) => format!("{symbol}, {ppm} ppm of ours"),
        None => format!("{symbol}; ours is nothing"),
    };
    card(
        page,
        "Theirs less ours",
        &money.signed_brief(row.difference),
        &ppm,
        Some(row.difference.to_string()),
    );
    page.push_str("</div>\n");
    bars(page, [("Merkl", "theirs", theirs.unwrap_or_default()), ("Chain", "ours", ours)]);
    page.push_str("<h2>Why</h2>\n");
    let reason = row.reason.map_or("equal", Reason::as_str);
    let text = row.evidence.as_ref().map(ToString::to_string);
    let _ = writeln!(
        page,
        "<p><span class=\"chip\">{}</span> {}</p>",
        spoken(reason),
        escaped(&text.unwrap_or_else(|| "both sides come to the same, to the unit".to_owned()))
    );
    told(page, money, row);
    by_scoring(page, subject, money, row);
    runs(page, money, row);
    positions(page, subject, money, explained);
}

/// What they say of the account, part by part.
fn told(page: &mut String, money: Money<'_>, row: &AccountRow) {
    let Some(theirs) = &row.theirs else { return };
    let reasons: Vec<String> = theirs.reasons.iter().cloned().collect();
    let claimed = theirs.claimed.map_or("they do not say".to_owned(), |claimed| money.amount(claimed));
    facts(
        page,
        &[
            ("In their newest root", money.amount(theirs.amount)),
            ("Drawn of it", claimed),
            ("Computed since", money.amount(theirs.pending)),
            ("Credited for", reasons.join(", ")),
        ],
    );
}

fn by_scoring(page: &mut String, subject: &Subject<'_>, money: Money<'_>, row: &AccountRow) {
    page.push_str("<h2>By every scoring</h2>\n");
    columns(page, &["Scoring", "By the chain#", "All accounts apart#", ""]);
    for (scoring, amount) in &row.ours {
        let fit = subject.view.fits.iter().find(|fit| fit.scoring == scoring.as_str());
        let apart = fit.map_or("unknown".to_owned(), |fit| format!("{} ppm", fit.difference_ppm));
        let mark = match scoring.as_str() {
            name if name == subject.view.best_scoring => "fits their figures best",
            name if name == subject.view.scoring => "configured",
            _ => "",
        };
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{apart}</td><td class=\"quiet\">{mark}</td></tr>",
            spoken(scoring.as_str()),
            money.amount(*amount),
        );
    }
    end_of_table(page);
}

fn runs(page: &mut String, money: Money<'_>, row: &AccountRow) {
    if row.runs.is_empty() {
        return;
    }
    page.push_str("<h2>In which runs</h2>\n<p>Runs in which both sides agree are left out.</p>\n");
    columns(page, &["From", "To", "They credited#", "It earned#", "Theirs less ours#"]);
    for run in &row.runs {
        let _ = writeln!(
            page,
            "<tr><td class=\"when\">{}</td><td class=\"when\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            Rfc3339(run.from),
            Rfc3339(run.until),
            money.signed(run.theirs),
            money.signed(run.ours),
            money.signed(run.difference),
        );
    }
    end_of_table(page);
}

fn positions(page: &mut String, subject: &Subject<'_>, money: Money<'_>, explained: &[Explained]) {
    page.push_str("<h2>Positions, stretch by stretch</h2>\n");
    if explained.is_empty() {
        page.push_str("<p>By the chain the account has earned with no position.</p>\n");
    }
    for one in explained {
        let _ = writeln!(page, "<h3 class=\"mono\">{}</h3>", escaped(&one.position));
        let via: Vec<String> = one.via.iter().map(|address| address.to_checksum(None)).collect();
        let through =
            if via.is_empty() { "held directly".to_owned() } else { format!("through {}", via.join(", ")) };
        let _ = writeln!(
            page,
            "<p>{} {} earned for the account <span class=\"units\">({} units)</span>, {through}.</p>",
            money.amount(one.earned),
            money.symbol(),
            one.earned
        );
        let Some(timeline) = &one.timeline else {
            page.push_str("<p>Its stretches are left out: the account has many positions.</p>\n");
            continue;
        };
        line(page, timeline, subject.until);
        columns(page, &["From", "Block#", "To", "Block#", "State", "Earned by the position#"]);
        for stretch in &timeline.stretches {
            let (to, to_block) = match stretch.to {
                Some(to) => (Rfc3339(to.at).to_string(), to.block.to_string()),
                None => ("lasts".to_owned(), String::new()),
            };
            let earned = stretch.earned.map_or("paid by the run".to_owned(), |earned| money.amount(earned));
            let _ = writeln!(
                page,
                "<tr><td class=\"when\">{}</td><td class=\"n\">{}</td><td class=\"when\">{to}</td><td class=\"n\">{to_block}</td>\
                 <td>{}</td><td class=\"n\">{earned}</td></tr>",
                Rfc3339(stretch.from.at),
                stretch.from.block,
                spoken(stretch.standing.as_str()),
            );
        }
        end_of_table(page);
    }
}

/// All accounts: what it comes to, by reason, and a row each.
fn all(page: &mut String, subject: &Subject<'_>, money: Money<'_>) {
    let Subject { view, rows, .. } = *subject;
    let symbol = money.symbol();
    page.push_str("<div class=\"cards\">");
    card(page, "Merkl paid", &money.brief(view.paid_units), &symbol, Some(view.paid_units.to_string()));
    card(page, "By the chain", &money.brief(view.ours_units), &symbol, Some(view.ours_units.to_string()));
    let apart = format!("{symbol}, {} ppm; {} are tolerated", view.difference_ppm, view.tolerance_ppm);
    let difference = view.difference_units;
    card(page, "All differences", &money.brief(difference), &apart, Some(difference.to_string()));
    page.push_str("</div>\n");
    bars(page, [("Merkl", "theirs", view.paid_units), ("Chain", "ours", view.ours_units)]);
    let reasons = by_reason(rows);
    if !reasons.is_empty() {
        page.push_str("<h2>By reason</h2>\n");
        columns(page, &["Reason", "Accounts#", "Differences#"]);
        for (reason, sum) in reasons {
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                spoken(reason),
                sum.accounts_count,
                money.amount(sum.difference_units)
            );
        }
        end_of_table(page);
    }
    page.push_str("<h2>Accounts</h2>\n");
    columns(page, &["Account", "Theirs#", "By the chain#", "Theirs less ours#", "ppm#", "Why"]);
    for row in rows {
        account(page, view, money, row);
    }
    end_of_table(page);
}

fn account(page: &mut String, view: &ComparisonView, money: Money<'_>, row: &AccountRow) {
    let theirs = row.theirs.as_ref().map(|theirs| money.amount(theirs.computed));
    let evidence = row.evidence.as_ref().map(ToString::to_string).unwrap_or_default();
    let reasons = row.theirs.iter().flat_map(|theirs| theirs.reasons.iter().cloned()).collect::<Vec<_>>();
    let _ = writeln!(
        page,
        "<tr><td class=\"mono\">{}<div class=\"units\">{}</div></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td>{}<div class=\"units\">{}</div></td></tr>",
        row.account.to_checksum(None),
        escaped(&reasons.join(", ")),
        theirs.unwrap_or_else(|| "unknown to them".to_owned()),
        money.amount(ours_of(row, view).unwrap_or_default()),
        money.signed(row.difference),
        row.difference_ppm.map_or("-".to_owned(), |ppm| ppm.to_string()),
        spoken(row.reason.map_or("equal", Reason::as_str)),
        escaped(&evidence),
    );
}

/// How it was compared: everything that is needed to do it again.
fn how(page: &mut String, subject: &Subject<'_>, money: Money<'_>) {
    let view = subject.view;
    page.push_str("<h2>How it was compared</h2>\n");
    for gap in &view.gaps {
        let _ = writeln!(page, "<p>{}</p>", escaped(&gap.text));
    }
    let with_symbol = |units: Amount| format!("{} {}", money.amount(units), money.symbol());
    let id = view.merkl_campaign_id.as_deref().unwrap_or("not configured");
    facts(
        page,
        &[
            ("Chain", subject.chain_id.to_string()),
            ("Merkl's campaign", id.to_owned()),
            ("Their figures from", view.source.clone()),
            ("Compared at", view.compared_at.to_string()),
            ("They have computed until", view.computed_until.to_string()),
            ("Ours is as of", Rfc3339(subject.until).to_string()),
            ("Scoring configured", spoken(view.scoring)),
            ("Scoring that fits best", spoken(view.best_scoring)),
            ("Budget", with_symbol(view.budget_units)),
            ("Set free by time", with_symbol(view.expected_units)),
            ("Paid by them", with_symbol(view.paid_units)),
            ("Not paid yet", with_symbol(view.remainder_units)),
            ("By the chain", with_symbol(view.ours_units)),
            (
                "All differences",
                format!("{} ({} ppm)", with_symbol(view.difference_units), view.difference_ppm),
            ),
            ("Tolerance", format!("{} ppm", view.tolerance_ppm)),
            ("Comparison", view.comparison.clone()),
        ],
    );
}

fn foot(page: &mut String, subject: &Subject<'_>) {
    let again = match (&subject.view.reading, subject.account) {
        (Some(reading), Some((account, _))) => format!(
            "<p>The answers that this was made from are kept word for word. To make it again: <code>accrual compare --campaign {} \
             --merkl kept:{} --account {account} --format html</code></p>",
            escaped(&subject.view.campaign),
            escaped(reading)
        ),
        _ => String::new(),
    };
    let _ = writeln!(
        page,
        "<footer><p>Amounts are whole tokens with every digit, or smallest units where it says so; times are in UTC. What stands \
         under <em>by the chain</em> is computed from the chain's logs alone, block by block; a stretch names the block that began \
         it and the block that ended it.</p>{again}</footer>"
    );
}
