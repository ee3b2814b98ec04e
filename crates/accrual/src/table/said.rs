//! What was announced, in a few lines that explain themselves.

use std::fmt::Write;

use accrual_api::announced::{AnnouncedView, TogetherView};
use accrual_rewards::unit::Amount;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::figures::cut;

pub(super) fn said(view: &AnnouncedView, decimals: u8, symbol: &str) -> String {
    let mut text = String::new();
    let whole = |units: Amount| cut(units, decimals, 0);
    let mut told = Vec::new();
    if let Some(budget) = view.budget_units {
        told.push(format!("{} {symbol}", whole(budget)));
    }
    let figures =
        [("worth", view.budget_usd, "USD"), ("TVL", view.tvl_usd, "USD"), ("APR", view.apr_percent, "%")];
    for (name, figure, unit) in figures {
        if let Some(figure) = figure {
            told.push(format!("{name} {figure} {unit}"));
        }
    }
    let _ = writeln!(text, "announced      {}", told.join(", "));
    if view.budget_differs == Some(true) {
        let _ = writeln!(text, "               the budget above is another than was announced");
    }
    if let (Some(announced), Some(implied)) = (view.apr_percent, view.implied_apr_percent) {
        let implied = percent(implied);
        let _ = writeln!(
            text,
            "               that budget over that TVL is {implied} % a year, where {announced} % were announced"
        );
    }
    if let Some(price) = view.implied_price_usd {
        let _ = writeln!(text, "               its worth makes {price} USD for one {symbol}");
    }
    if let Some(together) = &view.together {
        all(&mut text, together, decimals, symbol);
    }
    text
}

fn all(text: &mut String, view: &TogetherView, decimals: u8, symbol: &str) {
    let whole = |units: Amount| cut(units, decimals, 0);
    let parts: Vec<String> = view.campaigns.iter().filter_map(|part| part.budget_units).map(whole).collect();
    let _ =
        writeln!(text, "together       {} = {} {symbol}", parts.join(" + "), whole(view.budgets_sum_units));
    if view.fee_of_deposit_ppm > 0 {
        let fee = Decimal::from(view.fee_of_deposit_ppm) / Decimal::from(10_000);
        let total = view
            .total_units
            .map_or(String::new(), |total| format!("; announced were {} or more", whole(total)));
        let _ = writeln!(
            text,
            "               which is {} deposited less Merkl's {} %{total}",
            whole(view.deposit_units),
            fee.normalize()
        );
    }
    for part in &view.campaigns {
        let Some(implied) = part.implied_apr_percent else { continue };
        let said = part.apr_percent.map_or("nothing".to_owned(), |percent| format!("{percent} %"));
        let _ = writeln!(
            text,
            "               {}: {} % by its own figures, {said} announced",
            part.name,
            percent(implied)
        );
    }
}

/// Whole per cents.
fn percent(percent: Decimal) -> Decimal {
    percent.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use accrual_api::announced::PartView;

    /// The lines of June 2025: both sums that do not come out by themselves are explained.
    const JUNE: &str = "\
announced      16,790,000 TMAI, worth 11000 USD, TVL 86400 USD, APR 150 %
               that budget over that TVL is 332 % a year, where 150 % were announced
               its worth makes 0.000655 USD for one TMAI
together       16,790,000 + 14,920,000 + 5,600,000 = 37,310,000 TMAI
               which is 38,463,917 deposited less Merkl's 3 %; announced were 38,000,000 or more
               weth-tmai-2025-06: 332 % by its own figures, 150 % announced
               Uniswap v3 USDC-TMAI: 1284 % by its own figures, 200 % announced
               Balancer 95/5 WETH-TMAI: 1015 % by its own figures, 200 % announced
";

    #[test]
    fn the_configuration_that_ships_says_what_was_published_and_explains_it() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/tmai-2025-06.toml");
        let config = crate::config::Config::load(path.as_ref()).unwrap();
        let campaign = &config.campaigns[0];
        let token = config.tokens.iter().find(|token| token.address == campaign.reward_token).unwrap();
        let followed = config.campaigns.iter().filter_map(|one| Some((one, config.announced.get(&one.id)?)));
        let (own, all) = (&config.announced[&campaign.id], config.announcement.as_ref());
        let view = AnnouncedView::new(campaign, own, Some(token.decimals), all, followed);
        assert_eq!(view.budget_differs, Some(false));
        assert_eq!(said(&view, token.decimals, &token.symbol), JUNE);
    }

    #[test]
    fn the_lines_explain_themselves() {
        let units = |millions: u64| -> Option<Amount> {
            Some(format!("{millions}0000000000000000000000").parse().unwrap())
        };
        let part = |name: &str, budget: u64, said: u32, implied: &str| PartView {
            name: name.to_owned(),
            is_followed: false,
            budget_units: units(budget),
            apr_percent: Some(said.into()),
            implied_apr_percent: Some(implied.parse().unwrap()),
        };
        let view = AnnouncedView {
            budget_units: units(1679),
            budget_usd: Some(11_000.into()),
            apr_percent: Some(150.into()),
            tvl_usd: Some(86_400.into()),
            price_usd: None,
            source: None,
            implied_apr_percent: Some("331.93".parse().unwrap()),
            implied_price_usd: Some("0.000655".parse().unwrap()),
            budget_differs: Some(false),
            together: Some(TogetherView {
                total_units: units(3800),
                budgets_sum_units: units(3731).unwrap(),
                deposit_units: "38463917525773195876288659".parse().unwrap(),
                fee_of_deposit_ppm: 30_000,
                campaigns: vec![
                    part("a", 1679, 150, "331.93"),
                    part("b", 1492, 200, "1283.92"),
                    part("c", 560, 200, "1015.41"),
                ],
            }),
        };
        let expected = "\
announced      16,790,000 TMAI, worth 11000 USD, TVL 86400 USD, APR 150 %
               that budget over that TVL is 332 % a year, where 150 % were announced
               its worth makes 0.000655 USD for one TMAI
together       16,790,000 + 14,920,000 + 5,600,000 = 37,310,000 TMAI
               which is 38,463,917 deposited less Merkl's 3 %; announced were 38,000,000 or more
               a: 332 % by its own figures, 150 % announced
               b: 1284 % by its own figures, 200 % announced
               c: 1015 % by its own figures, 200 % announced
";
        assert_eq!(said(&view, 18, "TMAI"), expected);
    }
}
