//! What is held and what trades pay, as tables; rates of campaigns are beside their code.

use accrual_rewards::apr::{
    AprUnknown, Held, TokenPrice, Usd, admitted_holdings, all_holdings, eligible_holdings, fee_percent,
    holdings_in_range, worth,
};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::ledger::Totals;
use accrual_rewards::series::{PoolPoint, points};
use accrual_rewards::unit::UnixSeconds;
use rust_decimal::Decimal;

use crate::small::{ALICE, BOB, CAROL, ONE, Small, campaign, range, units};

const HOUR: u64 = 3600;
const DOLLAR: TokenPrice = Some((6, Decimal::ONE));

/// At the end of an hour: so many whole token0 held, and so many of fees since the beginning.
fn row(hour: u64, held: u64, fees: Option<u64>) -> PoolPoint {
    let small = Small::new(Vec::new(), Vec::new(), 10, 0);
    let mut row = points(&small.tracker, UnixSeconds(hour * HOUR)).unwrap().unwrap().pool;
    row.held = Held(vec![units(held * ONE), units(0)]);
    row.totals =
        Totals { trades: hour, volume_in: Vec::new(), fees: fees.map(|fees| vec![units(fees * ONE)]) };
    row
}

/// Token0 is worth a dollar, and two at the 14th hour.
fn dollars(row: &PoolPoint, held: &Held) -> Option<Usd> {
    let price = if row.at.0 == 14 * HOUR { Some((6, Decimal::TWO)) } else { DOLLAR };
    worth(held, &[price, DOLLAR])
}

#[test]
fn fees_of_a_window() {
    let rows = [
        row(9, 50, None),
        row(10, 100, Some(10)),
        row(11, 100, Some(11)),
        row(12, 300, Some(14)),
        row(13, 0, Some(14)),
        row(14, 100, Some(15)),
        row(16, 100, Some(15)),
    ];
    let cases: [(&str, u64, u64, Result<&str, AprUnknown>); 10] = [
        // 1 USD an hour on 100: 1 % * 8760.
        ("an hour", 11 * HOUR, HOUR, Ok("8760.000000")),
        ("the last full hour", 12 * HOUR - 1, HOUR, Ok("8760.000000")),
        // 4 USD in two hours on the mean of 100 and 300.
        ("two hours", 12 * HOUR, 2 * HOUR, Ok("8760.000000")),
        // 4 in three hours on the mean of 100, 300 and 0: 3 % * 2920.
        ("a quiet hour", 13 * HOUR, 3 * HOUR, Ok("8760.000000")),
        // 3 on 300, 0 on 0 and 1 on 100, the last at two dollars: 5 in three hours on 500 / 3.
        ("each hour by its own prices", 14 * HOUR, 3 * HOUR, Ok("8760.000000")),
        ("a fee that is not known", 10 * HOUR, HOUR, Err(AprUnknown::FeesUnknown)),
        ("before the rows", 9 * HOUR, HOUR, Err(AprUnknown::WindowNotCovered)),
        ("a missing hour", 16 * HOUR, HOUR, Err(AprUnknown::WindowNotCovered)),
        ("no whole hour", 12 * HOUR, HOUR - 1, Err(AprUnknown::WindowNotCovered)),
        ("nothing held", 13 * HOUR, HOUR, Err(AprUnknown::NothingHeld)),
    ];
    for (name, at, window, expected) in cases {
        let told = fee_percent(&rows, UnixSeconds(at), window, dollars).map(|percent| percent.to_string());
        assert_eq!(told, expected.map(str::to_owned), "{name}");
    }
    let unpriced = fee_percent(&rows, UnixSeconds(11 * HOUR), HOUR, |_, _| None);
    assert_eq!(unpriced, Err(AprUnknown::NoPrice));
}

#[test]
fn who_is_counted() {
    let basic = Campaign { blacklist: [CAROL].into(), ..campaign(0, 1000) };
    let everywhere = Campaign { out_of_range: true, ..basic.clone() };
    for (campaign, out_of_range) in [(basic, false), (everywhere, true)] {
        let mut small = Small::new(vec![campaign.clone()], Vec::new(), 10, 0);
        let one = |owner, range| {
            let mut alone = Small::new(Vec::new(), Vec::new(), 10, 0);
            alone.add(owner, range, 1_000_000);
            all_holdings(alone.tracker.ledger())
        };
        let places = [(ALICE, range(-600, 600)), (BOB, range(600, 1200)), (CAROL, range(-60, 60))];
        for (owner, range) in places {
            small.add(owner, range, 1_000_000);
        }
        let [alice, bob, carol] = places.map(|(owner, range)| one(owner, range));
        let accrual = &small.tracker.campaigns()[0];
        let admitted = alice.clone().plus(bob.clone());
        assert_eq!(all_holdings(small.tracker.ledger()), admitted.clone().plus(carol.clone()));
        assert_eq!(holdings_in_range(small.tracker.ledger()), alice.clone().plus(carol));
        assert_eq!(admitted_holdings(&small.tracker, accrual), admitted);
        assert_eq!(eligible_holdings(&small.tracker, accrual), if out_of_range { admitted } else { alice });
    }
}
