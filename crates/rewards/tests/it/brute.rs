//! The engine against the slow count, over made-up histories, for each scoring.
//!
//! Each property tells its cases to a fixed generator, so that a run repeats; `PROPTEST_RNG_SEED` gives it another.

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::accrue::{CampaignAccrual, Earnings, Figures, Shape, When};
use accrual_rewards::campaign::{Campaign, Scoring, Weights};
use accrual_rewards::ownership::{Move, Owner, StakeIndex};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, U256};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use proptest::prelude::*;

use crate::slow::cases;
use crate::slow::history::{self, Kind, Step};
use crate::slow::nfts;
use crate::slow::owners::{self, Act, World};
use crate::slow::score::State;
use crate::slow::{self, Row, big, floor};

fn config() -> ProptestConfig {
    let rng_seed = match ProptestConfig::default().rng_seed {
        proptest::test_runner::RngSeed::Random => proptest::test_runner::RngSeed::Fixed(20_250_605),
        fixed => fixed,
    };
    ProptestConfig { cases: 600, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn owners_are_those_of_plain_balances(acts in owners::acts()) {
        let mut world = World::new();
        let mut state = State::default();
        for act in acts {
            world.act(act).iter().for_each(|one| state.apply(one));
            let owned: BTreeMap<Address, BigRational> =
                world.owned().into_iter().filter(|(_, part)| !part.is_zero()).collect();
            prop_assert_eq!(state.owned(), owned, "after {:?}", act);
        }
    }

    #[test]
    fn nfts_belong_to_who_deposited_them(acts in nfts::acts()) {
        let mut world = nfts::World::new();
        let mut state = State::default();
        for act in acts {
            world.act(act).iter().for_each(|one| state.apply(one));
            prop_assert_eq!(state.owned(), world.owned(), "after {:?}", act);
        }
    }

    #[test]
    fn owners_are_paid_by_plain_balances((campaign, acts) in (history::campaign(Scoring::PerBlock), owners::acts())) {
        let mut campaign = campaign;
        campaign.versions.clear();
        campaign.blacklist.clear();
        campaign.whitelist.clear();
        paid_by_plain_balances(&campaign, &acts)?;
    }

    #[test]
    fn ranges_per_block((campaign, steps) in case(Scoring::PerBlock, Kind::Ranges)) {
        agree(&campaign, Kind::Ranges, &steps)?;
    }

    #[test]
    fn ranges_time_weighted((campaign, steps) in case(Scoring::TimeWeighted, Kind::Ranges)) {
        agree(&campaign, Kind::Ranges, &steps)?;
    }

    #[test]
    fn ranges_swap_weighted((campaign, steps) in case(Scoring::SwapWeighted, Kind::Ranges)) {
        agree(&campaign, Kind::Ranges, &steps)?;
    }

    #[test]
    fn shares_per_block((campaign, steps) in case(Scoring::PerBlock, Kind::Shares)) {
        agree(&campaign, Kind::Shares, &steps)?;
    }

    #[test]
    fn shares_time_weighted((campaign, steps) in case(Scoring::TimeWeighted, Kind::Shares)) {
        agree(&campaign, Kind::Shares, &steps)?;
    }

    #[test]
    fn shares_swap_weighted((campaign, steps) in case(Scoring::SwapWeighted, Kind::Shares)) {
        agree(&campaign, Kind::Shares, &steps)?;
    }
}

#[test]
fn merkls_example_by_the_slow_count() {
    let exactly =
        [(Scoring::PerBlock, ["75/1", "75/1", "50/1"]), (Scoring::TimeWeighted, ["200/3", "200/3", "200/3"])];
    for (scoring, exactly) in exactly {
        let campaign = history::day(scoring, 200);
        let exact = slow::exact(&campaign, &merkls_example(), campaign.window.ends_at.0);
        let exact: Vec<_> = exact.earned.values().map(|one| one.reduced()).collect();
        let expected: Vec<BigRational> = exactly.iter().map(|one| one.parse().expect("a fraction")).collect();
        assert_eq!(exact, expected, "{scoring:?}");
    }
}

#[test]
fn merkls_example_by_the_engine() {
    for (scoring, units) in [(Scoring::PerBlock, [75, 75, 50]), (Scoring::TimeWeighted, [66, 66, 66])] {
        let campaign = history::day(scoring, 200);
        let mut accrual = CampaignAccrual::new(campaign.clone(), Shape::Pooled);
        merkls_example().iter().for_each(|(when, one)| accrual.apply(*when, one));
        let rows = accrual.figures(campaign.window.ends_at).expect("no event is later").rows;
        let counted: Vec<Amount> = rows.iter().map(|row| row.earned).collect();
        assert_eq!(counted, units.map(|units| Amount(U256::from(units))), "{scoring:?}");
    }
}

/// Merkl's documented example: 200 to pay over a day, two with 100 all day, a third with 200 in its second half.
fn merkls_example() -> Vec<(When, Move)> {
    let hold = |seconds: u64, stake: u32, liquidity: u128| {
        let owner = Owner::Account(history::account(u8::try_from(stake + 1).expect("a small number")));
        history::hold(seconds, StakeIndex(stake), liquidity, owner)
    };
    vec![history::start(), hold(0, 0, 100), hold(0, 1, 100), hold(43_200, 2, 200)]
}

#[test]
fn the_slow_count_agrees_with_hand_counts() {
    for case in cases::cases() {
        for (seconds, emitted, rows) in &case.figures {
            let exact = slow::exact(&case.campaign(), &case.moves(), cases::at(*seconds).0);
            assert_eq!(floor(&exact.emitted), BigInt::from(*emitted), "{} at {seconds}", case.name);
            let counted: Vec<_> =
                exact.earned.iter().map(|(row, one)| (row.0.0, row.1, one.reduced())).collect();
            let row = |(stake, number, units): &(u32, u8, &str)| {
                (*stake, history::account(*number), units.parse::<BigRational>().expect("a fraction"))
            };
            assert_eq!(counted, rows.iter().map(row).collect::<Vec<_>>(), "{} at {seconds}", case.name);
        }
    }
}

#[test]
fn the_engine_agrees_with_hand_counts() {
    for case in cases::cases() {
        for (seconds, ..) in &case.figures {
            let at = cases::at(*seconds);
            let moves: Vec<_> = case.moves().into_iter().filter(|(when, _)| when.at <= at).collect();
            same(&case.campaign(), (Kind::Shares, CampaignAccrual::new), &moves, at)
                .unwrap_or_else(|why| panic!("{}: {why}", case.name));
        }
    }
}

/// What is made up meets the cases that matter, or agreement would mean little.
#[test]
fn the_histories_are_worth_counting() {
    for scoring in Scoring::ALL {
        for kind in [Kind::Ranges, Kind::Shares] {
            let met = Met::of(scoring, kind);
            let Met { rows, by_vault, by_inner_vault, versions, left } = met;
            assert!(rows > 600 && by_vault > 200 && by_inner_vault > 150, "{scoring:?} {kind:?}: {met:?}");
            assert!(versions > 60 && left > 200, "{scoring:?} {kind:?}: {met:?}");
        }
    }
}

/// How many rows of one unit or more, histories with versions, and histories that leave something to nobody.
#[derive(Debug, Default, Clone, Copy)]
struct Met {
    rows: u32,
    by_vault: u32,
    by_inner_vault: u32,
    versions: u32,
    left: u32,
}

impl Met {
    fn of(scoring: Scoring, kind: Kind) -> Self {
        let mut runner = proptest::test_runner::TestRunner::new(config());
        let mut met = Self::default();
        for _ in 0..config().cases {
            let tree = case(scoring, kind).new_tree(&mut runner).expect("a case");
            let (campaign, steps) = proptest::strategy::ValueTree::current(&tree);
            met.add(&campaign, &history::moves(kind, &steps));
        }
        met
    }

    fn add(&mut self, campaign: &Campaign, moves: &[(When, Move)]) {
        let last = moves.last().expect("a first price").0.at.0;
        let exact = slow::exact(campaign, moves, last + 20);
        let mut left = exact.emitted.clone();
        for ((_, _, through), earned) in &exact.earned {
            left -= earned;
            if floor(earned).is_zero() {
                continue;
            }
            self.rows += 1;
            self.by_vault += u32::from(through.is_some());
            self.by_inner_vault += u32::from(through.is_some_and(|vault| vault.0 > 0));
        }
        self.left += u32::from(!left.is_zero());
        self.versions += u32::from(!campaign.versions.is_empty() && !exact.earned.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..config() })]

    /// Within a second nothing changes, so runs of one second split as blocks do: the slow count against itself.
    #[test]
    fn runs_of_a_second_are_per_block((campaign, steps) in case(Scoring::PerBlock, Kind::Ranges)) {
        let moves = history::moves(Kind::Ranges, &steps);
        let at = moves.last().expect("a first price").0.at.0 + 10;
        let by_run = Campaign { scoring: Scoring::TimeWeighted, run_seconds: Some(1), ..campaign.clone() };
        let (by_block, by_run) = (slow::exact(&campaign, &moves, at), slow::exact(&by_run, &moves, at));
        prop_assert_eq!(by_block.emitted, by_run.emitted);
        prop_assert!(by_block.earned.keys().eq(by_run.earned.keys()), "the same rows");
        for (row, earned) in &by_block.earned {
            prop_assert_eq!(earned, &by_run.earned[row], "{:?}", row);
        }
    }
}

fn case(scoring: Scoring, kind: Kind) -> impl Strategy<Value = (Campaign, Vec<Step>)> {
    let campaign = history::campaign(scoring).prop_map(move |campaign| match kind {
        Kind::Ranges => campaign,
        Kind::Shares => without_weights(campaign),
    });
    (campaign, history::steps(kind))
}

/// Weights are for concentrated pools: shares of a whole are paid as one part.
fn without_weights(mut campaign: Campaign) -> Campaign {
    let one = Weights { fees: 1, token0: 0, token1: 0 };
    campaign.weights = one;
    campaign.versions.iter_mut().for_each(|version| version.weights = one);
    campaign
}

/// From the wrappers' own words to the figures: each account is paid for what it stands behind.
fn paid_by_plain_balances(campaign: &Campaign, acts: &[Act]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let mut accrual = CampaignAccrual::new(campaign.clone(), Shape::Pooled);
    let mut exact: BTreeMap<Address, Vec<BigRational>> = BTreeMap::new();
    let (first, price) = history::start();
    accrual.apply(When { at: UnixSeconds(0), ..first }, &price);
    for act in acts {
        let (before, owned) = (world.seconds, world.owned());
        let moves = world.act(*act);
        let time = |seconds| UnixSeconds(history::BEGINS_AT_SECONDS + seconds);
        let seconds = campaign.window.paid_seconds(time(before), time(world.seconds));
        let all: BigRational = owned.values().sum();
        for (account, part) in owned.into_iter().filter(|(_, part)| !part.is_zero()) {
            let emitted = slow::whole(big(campaign.budget.0)) * slow::whole(seconds);
            let whole = &all * slow::whole(campaign.window.duration_seconds());
            exact.entry(account).or_default().push(emitted * part / whole);
        }
        let when = When { block: world.block(), at: time(world.seconds) };
        moves.iter().for_each(|one| accrual.apply(when, one));
    }
    let at = UnixSeconds(history::BEGINS_AT_SECONDS + world.seconds);
    let figures = accrual.figures(at).expect("no event is later");
    sums_hold(&figures)?;
    let accounts: BTreeSet<Address> =
        figures.rows.iter().map(|row| row.account).chain(exact.keys().copied()).collect();
    for account in accounts {
        let rows: Vec<_> = figures.rows.iter().filter(|row| row.account == account).collect();
        let counted: BigInt = rows.iter().map(|row| big(row.earned.0)).sum();
        let exactly = floor(&slow::sum(exact.get(&account).map_or(&[], Vec::as_slice)));
        // Each part of what it stands behind is rounded down for itself; there are at most 16 of them.
        let close = &exactly - 16 <= counted && counted <= &exactly + rows.len();
        prop_assert!(close, "{} earned {} by the engine, exactly {}", account, counted, exactly);
        let named = rows
            .iter()
            .all(|row| !world.ownership.via(row.stake, row.through, account).contains(&Address::ZERO));
        prop_assert!(named, "the way to {} names nobody", account);
    }
    Ok(())
}

/// In the middle, at the last event, soon after, and when all is over.
fn agree(campaign: &Campaign, kind: Kind, steps: &[Step]) -> Result<(), TestCaseError> {
    let moves = history::moves(kind, steps);
    let times: Vec<UnixSeconds> = moves.iter().map(|(when, _)| when.at).collect();
    let (middle, last) = (times[times.len() / 2], times[times.len() - 1]);
    let later = |seconds| UnixSeconds(last.0 + seconds);
    for at in BTreeSet::from([middle, last, later(1), later(37), later(1_000)]) {
        let known: Vec<(When, Move)> = moves.iter().filter(|(when, _)| when.at <= at).cloned().collect();
        same(campaign, (kind, CampaignAccrual::new), &known, at)?;
        if campaign.scoring.is_by_run() {
            same(campaign, (kind, CampaignAccrual::without_vaults), &without_vaults(&known), at)?;
        }
    }
    Ok(())
}

/// The same history if what vaults own were accounts' own.
fn without_vaults(moves: &[(When, Move)]) -> Vec<(When, Move)> {
    let plain = |(when, one): &(When, Move)| match one {
        Move::Shares { .. } => None,
        Move::Stake { stake, range, liquidity, owner: Owner::Vault(vault) } => {
            let owner = Owner::Account(history::account(u8::try_from(vault.0 + 1).expect("a few vaults")));
            Some((*when, Move::Stake { stake: *stake, range: *range, liquidity: *liquidity, owner }))
        }
        one => Some((*when, one.clone())),
    };
    moves.iter().filter_map(plain).collect()
}

fn same(
    campaign: &Campaign,
    (kind, engine): (Kind, fn(Campaign, Shape) -> CampaignAccrual),
    moves: &[(When, Move)],
    at: UnixSeconds,
) -> Result<(), TestCaseError> {
    let shape = match kind {
        Kind::Ranges => Shape::Concentrated,
        Kind::Shares => Shape::Pooled,
    };
    let mut accrual = engine(campaign.clone(), shape);
    // Asked now and then, what each account has earned is brought up to date and not counted whole.
    let mut known = Earnings::default();
    for (place, (when, one)) in moves.iter().enumerate() {
        accrual.apply(*when, one);
        if place % 3 == 0 {
            accrual.earnings(when.at, &mut known).expect("no event is later");
        }
    }
    let figures = accrual.figures(at).expect("no event is later");
    let sums = accrual.earnings(at, &mut known).expect("no event is later");
    prop_assert_eq!(sums.earned, figures.earned);
    prop_assert_eq!(sums.undistributed, figures.undistributed);
    prop_assert_eq!(known.by_account().collect::<BTreeMap<_, _>>(), by_account(&figures), "at {}", at);
    let exact = slow::exact(campaign, moves, at.0);
    prop_assert_eq!(big(figures.emitted.0), floor(&exact.emitted), "emitted at {}", at);
    sums_hold(&figures)?;
    let rows = rows(&figures)?;
    let everybody: BTreeSet<&Row> = rows.keys().chain(exact.earned.keys()).collect();
    for row in everybody {
        let nothing = BigRational::zero();
        let exactly = exact.earned.get(row).unwrap_or(&nothing);
        let counted = rows.get(row).cloned().unwrap_or_default();
        prop_assert!(
            is_floor(&counted, exactly),
            "at {} {:?} earned {} by the engine, exactly {}",
            at,
            row,
            counted,
            exactly
        );
    }
    Ok(())
}

fn by_account(figures: &Figures) -> BTreeMap<Address, Amount> {
    let mut sums: BTreeMap<Address, Amount> = BTreeMap::new();
    for row in &figures.rows {
        let sum = sums.entry(row.account).or_default();
        *sum = sum.checked_add(row.earned).expect("small amounts");
    }
    sums
}

/// Rounded down; another whole unit only for who is within 2^-30 of it: a vault's eligible part is rounded itself.
fn is_floor(counted: &BigInt, exactly: &BigRational) -> bool {
    let near = BigRational::new(BigInt::from(1), BigInt::from(1) << 30_u32);
    let low = floor(&(exactly - &near));
    let high = floor(&(exactly + &near));
    (low..=high).contains(counted)
}

fn sums_hold(figures: &Figures) -> Result<(), TestCaseError> {
    let add = |one: Amount, other: Amount| one.checked_add(other).expect("small amounts");
    let earned = figures.rows.iter().map(|row| row.earned).fold(Amount::ZERO, add);
    prop_assert_eq!(earned, figures.earned, "the sum of the rows");
    prop_assert_eq!(add(figures.earned, figures.undistributed.total), figures.emitted, "what was emitted");
    let reasons = add(figures.undistributed.nobody_eligible, figures.undistributed.waiting);
    let reasons = add(reasons, figures.undistributed.rounding);
    prop_assert_eq!(reasons, figures.undistributed.total, "the reasons");
    Ok(())
}

fn rows(figures: &Figures) -> Result<BTreeMap<Row, BigInt>, TestCaseError> {
    let mut rows = BTreeMap::new();
    for row in &figures.rows {
        prop_assert!(row.earned > Amount(U256::ZERO), "a row of nothing: {:?}", row);
        let twice = rows.insert((row.stake, row.account, row.through), big(row.earned.0));
        prop_assert!(twice.is_none(), "two rows of one: {:?}", row);
    }
    Ok(rows)
}
