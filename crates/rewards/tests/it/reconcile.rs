//! Our figures against Merkl's: each way in which they can differ is made, found, named and measured to the unit, and
//! nothing else is reported.

mod beside;
mod files;
mod recorded;
mod story;

use std::collections::BTreeMap;

use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::reconcile::schedule::Seen;
use accrual_rewards::reconcile::{Alarm, Comparison, Evidence, Reason, Whose, difference};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, U256};
use proptest::prelude::*;

use crate::small::{ALICE, BOB, CAROL, units};
use story::{DAVE, END, EVE, LAST_TRADE, STRANGER, Story, TINY, VAULT, campaign, overridden};

/// Their rows, by account.
type Rows = BTreeMap<Address, Amount>;

/// Those that differ: account, theirs less ours, reason.
fn differing(comparison: &Comparison) -> BTreeMap<Address, (String, Option<Reason>)> {
    let rows = comparison.rows.iter().filter(|row| row.difference.magnitude() > Amount::ZERO);
    rows.map(|row| (row.account, (row.difference.to_string(), row.reason))).collect()
}

/// What a disturbance makes of their rows, by hand: account by account.
fn expected(
    before: &Rows,
    after: &Rows,
    reasons: &[(Address, Reason)],
) -> BTreeMap<Address, (String, Option<Reason>)> {
    let of = |rows: &Rows, account| rows.get(&account).copied().unwrap_or_default();
    let row = |&(account, reason): &(Address, Reason)| {
        (account, (difference(of(after, account), of(before, account)).to_string(), Some(reason)))
    };
    reasons.iter().map(row).collect()
}

#[test]
fn undisturbed_nothing_is_reported_under_any_scoring() {
    let story = Story::play(campaign());
    for scoring in [Scoring::PerBlock, Scoring::TimeWeighted] {
        let comparison = story.compare(&story.rows(scoring, END), END, |_| {});
        assert_eq!(comparison.scoring, scoring);
        assert_eq!(differing(&comparison), BTreeMap::new(), "{scoring:?}");
        assert!(comparison.rows.iter().all(|row| row.reason.is_none() && row.difference_ppm == Some(0)));
        assert!(comparison.alarms.is_empty() && !comparison.is_beyond);
        assert_eq!(comparison.fits[0].difference, Amount::ZERO);
        assert!(comparison.fits[1].difference > Amount::ZERO, "the story tells the scorings apart");
    }
}

#[test]
fn each_disturbance_is_named_and_measured() {
    let story = Story::play(campaign());
    let ours = story.rows(Scoring::PerBlock, END);
    let margin = ours.values().fold(Amount::ZERO, |sum, one| sum.checked_add(*one).unwrap());
    assert!(margin > units(1_000_000_000), "so that a billionth is a unit");
    let case = |change: &dyn Fn(&mut Rows)| {
        let mut rows = ours.clone();
        change(&mut rows);
        rows
    };
    let through_vault = [ALICE, DAVE].map(|account| story.through_vault(account));
    let vault_sum = through_vault[0].checked_add(through_vault[1]).unwrap();
    let minus = |amount: Amount, less: Amount| amount.checked_sub(less).unwrap();
    type Case<'a> = (&'a str, Rows, &'a [(Address, Reason)]);
    let cases: [Case<'_>; 8] = [
        (
            "a vault is paid itself",
            case(&|rows| {
                rows.insert(VAULT, vault_sum);
                rows.insert(ALICE, minus(ours[&ALICE], through_vault[0]));
                rows.remove(&DAVE);
            }),
            &[
                (VAULT, Reason::ForwarderMissed),
                (ALICE, Reason::ForwarderMissed),
                (DAVE, Reason::ForwarderMissed),
            ],
        ),
        (
            "a large one is missing",
            case(&|rows| {
                rows.remove(&BOB);
            }),
            &[(BOB, Reason::MissingInTheirs)],
        ),
        (
            "a stranger is paid",
            case(&|rows| {
                rows.insert(STRANGER, units(77_000));
            }),
            &[(STRANGER, Reason::MissingInOurs)],
        ),
        (
            "one whom we leave out is paid beside the others",
            case(&|rows| {
                rows.insert(EVE, units(5_000));
            }),
            &[(EVE, Reason::Excluded)],
        ),
        (
            "dust is left out",
            case(&|rows| {
                rows.remove(&TINY);
            }),
            &[(TINY, Reason::DustFilter)],
        ),
        (
            "the last digit",
            case(&|rows| {
                rows.insert(BOB, minus(ours[&BOB], units(1)));
            }),
            &[(BOB, Reason::Rounding)],
        ),
        (
            "something else",
            case(&|rows| {
                rows.insert(CAROL, minus(ours[&CAROL], units(1_234_567)));
            }),
            &[(CAROL, Reason::Unexplained)],
        ),
        (
            "two at once",
            case(&|rows| {
                rows.remove(&TINY);
                rows.insert(STRANGER, units(9));
            }),
            &[(TINY, Reason::DustFilter), (STRANGER, Reason::MissingInOurs)],
        ),
    ];
    for (name, rows, reasons) in cases {
        let comparison = story.compare(&rows, END, |_| {});
        assert_eq!(comparison.scoring, Scoring::PerBlock, "{name}");
        assert_eq!(differing(&comparison), expected(&ours, &rows, reasons), "{name}");
        for row in comparison.rows.iter().filter(|row| row.reason.is_some()) {
            let evidence = row.evidence.as_ref().expect(name).to_string();
            assert!(evidence.len() > 10, "{name}: {evidence}");
        }
    }
}

#[test]
fn who_is_left_out_changes_the_others_too() {
    let story = Story::play(campaign());
    let ours = story.rows(Scoring::PerBlock, END);
    let without_bob = story.rows_of(
        |campaign| {
            campaign.blacklist.insert(BOB);
        },
        END,
    );
    let others = [ALICE, CAROL, DAVE];
    let all = |reason| others.iter().copied().chain([BOB]).map(|one| (one, reason)).collect::<Vec<_>>();

    let said = story.compare(&without_bob, END, |theirs| {
        theirs.blacklist.insert(BOB);
    });
    let mut shown = differing(&said);
    shown.retain(|account, _| *account != TINY);
    assert_eq!(shown, expected(&ours, &without_bob, &all(Reason::Excluded)));
    let by = |comparison: &Comparison| {
        comparison.rows.iter().find(|row| row.account == BOB).unwrap().evidence.clone().unwrap()
    };
    assert_eq!(by(&said), Evidence::LeftOut { by: Whose::Theirs });

    let unsaid = story.compare(&without_bob, END, |_| {});
    assert_eq!(by(&unsaid), Evidence::LeftOut { by: Whose::TheirsUnsaid });
    let mut shown = differing(&unsaid);
    shown.retain(|account, _| *account != TINY);
    assert_eq!(shown, expected(&ours, &without_bob, &all(Reason::Excluded)));

    let with_eve = story.rows_of(|campaign| campaign.blacklist.clear(), END);
    let let_in = story.compare(&with_eve, END, |_| {});
    let mut shown = differing(&let_in);
    shown.retain(|account, _| *account != TINY);
    let reasons: Vec<_> = [ALICE, BOB, CAROL, DAVE, EVE].map(|account| (account, Reason::Excluded)).to_vec();
    assert_eq!(shown, expected(&ours, &with_eve, &reasons));
}

#[test]
fn another_instant_is_a_gap_or_an_edge() {
    let story = Story::play(campaign());
    let ours = story.rows(Scoring::PerBlock, END);
    for (paid_until, reason) in [
        (LAST_TRADE + 150, Reason::IdleGap),
        (LAST_TRADE - 60, Reason::RunEdge),
        (END + 100, Reason::RunEdge),
    ] {
        let theirs = story.rows(Scoring::PerBlock, paid_until);
        let comparison = story.compare(&theirs, END, |_| {});
        let reasons: Vec<_> = [ALICE, BOB, CAROL, DAVE].map(|account| (account, reason)).to_vec();
        let mut shown = differing(&comparison);
        shown.retain(|account, _| *account != TINY);
        let mut hand = expected(&ours, &theirs, &reasons);
        hand.retain(|_, (difference, _)| difference != "0");
        assert_eq!(shown, hand, "{paid_until}");
        let above = comparison.alarms.iter().any(|alarm| matches!(alarm, Alarm::AboveSchedule { .. }));
        assert_eq!(above, paid_until > END, "{paid_until}");
    }
}

#[test]
fn an_override_that_they_do_not_count() {
    let story = Story::play(overridden());
    let ours = story.rows(Scoring::PerBlock, END);
    let theirs = story.rows_of(|campaign| campaign.versions.clear(), END);
    let comparison = story.compare(&theirs, END, |_| {});
    let reasons: Vec<_> =
        [ALICE, BOB, CAROL, DAVE].map(|account| (account, Reason::OverrideInWindow)).to_vec();
    let mut shown = differing(&comparison);
    shown.retain(|account, _| *account != TINY);
    assert_eq!(shown, expected(&ours, &theirs, &reasons));
}

#[test]
fn what_must_not_be_is_an_alarm() {
    let story = Story::play(campaign());
    let ours = story.rows(Scoring::PerBlock, END);
    let mut question = story.question(&ours, END);
    question.theirs.budget = Some(units(5));
    question.earlier = BTreeMap::from([(BOB, ours[&BOB].checked_add(units(1)).unwrap()), (CAROL, units(3))]);
    let comparison = question.compare();
    let fell = Alarm::LeafFell {
        account: BOB,
        before: ours[&BOB].checked_add(units(1)).unwrap(),
        after: ours[&BOB],
    };
    let budget = Alarm::BudgetDiffers { theirs: units(5), ours: campaign().budget };
    assert_eq!(comparison.alarms, [budget, fell]);
    assert!(comparison.is_beyond, "an alarm is beyond any tolerance");
    assert_eq!(differing(&comparison), BTreeMap::new());
}

#[test]
fn the_tolerance_is_held_to_the_unit() {
    let story = Story::play(campaign());
    let ours = story.rows(Scoring::PerBlock, END);
    let total = ours.values().fold(U256::ZERO, |sum, one| sum + one.0);
    let most = total / U256::from(1_000);
    for (missing, is_beyond) in [(most, false), (most + U256::ONE, true)] {
        let mut rows = ours.clone();
        rows.get_mut(&BOB).unwrap().0 -= missing;
        assert_eq!(story.compare(&rows, END, |_| {}).is_beyond, is_beyond, "{missing}");
    }
}

#[test]
fn runs_are_held_against_time() {
    use accrual_rewards::reconcile::schedule::{RunKind, gaps, runs};
    let campaign: Campaign = campaign();
    let paid = |until: u64| campaign.emitted(UnixSeconds(until));
    let seen = |until: u64, paid: Amount| Seen { until: UnixSeconds(until), paid };
    let list = [
        seen(1_200, paid(1_200)),
        seen(1_300, paid(1_300)),
        seen(1_400, paid(1_300)),
        seen(1_500, paid(1_300)),
        seen(1_600, paid(1_600)),
        seen(1_700, paid(1_680)),
        seen(1_800, paid(1_900)),
        seen(1_900, paid(1_850)),
    ];
    let runs = runs(&campaign, &list);
    let kinds: Vec<&str> = runs.iter().map(|run| run.kind.as_str()).collect();
    assert_eq!(kinds, ["on_time", "stood_still", "stood_still", "caught_up", "short", "above", "fell"]);
    assert_eq!(runs[3].catch_up_ppm(), Some(3_000_000));
    assert!(runs.iter().all(|run| run.kind != RunKind::OnTime || run.paid == run.expected));
    let gaps = gaps(&runs);
    assert_eq!(gaps.len(), 1);
    assert_eq!(
        (gaps[0].from, gaps[0].until, gaps[0].paid_at),
        (UnixSeconds(1_300), UnixSeconds(1_500), Some(UnixSeconds(1_600)))
    );
    assert_eq!(gaps[0].waited, paid(1_500).checked_sub(paid(1_300)).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever they say: differences add up to what was paid less ours, rows are every account of either side once, an
    /// equal account has no reason and every other one has.
    #[test]
    fn sums_and_reasons_hold(changes in proptest::collection::vec((0_u8..9, any::<u64>(), any::<bool>()), 0..9)) {
        let story = Story::shared();
        let mut rows = story.rows(Scoring::PerBlock, END);
        let all = [ALICE, BOB, CAROL, DAVE, EVE, TINY, STRANGER, VAULT, Address::repeat_byte(0x77)];
        for (who, amount, drop) in changes {
            let account = all[usize::from(who)];
            if drop { rows.remove(&account); } else { rows.insert(account, units(amount)); }
        }
        let comparison = story.compare(&rows, END, |_| {});
        let mut sum = alloy_primitives::I256::ZERO;
        let mut seen = std::collections::BTreeSet::new();
        for row in &comparison.rows {
            sum += row.difference.0;
            prop_assert!(seen.insert(row.account));
            let equal = row.difference.magnitude() == Amount::ZERO;
            prop_assert_eq!(row.reason.is_none(), equal);
            prop_assert_eq!(row.evidence.is_none(), equal);
        }
        let apart = difference(comparison.money.paid, comparison.money.ours);
        prop_assert_eq!(sum, apart.0);
        let magnitudes = comparison.rows.iter().map(|row| row.difference.magnitude());
        let total = magnitudes.fold(Amount::ZERO, |sum, one| sum.checked_add(one).unwrap());
        prop_assert_eq!(total, comparison.fits[0].difference);
        let money = comparison.money;
        prop_assert!(money.remainder == money.expected.checked_sub(money.paid).unwrap_or_default());
    }
}
