//! What a month costs beyond a plan's price, in whole micro-dollars, and how many calls a spend cap buys.

use std::collections::BTreeMap;

use accrual_rewards::unit::UnixSeconds;

use crate::plan::Plan;

/// The rules of discounts, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    /// Off for who pays in TMAI.
    pub tmai_percent: u32,
    /// Off for who has staked, by the tier's name.
    pub stake_tiers: BTreeMap<String, u32>,
    /// No tier gives more.
    pub rebate_percent_max: u32,
    /// Both together give no more.
    pub discount_percent_max: u32,
}

/// What a client has agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// What it spends at most each month beyond its plan's price, in micro-dollars; none for its plan's own cap.
    pub spend_cap_microusd: Option<u64>,
    /// Whether it pays in TMAI.
    pub pays_in_tmai: bool,
    /// The tier of its stake; empty for none.
    pub stake_tier: String,
}

/// The percentages that a client is given. They add, they do not compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discount {
    /// For paying in TMAI.
    pub tmai_percent: u32,
    /// For staking.
    pub rebate_percent: u32,
    /// Of both, what counts.
    pub percent: u32,
}

/// A month's bill, if it ended now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The plan.
    pub plan: String,
    /// From when on the row is good that was used: with the name it says which row.
    pub plan_valid_from: UnixSeconds,
    /// Calls that count.
    pub calls: u64,
    /// Calls that the plan includes.
    pub included_calls: u64,
    /// Calls beyond those.
    pub overage_calls: u64,
    /// The price of each of those; 0 where the plan has none.
    pub overage_microusd: u64,
    /// Their price before discounts.
    pub gross_microusd: u64,
    /// What is taken off.
    pub discount: Discount,
    /// The same in micro-dollars: rounded up, in the payer's favour.
    pub discount_microusd: u64,
    /// What is left to pay: gross less discount, so rounded down.
    pub due_microusd: u64,
    /// What the client would pay at most.
    pub spend_cap_microusd: u64,
}

impl Billing {
    /// What a client with these terms is given.
    pub fn discount(&self, terms: &Terms) -> Discount {
        let tmai_percent = if terms.pays_in_tmai { self.tmai_percent } else { 0 };
        let tier = self.stake_tiers.get(&terms.stake_tier).copied().unwrap_or(0);
        let rebate_percent = tier.min(self.rebate_percent_max);
        let sum = tmai_percent.saturating_add(rebate_percent);
        // Nobody is paid for calling.
        let percent = sum.min(self.discount_percent_max).min(100);
        Discount { tmai_percent, rebate_percent, percent }
    }

    /// The bill for `calls` calls in a month on the plan's row.
    pub fn invoice(&self, plan: &Plan, terms: &Terms, calls: u64) -> Invoice {
        let overage_calls = calls.saturating_sub(plan.calls_per_month);
        let overage_microusd = plan.overage_microusd.unwrap_or(0);
        let gross_microusd = overage_calls.saturating_mul(overage_microusd);
        let discount = self.discount(terms);
        let due_microusd = due(gross_microusd, discount.percent);
        Invoice {
            plan: plan.name.clone(),
            plan_valid_from: plan.valid_from,
            calls,
            included_calls: plan.calls_per_month,
            overage_calls,
            overage_microusd,
            gross_microusd,
            discount,
            discount_microusd: gross_microusd - due_microusd,
            due_microusd,
            spend_cap_microusd: spend_cap(plan, terms),
        }
    }

    /// The most calls that may be served in a month: those included, and those beyond whose bill is within the cap.
    pub fn calls_max(&self, plan: &Plan, terms: &Terms) -> u64 {
        let Some(price) = plan.overage_microusd else { return plan.calls_per_month };
        let percent = self.discount(terms).percent;
        let bought = calls_within(spend_cap(plan, terms), price, percent);
        // The database counts calls in 63 bits.
        plan.calls_per_month.saturating_add(bought).min(CALLS_MAX)
    }
}

const CALLS_MAX: u64 = i64::MAX.unsigned_abs();

/// What is left of `gross_microusd` after `percent` off, rounded down.
fn due(gross_microusd: u64, percent: u32) -> u64 {
    let kept = u128::from(100 - percent.min(100));
    u64::try_from(u128::from(gross_microusd) * kept / 100).expect("a part is no more than the whole")
}

/// The largest number of calls at `price` each whose [`due`] is at most `cap`.
///
/// `floor(n * price * kept / 100) <= cap` is `n * price * kept < (cap + 1) * 100`.
fn calls_within(cap: u64, price: u64, percent: u32) -> u64 {
    let each = u128::from(price) * u128::from(100 - percent.min(100));
    let below = (u128::from(cap) + 1) * 100;
    match (below - 1).checked_div(each) {
        Some(calls) => u64::try_from(calls).unwrap_or(u64::MAX),
        None => u64::MAX,
    }
}

fn spend_cap(plan: &Plan, terms: &Terms) -> u64 {
    match plan.overage_microusd {
        Some(_) => terms.spend_cap_microusd.unwrap_or(plan.spend_cap_microusd),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::History;
    use crate::scope::Scopes;
    use proptest::prelude::*;

    fn plan(overage_microusd: Option<u64>) -> Plan {
        Plan {
            name: "advanced".to_owned(),
            valid_from: UnixSeconds(7),
            valid_until: None,
            calls_per_month: 20_000,
            calls_per_minute: 60,
            history: History::Months(3),
            overage_microusd,
            spend_cap_microusd: 1_000_000,
            marketplace_name: None,
            features: Scopes::NONE,
        }
    }

    fn billing() -> Billing {
        let tiers = [("bronze", 5), ("gold", 25), ("moon", 60)];
        Billing {
            tmai_percent: 10,
            stake_tiers: tiers.map(|(name, percent)| (name.to_owned(), percent)).into(),
            rebate_percent_max: 25,
            discount_percent_max: 35,
        }
    }

    fn terms(pays_in_tmai: bool, stake_tier: &str) -> Terms {
        Terms { spend_cap_microusd: None, pays_in_tmai, stake_tier: stake_tier.to_owned() }
    }

    #[test]
    fn percentages_add_and_are_capped() {
        let cases = [
            (false, "", (0, 0, 0)),
            (true, "", (10, 0, 10)),
            (false, "bronze", (0, 5, 5)),
            (true, "bronze", (10, 5, 15)),
            (true, "gold", (10, 25, 35)),
            (false, "moon", (0, 25, 25)),
            (true, "moon", (10, 25, 35)),
            (true, "no such tier", (10, 0, 10)),
        ];
        for (tmai, tier, (tmai_percent, rebate_percent, percent)) in cases {
            let expected = Discount { tmai_percent, rebate_percent, percent };
            assert_eq!(billing().discount(&terms(tmai, tier)), expected, "{tmai} {tier}");
        }
        let tight = Billing { discount_percent_max: 34, ..billing() };
        assert_eq!(tight.discount(&terms(true, "gold")).percent, 34);
        let mad = Billing { tmai_percent: u32::MAX, discount_percent_max: u32::MAX, ..billing() };
        assert_eq!(mad.discount(&terms(true, "gold")).percent, 100);
    }

    #[test]
    fn a_bill_is_whole_micro_dollars() {
        // calls, price, tier and TMAI: overage, gross, off, due
        let cases = [
            (19_999, 5_000, "", false, (0, 0, 0, 0)),
            (20_000, 5_000, "", false, (0, 0, 0, 0)),
            (20_001, 5_000, "", false, (1, 5_000, 0, 5_000)),
            (20_010, 5_000, "gold", true, (10, 50_000, 17_500, 32_500)),
            // 10 % of 5 is half a micro-dollar: the payer keeps it.
            (20_005, 1, "", true, (5, 5, 1, 4)),
            (20_001, 3, "gold", true, (1, 3, 2, 1)),
        ];
        for (calls, price, tier, tmai, (overage, gross, off, left)) in cases {
            let invoice = billing().invoice(&plan(Some(price)), &terms(tmai, tier), calls);
            let found = (
                invoice.overage_calls,
                invoice.gross_microusd,
                invoice.discount_microusd,
                invoice.due_microusd,
            );
            assert_eq!(found, (overage, gross, off, left), "{calls} calls at {price}");
            assert_eq!(
                (invoice.calls, invoice.included_calls, invoice.overage_microusd),
                (calls, 20_000, price)
            );
            assert_eq!((invoice.plan.as_str(), invoice.plan_valid_from), ("advanced", UnixSeconds(7)));
        }
        let free = billing().invoice(&plan(None), &terms(true, "gold"), 20_001);
        assert_eq!((free.overage_calls, free.gross_microusd, free.spend_cap_microusd), (1, 0, 0));
    }

    #[test]
    fn a_cap_is_the_clients_own_or_its_plans() {
        let own = |cap| Terms { spend_cap_microusd: Some(cap), ..Terms::default() };
        let cases = [
            (None, own(1_000_000), 20_000, 0),
            (Some(5_000), Terms::default(), 20_200, 1_000_000),
            (Some(5_000), own(0), 20_000, 0),
            (Some(5_000), own(4_999), 20_000, 4_999),
            (Some(5_000), own(5_000), 20_001, 5_000),
            (Some(5_000), own(9_999), 20_001, 9_999),
            (Some(5_000), Terms { pays_in_tmai: true, ..own(9_000) }, 20_002, 9_000),
            (Some(5_000), Terms { pays_in_tmai: true, ..own(8_999) }, 20_001, 8_999),
            (Some(1), own(u64::MAX), CALLS_MAX, u64::MAX),
        ];
        for (price, terms, calls_max, cap) in cases {
            assert_eq!(billing().calls_max(&plan(price), &terms), calls_max, "{price:?} {terms:?}");
            assert_eq!(billing().invoice(&plan(price), &terms, 0).spend_cap_microusd, cap);
        }
        let given_away = Billing { tmai_percent: 100, discount_percent_max: 100, ..billing() };
        assert_eq!(given_away.calls_max(&plan(Some(5)), &terms(true, "")), CALLS_MAX);
    }

    proptest! {
        #[test]
        fn the_cap_buys_exactly_what_it_pays_for(
            cap in 0_u64..1_000_000_000, price in 1_u64..100_000, percent in 0_u32..=99
        ) {
            let calls = calls_within(cap, price, percent);
            prop_assert!(due(calls * price, percent) <= cap);
            prop_assert!(due((calls + 1) * price, percent) > cap);
        }

        #[test]
        fn gross_is_due_and_discount(calls in 0_u64..10_000_000, price in 1_u64..1_000_000, tmai: bool) {
            let invoice = billing().invoice(&plan(Some(price)), &terms(tmai, "bronze"), calls);
            prop_assert_eq!(invoice.gross_microusd, invoice.discount_microusd + invoice.due_microusd);
        }
    }
}
