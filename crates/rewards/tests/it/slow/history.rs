//! Made-up histories: of an honest pool whose stakes, vaults and price move.

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::accrue::When;
use accrual_rewards::campaign::{Campaign, Scoring, Version, Weights, Window};
use accrual_rewards::ledger::{Change, FeeStep, PriceChange, Trade};
use accrual_rewards::math::tick::{TICK_MAX, TICK_MIN, sqrt_ratio};
use accrual_rewards::ownership::{Move, Owner, StakeIndex, VaultIndex};
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, SqrtPriceX96, Tick, TickRange, UnixSeconds};
use alloy_primitives::{Address, U256};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// When the first event happens.
pub(crate) const BEGINS_AT_SECONDS: u64 = 1_749_142_800;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A later block, so many seconds on.
    Block(u64),
    Trade {
        tick: i32,
        thousandths: u64,
        amounts: (u64, u64),
        growth: Vec<u128>,
    },
    Flash(u128, u128),
    Stake {
        stake: u32,
        liquidity: u128,
        owner: Owner,
    },
    Shares {
        vault: u16,
        member: Owner,
        shares: u128,
    },
}

/// What sort of history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ranges of ticks.
    Ranges,
    /// Shares of the whole.
    Shares,
}

/// The ranges of the stakes, by number; a pool with shares has none but the whole.
const RANGES: [(i32, i32); 6] =
    [(-120, 120), (-60, 60), (0, 60), (60, 180), (-180, 0), (TICK_MIN.0, TICK_MAX.0)];

pub(crate) fn account(number: u8) -> Address {
    Address::with_last_byte(number)
}

fn owner(vaults: std::ops::Range<u16>) -> impl Strategy<Value = Owner> {
    prop_oneof![
        4 => (0_u8..5).prop_map(|number| Owner::Account(account(number))),
        2 => vaults.prop_map(|vault| Owner::Vault(VaultIndex(vault))),
    ]
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![1 => Just(0), 3 => 1_u128..20, 3 => 1_u128..1_000_000, 2 => 1_u128..(1 << 100)]
}

/// Of one vault all few or all many: an eligible part of 2^-100 of everything, which no fixed point resolves, is nobody's.
fn vault_shares() -> impl Strategy<Value = u128> {
    prop_oneof![1 => Just(0), 3 => 1_u128..1000]
}

/// Steps; only of a pool that trades, if it is to have swaps. The first vault never is a shareholder, the last one's
/// shareholders are accounts: vaults do not hold each other's shares in a circle.
pub(crate) fn steps(kind: Kind) -> impl Strategy<Value = Vec<Step>> {
    let shares = prop_oneof![
        (owner(1..3), 0_u16..1),
        (owner(2..3), 1_u16..2),
        ((0_u8..5).prop_map(|number| Owner::Account(account(number))), 2_u16..3),
    ];
    let tick = if kind == Kind::Ranges { -200_i32..200 } else { -1_i32..1 };
    let growth = vec(prop_oneof![Just(0), 1_u128..100, 1_u128..u128::MAX], 8);
    let step = prop_oneof![
        4 => (0_u64..40).prop_map(Step::Block),
        3 => (tick, 0_u64..1000, (any::<u64>(), any::<u64>()), growth)
            .prop_map(|(tick, thousandths, amounts, growth)| Step::Trade { tick, thousandths, amounts, growth }),
        1 => (amount(), amount()).prop_map(|(growth0, growth1)| Step::Flash(growth0, growth1)),
        4 => (0_u32..6, amount(), owner(0..3))
            .prop_map(|(stake, liquidity, owner)| Step::Stake { stake, liquidity, owner }),
        3 => (shares, vault_shares()).prop_map(|((member, vault), shares)| {
            let scale = if vault == 1 { 60 } else { 0 };
            Step::Shares { vault, member, shares: shares << scale }
        }),
    ];
    vec(step, 1..50)
}

/// A campaign of up to three versions.
pub(crate) fn campaign(scoring: Scoring) -> impl Strategy<Value = Campaign> {
    let accounts = || btree_set((1_u8..5).prop_map(account), 0..3);
    let whitelist = prop_oneof![3 => Just(BTreeSet::new()), 1 => accounts()];
    let terms = (window(), weights(), any::<bool>(), accounts(), whitelist.clone());
    let version = (0_u64..300, window(), weights(), any::<bool>(), accounts(), whitelist).boxed();
    let versions =
        prop_oneof![2 => Just(0), 1 => 1_usize..3].prop_flat_map(move |count| vec(version.clone(), count));
    (terms, versions, 1_u128..(1 << 100), 1_u32..60).prop_map(
        move |(terms, versions, budget, run_seconds)| {
            let (window, weights, out_of_range, blacklist, whitelist) = terms;
            let mut versions: Vec<Version> = versions
                .into_iter()
                .map(|(since, window, weights, out_of_range, blacklist, whitelist)| Version {
                    since: UnixSeconds(BEGINS_AT_SECONDS + since),
                    window,
                    weights,
                    out_of_range,
                    blacklist,
                    whitelist,
                })
                .collect();
            versions.sort_by_key(|version| version.since);
            versions.dedup_by_key(|version| version.since);
            let campaign = Campaign {
                id: "made-up".parse().expect("an id"),
                pool: "made-up".parse().expect("an id"),
                merkl_campaign_id: None,
                reward_token: account(200),
                budget: Amount(U256::from(budget)),
                fee_ppm: 0,
                window,
                scoring,
                run_seconds: scoring.is_by_run().then_some(run_seconds),
                weights,
                out_of_range,
                blacklist,
                whitelist,
                value_min_usd: None,
                versions,
            };
            campaign.checked().expect("a good campaign")
        },
    )
}

fn window() -> impl Strategy<Value = Window> {
    (0_u64..150, prop_oneof![1 => 1_u64..100, 3 => 100_u64..600]).prop_map(|(starts, seconds)| {
        let starts_at = BEGINS_AT_SECONDS - 50 + starts;
        Window { starts_at: UnixSeconds(starts_at), ends_at: UnixSeconds(starts_at + seconds) }
    })
}

fn weights() -> impl Strategy<Value = Weights> {
    let any =
        (0_u32..4, 0_u32..4, 0_u32..4).prop_map(|(fees, token0, token1)| Weights { fees, token0, token1 });
    prop_oneof![
        Just(Weights { fees: 4000, token0: 3000, token1: 3000 }),
        any.prop_filter("somebody must be paid", |weights| weights.sum() > 0),
    ]
}

/// A campaign of one day, by in-range liquidity alone; by runs of a day, too.
pub(crate) fn day(scoring: Scoring, budget: u64) -> Campaign {
    let starts_at = UnixSeconds(BEGINS_AT_SECONDS / 86_400 * 86_400);
    let campaign = Campaign {
        id: "day".parse().expect("an id"),
        pool: "made-up".parse().expect("an id"),
        merkl_campaign_id: None,
        reward_token: account(200),
        budget: Amount(U256::from(budget)),
        fee_ppm: 0,
        window: Window { starts_at, ends_at: UnixSeconds(starts_at.0 + 86_400) },
        scoring,
        run_seconds: Some(86_400),
        weights: Weights { fees: 1, token0: 0, token1: 0 },
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    campaign.checked().expect("a good campaign")
}

/// The first price, when [`day`] starts.
pub(crate) fn start() -> (When, Move) {
    let mut first = Pool::new(Kind::Shares).moves.remove(0);
    first.0.at.0 = BEGINS_AT_SECONDS / 86_400 * 86_400;
    first
}

/// A holding from so many seconds after the start on.
pub(crate) fn hold(seconds: u64, stake: StakeIndex, liquidity: u128, owner: Owner) -> (When, Move) {
    let (mut when, _) = start();
    when.block.0 += seconds;
    when.at.0 += seconds;
    let range = TickRange { lower: TICK_MIN, upper: TICK_MAX };
    (when, Move::Stake { stake, range, liquidity: Liquidity(liquidity), owner })
}

/// The moves that the steps come to.
pub(crate) fn moves(kind: Kind, steps: &[Step]) -> Vec<(When, Move)> {
    let mut pool = Pool::new(kind);
    steps.iter().for_each(|step| pool.step(step));
    pool.moves
}

struct Pool {
    kind: Kind,
    when: When,
    tick: Tick,
    stakes: BTreeMap<u32, u128>,
    moves: Vec<(When, Move)>,
}

impl Pool {
    fn new(kind: Kind) -> Self {
        let when = When { block: BlockNumber(1), at: UnixSeconds(BEGINS_AT_SECONDS) };
        let (moves, stakes, tick) = (Vec::new(), BTreeMap::new(), Tick(0));
        let mut pool = Self { kind, when, tick, stakes, moves };
        let price = pool.price(None, tick, 0);
        pool.push(Move::Pool(Change::Price(price.into())));
        pool
    }

    fn push(&mut self, one: Move) {
        self.moves.push((self.when, one));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Block(seconds) => {
                self.when.block = self.when.block.next();
                self.when.at.0 += seconds;
            }
            Step::Trade { tick, thousandths, amounts, growth } => {
                self.trade(Tick(*tick), *thousandths, *amounts, growth);
            }
            Step::Flash(growth0, growth1) => {
                let (growth0_x128, growth1_x128) = (U256::from(*growth0), U256::from(*growth1));
                self.push(Move::Pool(Change::Fees { growth0_x128, growth1_x128 }));
            }
            Step::Stake { stake, liquidity, owner } => {
                self.stakes.insert(*stake, *liquidity);
                let (stake, range) = (StakeIndex(*stake), self.range(*stake));
                self.push(Move::Stake { stake, range, liquidity: Liquidity(*liquidity), owner: *owner });
            }
            // Ownership never names the zero address as a shareholder.
            Step::Shares { member: Owner::Account(Address::ZERO), .. } => {}
            Step::Shares { vault, member, shares } => {
                let (vault, shares) = (VaultIndex(*vault), Liquidity(*shares));
                self.push(Move::Shares { vault, member: *member, shares });
            }
        }
    }

    fn range(&self, stake: u32) -> TickRange {
        let place = usize::try_from(stake).expect("a small number");
        let (lower, upper) = match self.kind {
            Kind::Ranges => RANGES[place],
            Kind::Shares => (TICK_MIN.0, TICK_MAX.0),
        };
        TickRange { lower: Tick(lower), upper: Tick(upper) }
    }

    fn trade(&mut self, to: Tick, thousandths: u64, (amount0, amount1): (u64, u64), growth: &[u128]) {
        let upward = to >= self.tick;
        let to = if self.kind == Kind::Shares { Tick(0) } else { to };
        let ends = self.stops(to).into_iter().zip(growth.iter().chain(std::iter::repeat(&0)));
        let steps = ends.map(|(tick, growth)| {
            let (growth0, growth1) = if upward { (0, *growth) } else { (*growth, 0) };
            FeeStep { growth0_x128: U256::from(growth0), growth1_x128: U256::from(growth1), tick }
        });
        let trade = Trade {
            steps: Some(steps.collect()),
            price: self.price(Some(self.tick), to, thousandths),
            amount0: Amount(U256::from(amount0)),
            amount1: Amount(U256::from(amount1)),
        };
        self.tick = to;
        self.push(Move::Pool(Change::Trade(trade.into())));
    }

    /// The ticks at the end of each step: an end of a range with liquidity, as it is after crossing, and the last.
    fn stops(&self, to: Tick) -> Vec<Tick> {
        let held = self.stakes.iter().filter(|(_, liquidity)| **liquidity > 0);
        let ends: BTreeSet<Tick> =
            held.map(|(stake, _)| self.range(*stake)).flat_map(|range| [range.lower, range.upper]).collect();
        let (from, mut stops) = (self.tick, Vec::new());
        if to >= from {
            stops.extend(ends.into_iter().filter(|end| from < *end && *end <= to));
        } else {
            let crossed = ends.into_iter().rev().filter(|end| to < *end && *end <= from);
            stops.extend(crossed.map(|end| Tick(end.0 - 1)));
        }
        stops.push(to);
        stops
    }

    /// A price inside a tick. Pools with shares stand at tick 0, and their price is another one.
    fn price(&self, from: Option<Tick>, to: Tick, thousandths: u64) -> PriceChange {
        let at = |tick: Tick| sqrt_ratio(tick).expect("a tick in the middle").0;
        let (low, high) = (at(to), at(Tick(to.0 + 1)));
        let inside = low + (high - low) * U256::from(thousandths) / U256::from(1000);
        let sqrt_price_x96 = SqrtPriceX96(if self.kind == Kind::Shares { low } else { inside });
        let price_x192 = Some(inside.widening_mul(inside));
        PriceChange::new(from, to, sqrt_price_x96, price_x192)
    }
}
