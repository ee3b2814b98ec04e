//! What Merkl says of itself: what contradicts is an alarm, what may be a lag is none.

use std::collections::BTreeMap;

use accrual_rewards::campaign::Scoring;
use accrual_rewards::distributor::{TreeEvent, Trees};
use accrual_rewards::reconcile::beside::{
    Beside, ChainRoots, RootsVerdict, TheirRoots, TheirUser, UserToken,
};
use accrual_rewards::reconcile::{Alarm, Bound, Comparison, Ours, by_run};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use alloy_primitives::{Address, B256, I256};

use super::story::{END, Story, campaign};
use crate::small::{BOB, CAROL, units};

const HOUR: u64 = 3_600;
/// When our block is.
const AT: u64 = 100 * HOUR;

fn root(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

/// Root 1 was given 20 hours before our block and root 2 at `second`, each to be disputed for an hour.
fn chain(second: u64, more: &[(TreeEvent, u64)]) -> ChainRoots {
    let updated =
        |byte, at| (TreeEvent::Updated { root: root(byte), dispute_ends_at: UnixSeconds(at + HOUR) }, at);
    let mut events = vec![updated(1, AT - 20 * HOUR), updated(2, second)];
    events.extend(more.iter().cloned());
    let mut trees = Trees::default();
    let mut given = Vec::new();
    for (event, at) in events {
        trees.apply(&event, UnixSeconds(at));
        if let TreeEvent::Updated { root, .. } = event {
            given.push((UnixSeconds(at), root));
        }
    }
    ChainRoots { through: BlockNumber(77), at: UnixSeconds(AT), trees, given }
}

fn told(live: u8, tree: u8, last_tree: u8, dispute_ends_at: u64) -> TheirRoots {
    TheirRoots {
        live: root(live),
        tree: root(tree),
        last_tree: root(last_tree),
        dispute_ends_at: UnixSeconds(dispute_ends_at),
        listed: Vec::new(),
    }
}

fn compared(beside: Beside, chain: Option<ChainRoots>) -> Comparison {
    let story = Story::shared();
    let mut asked = story.question(&story.rows(Scoring::PerBlock, END), END);
    (asked.beside, asked.chain) = (beside, chain);
    asked.compare()
}

#[test]
fn roots_contradict_or_lag() {
    let long_ago = AT - 10 * HOUR;
    let just_now = AT - HOUR / 2;
    let disputed = [(TreeEvent::Disputed { reason: String::new() }, AT - 9 * HOUR - HOUR / 2)];
    let over = long_ago + HOUR;
    use RootsVerdict::{Ahead, Behind, Differ, Same};
    type Case<'a> = (&'a str, ChainRoots, TheirRoots, RootsVerdict, &'a [&'a str]);
    let live = &["live_root_differs"];
    let cases: [Case<'_>; 10] = [
        ("the same", chain(long_ago, &[]), told(2, 2, 1, over), Same, &[]),
        ("the one before counts still", chain(just_now, &[]), told(1, 2, 1, just_now + HOUR), Same, &[]),
        ("they were asked later", chain(just_now, &[]), told(2, 2, 1, just_now + HOUR), Same, &[]),
        ("its time is over", chain(long_ago, &[]), told(1, 2, 1, over), Differ, live),
        ("a dispute is open", chain(long_ago, &disputed), told(1, 2, 1, over), Same, &[]),
        ("another one before", chain(long_ago, &[]), told(2, 2, 9, over), Differ, &["root_not_on_chain"]),
        ("an answer kept for a while", chain(just_now, &[]), told(1, 1, 9, AT - 19 * HOUR), Behind, &[]),
        ("an answer kept for too long", chain(long_ago, &[]), told(1, 1, 9, AT - 19 * HOUR), Behind, live),
        ("later than our block", chain(long_ago, &[]), told(2, 3, 2, AT + HOUR), Ahead, &[]),
        ("never given", chain(long_ago, &[]), told(3, 3, 2, over), Differ, &["root_not_on_chain"]),
    ];
    for (name, chain, roots, verdict, alarms) in cases {
        let comparison = compared(Beside { roots: Some(roots), ..Beside::default() }, Some(chain));
        let found: Vec<&str> = comparison.alarms.iter().map(Alarm::as_str).collect();
        assert_eq!(found, alarms, "{name}");
        assert_eq!(comparison.checks.roots.unwrap().verdict, verdict, "{name}");
        assert_eq!(comparison.is_beyond, !alarms.is_empty(), "{name}");
    }
    let unread = compared(Beside { roots: Some(told(2, 2, 1, over)), ..Beside::default() }, None);
    assert_eq!(unread.checks.roots.unwrap().verdict, RootsVerdict::Unread);
    assert!(unread.alarms.is_empty());
}

#[test]
fn listed_roots_that_were_never_given_are_counted_and_no_alarm() {
    let listed = |at: u64, byte: u8| {
        let roots =
            TheirRoots { listed: vec![(UnixSeconds(at), root(byte))], ..told(2, 2, 1, AT - 9 * HOUR) };
        let chain = chain(AT - 10 * HOUR, &[]);
        let comparison = compared(Beside { roots: Some(roots), ..Beside::default() }, Some(chain));
        assert!(comparison.alarms.is_empty() && !comparison.is_beyond, "{:?}", comparison.alarms);
        comparison.checks.roots.unwrap().listed_not_given
    };
    assert_eq!(listed(AT - 20 * HOUR, 1), 0);
    assert_eq!(listed(AT - 12 * HOUR, 9), 1, "never given");
    assert_eq!(listed(AT - 21 * HOUR, 9), 0, "from before the first log that is read");
    assert_eq!(listed(AT - HOUR / 2, 9), 0, "it may come with the next block");
}

#[test]
fn a_users_page_has_to_agree_with_the_list_and_with_itself() {
    let story = Story::shared();
    let bob = story.rows(Scoring::PerBlock, END)[&BOB];
    let more = bob.checked_add(units(1)).unwrap();
    let page = |of_campaign: Amount, total: Amount, parts: Amount| TheirUser {
        account: BOB,
        of_campaign,
        tokens: vec![UserToken { token: Some(CAROL), root: None, total, parts }],
    };
    for (page, expected) in [
        (page(bob, more, more), vec![]),
        (page(more, more, more), vec![Alarm::UserRowDiffers { account: BOB, listed: bob, told: more }]),
        (
            page(bob, more, bob),
            vec![Alarm::UserTotalDiffers { account: BOB, token: Some(CAROL), total: more, parts: bob }],
        ),
    ] {
        let comparison = compared(Beside { users: vec![page], ..Beside::default() }, None);
        assert_eq!(comparison.alarms, expected);
        assert_eq!(comparison.checks.users_count, 1);
    }
}

#[test]
fn a_difference_lies_in_the_runs_in_which_it_came() {
    let story = Story::shared();
    let instants = [1_500_u64, 2_000, END];
    let ours: Vec<Ours> = instants
        .iter()
        .map(|at| Ours {
            at: UnixSeconds(*at),
            emitted: campaign().emitted(UnixSeconds(*at)),
            accounts: story
                .rows(Scoring::PerBlock, *at)
                .into_iter()
                .map(|(account, earned)| {
                    let parts = Vec::new();
                    (account, accrual_rewards::reconcile::OurAccount { earned, parts })
                })
                .collect(),
        })
        .collect();
    // They pay nothing in the second run and all of it in the third, and a unit too much in the first.
    let of = |ours: &Ours, account: Address| ours.earned(account).checked_add(units(1)).unwrap();
    let amounts = [of(&ours[0], BOB), of(&ours[0], BOB), of(&ours[2], BOB)];
    let bounds: Vec<Bound> = instants
        .iter()
        .zip(amounts)
        .map(|(at, amount)| Bound { until: UnixSeconds(*at), accounts: BTreeMap::from([(BOB, amount)]) })
        .collect();
    let runs = by_run(BOB, UnixSeconds(1_000), &bounds, &ours);
    let unpaid = I256::from_raw(ours[1].earned(BOB).0 - ours[0].earned(BOB).0);
    let told: Vec<(u64, u64, I256)> =
        runs.iter().map(|run| (run.from.0, run.until.0, run.difference.0)).collect();
    assert_eq!(told, [(1_000, 1_500, I256::ONE), (1_500, 2_000, -unpaid), (2_000, END, unpaid)]);
    let sum = told.iter().fold(I256::ZERO, |sum, (.., one)| sum + *one);
    assert_eq!(sum, I256::ONE, "together they are the whole difference");
    assert!(by_run(CAROL, UnixSeconds(1_000), &[], &[]).is_empty());
}
