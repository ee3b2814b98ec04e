//! `accrual compare`: our figures against Merkl's.

use accrual_api::reconciliation::{ComparisonView, RowView};
use accrual_rewards::campaign::Campaign;

use crate::cli::{Compare, CompareFormat};
use crate::failure::{Failure, Outcome};
use crate::reconcile::evidence::{self, Subject};
use crate::reconcile::theirs::Origin;
use crate::reconcile::written::{self, Whole};
use crate::reconcile::{Terms, make};

pub(super) async fn compare(args: Compare) -> Outcome {
    let config = super::load(&args.with.config)?;
    let campaign = config.campaign(&args.campaign).map_err(Failure::usage)?;
    let named = if args.merkl.is_empty() { config.merkl.url.iter().cloned().collect() } else { args.merkl };
    let from = Origin::parse(&named)?;
    let terms = Terms {
        tolerance_ppm: args.tolerance_ppm.unwrap_or(config.merkl.terms.tolerance_ppm),
        ..config.merkl.terms
    };
    let db = super::open_to_write(&config).await?;
    let named: Vec<_> = args.account.into_iter().collect();
    let made = make(&db, &config, campaign, (&from, &named), terms, super::now_ms).await?;
    let view = ComparisonView::of(campaign, &made.kept);
    let all = &made.kept.comparison.rows;
    let rows: Vec<_> =
        all.iter().filter(|row| args.account.is_none_or(|account| row.account == account)).cloned().collect();
    if let (Some(account), true) = (args.account, rows.is_empty()) {
        return Err(Failure::usage(format!(
            "--account {account}: neither side knows it in campaign {}",
            campaign.id
        )));
    }
    let tokens = super::tokens(&config, &db).await?;
    let token = tokens.get(campaign.reward_token);
    match args.format {
        CompareFormat::Table => print!("{}", written::table(&view, &rows, token)),
        CompareFormat::Csv => print!("{}", written::csv(&view, &rows, token)),
        CompareFormat::Json => {
            let data = rows.iter().map(RowView::of).collect();
            println!("{}", serde_json::to_string_pretty(&Whole { comparison: &view, data })?);
        }
        CompareFormat::Html => {
            let scored = Campaign {
                scoring: made.kept.comparison.scoring,
                run_seconds: campaign.run_seconds.or(Some(terms.run_seconds)),
                ..campaign.clone()
            };
            let (pool, until) = (config.pool(campaign), made.ours.at);
            let explained = match args.account {
                Some(account) => {
                    let told = evidence::explained(&db, pool, &scored, &made.ours, account, until).await?;
                    Some((account, told))
                }
                None => None,
            };
            let account = explained.as_ref().map(|(account, told)| (*account, told.as_slice()));
            let subject = Subject {
                view: &view,
                rows: &rows,
                account,
                chain_id: config.chain.id,
                token,
                until,
                notice: config.server.notice.as_deref(),
            };
            print!("{}", evidence::html(&subject));
        }
    }
    db.close().await;
    if view.is_beyond { Err(Failure::Beyond(beyond(&view))) } else { Ok(()) }
}

fn beyond(view: &ComparisonView) -> String {
    let alarms = match view.alarms.len() {
        0 => String::new(),
        1 => ", and an alarm is raised".to_owned(),
        many => format!(", and {many} alarms are raised"),
    };
    format!(
        "campaign {}: {} ppm apart, where {} are tolerated{alarms}",
        view.campaign, view.difference_ppm, view.tolerance_ppm
    )
}
