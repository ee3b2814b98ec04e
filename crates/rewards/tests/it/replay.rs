//! Fees replayed from logs equal those of a small pool written here from v3-core's formulas, bit for bit.

use std::collections::BTreeMap;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Holding;
use accrual_rewards::ledger::Change;
use accrual_rewards::ledger::concentrated::ConcentratedLedger;
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::inverse::inverse_x512;
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::unit::{Amount, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange};
use alloy_primitives::{Address, I256, U256};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};
use proptest::prelude::*;

const SPACING: i32 = 10;
const PPM: u32 = 1_000_000;

/// The pool itself, in plain big integers and with no cleverness.
#[derive(Clone)]
struct Pool {
    price: BigInt,
    tick: i32,
    liquidity: BigInt,
    net: BTreeMap<i32, BigInt>,
    gross: BTreeMap<i32, BigInt>,
    outside: BTreeMap<i32, [BigInt; 2]>,
    growth: [BigInt; 2],
    owed: [BigInt; 2],
    denominators: [u8; 2],
    fee_ppm: u32,
}

#[derive(Debug, Clone)]
enum Play {
    Add {
        lower: i32,
        width: i32,
        liquidity: u64,
    },
    Remove {
        which: usize,
    },
    /// `limit` is how many ticks away the price may go at most.
    Swap {
        falls: bool,
        is_exact_in: bool,
        amount: u64,
        limit: i32,
    },
    Fee {
        denominators: [u8; 2],
    },
    Flash {
        paid: [u64; 2],
    },
}

fn ratio(tick: i32) -> BigInt {
    big(sqrt_ratio(Tick(tick)).unwrap().0)
}

fn big(value: U256) -> BigInt {
    value.to_string().parse().unwrap()
}

fn small(value: &BigInt) -> U256 {
    value.to_string().parse().unwrap()
}

fn ceil(above: BigInt, below: &BigInt) -> BigInt {
    above.div_ceil(below)
}

/// Amount of token0 (`is_0`) or token1 between two prices.
fn delta(is_0: bool, one: &BigInt, other: &BigInt, liquidity: &BigInt, up: bool) -> BigInt {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    let divide = |above: BigInt, below: &BigInt| if up { ceil(above, below) } else { above / below };
    if is_0 {
        divide(divide((liquidity << 96) * (high - low), high), low)
    } else {
        divide(liquidity * (high - low), &(BigInt::one() << 96))
    }
}

fn after_in(price: &BigInt, liquidity: &BigInt, amount: &BigInt, falls: bool) -> BigInt {
    if falls {
        let wide = liquidity << 96;
        ceil(&wide * price, &(&wide + amount * price))
    } else {
        price + (amount << 96) / liquidity
    }
}

fn after_out(price: &BigInt, liquidity: &BigInt, amount: &BigInt, falls: bool) -> BigInt {
    if falls {
        price - ceil(amount << 96, liquidity)
    } else {
        let wide = liquidity << 96;
        ceil(&wide * price, &(&wide - amount * price))
    }
}

impl Pool {
    fn next_tick(&self, falls: bool) -> (i32, bool) {
        let compressed = self.tick.div_euclid(SPACING);
        let mut at = if falls { compressed } else { compressed + 1 };
        let word = at >> 8;
        loop {
            let is_edge = if falls { at & 255 == 0 } else { at & 255 == 255 };
            let is_set = self.gross.contains_key(&(at * SPACING));
            if is_set || is_edge {
                assert_eq!(at >> 8, word);
                return ((at * SPACING).clamp(-887_272, 887_272), is_set);
            }
            at += if falls { -1 } else { 1 };
        }
    }

    fn swap(&mut self, falls: bool, is_exact_in: bool, amount: u64, limit: &BigInt) -> Option<PoolEvent> {
        let mut left = BigInt::from(amount);
        let (mut taken, mut given) = (BigInt::zero(), BigInt::zero());
        let side = usize::from(!falls);
        while !left.is_zero() && self.price != *limit {
            let start = self.price.clone();
            let (next, is_set) = self.next_tick(falls);
            let end = ratio(next);
            let is_past = if falls { end < *limit } else { end > *limit };
            let target = if is_past { limit.clone() } else { end.clone() };
            let (net_ppm, fee_ppm) = (BigInt::from(PPM - self.fee_ppm), BigInt::from(self.fee_ppm));
            if is_exact_in {
                let net = &left * &net_ppm / BigInt::from(PPM);
                let needed = delta(falls, &target, &start, &self.liquidity, true);
                self.price = if net >= needed {
                    target.clone()
                } else {
                    after_in(&start, &self.liquidity, &net, falls)
                };
            } else {
                let all = delta(!falls, &target, &start, &self.liquidity, false);
                self.price = if left >= all {
                    target.clone()
                } else {
                    after_out(&start, &self.liquidity, &left, falls)
                };
            }
            let came = delta(falls, &self.price, &start, &self.liquidity, true);
            let mut went = delta(!falls, &self.price, &start, &self.liquidity, false);
            if !is_exact_in && went > left {
                went = left.clone();
            }
            let mut fee = if is_exact_in && self.price != target {
                &left - &came
            } else {
                ceil(&came * fee_ppm, &net_ppm)
            };
            left -= if is_exact_in { &came + &fee } else { went.clone() };
            taken += &came + &fee;
            given += went;
            if self.denominators[side] > 0 {
                let cut = &fee / self.denominators[side];
                fee -= &cut;
                self.owed[side] += cut;
            }
            if self.liquidity.is_positive() {
                self.growth[side] += (fee << 128) / &self.liquidity;
            }
            if self.price == end {
                if is_set {
                    for token in 0..2 {
                        let outside = &mut self.outside.get_mut(&next).unwrap()[token];
                        *outside = &self.growth[token] - &*outside;
                    }
                    let net = self.net[&next].clone();
                    self.liquidity += if falls { -net } else { net };
                }
                self.tick = if falls { next - 1 } else { next };
            } else if self.price != start {
                self.tick = self.tick_of_price();
            }
        }
        let (taken, given) = (I256::from_raw(small(&taken)), -I256::from_raw(small(&given)));
        let (amount0, amount1) = if falls { (taken, given) } else { (given, taken) };
        Some(PoolEvent::Swapped {
            amount0: SignedAmount(amount0),
            amount1: SignedAmount(amount1),
            sqrt_price_x96: SqrtPriceX96(small(&self.price)),
            liquidity: Liquidity(u128::try_from(&self.liquidity).unwrap()),
            tick: Tick(self.tick),
        })
    }

    fn tick_of_price(&self) -> i32 {
        let (mut low, mut high) = (-887_272_i32, 887_272_i32);
        while low < high {
            let middle = (low + high + 1).div_euclid(2);
            if ratio(middle) <= self.price { low = middle } else { high = middle - 1 }
        }
        low
    }

    fn shift(&mut self, range: TickRange, by: i64) -> (Amount, Amount) {
        let rounding = if by > 0 { Rounding::Up } else { Rounding::Down };
        let liquidity = Liquidity(u128::from(by.unsigned_abs()));
        let price = SqrtPriceX96(small(&self.price));
        let amounts = holdings(liquidity, range, Tick(self.tick), price, rounding).unwrap();
        for (tick, sign) in [(range.lower.0, 1), (range.upper.0, -1)] {
            if !self.gross.contains_key(&tick) {
                let growth =
                    if tick <= self.tick { self.growth.clone() } else { [BigInt::zero(), BigInt::zero()] };
                self.outside.insert(tick, growth);
            }
            *self.gross.entry(tick).or_default() += by;
            *self.net.entry(tick).or_default() += by * sign;
            if self.gross[&tick].is_zero() {
                self.gross.remove(&tick);
                self.net.remove(&tick);
                self.outside.remove(&tick);
            }
        }
        if range.contains(Tick(self.tick)) {
            self.liquidity += by;
        }
        amounts
    }
}

/// Plays `plays` in the pool; answers its logs, and the pool after each.
fn play(plays: &[Play], fee_ppm: u32) -> Vec<(PoolEvent, Pool)> {
    let none = || [BigInt::zero(), BigInt::zero()];
    let mut pool = Pool {
        price: ratio(0),
        tick: 0,
        liquidity: BigInt::zero(),
        net: BTreeMap::new(),
        gross: BTreeMap::new(),
        outside: BTreeMap::new(),
        growth: none(),
        owed: none(),
        denominators: [0, 0],
        fee_ppm,
    };
    let first = PoolEvent::Initialized { sqrt_price_x96: SqrtPriceX96(small(&pool.price)), tick: Tick(0) };
    let mut logs = vec![(first, pool.clone())];
    let mut held: Vec<(TickRange, u64)> = Vec::new();
    for play in plays {
        let event = match play {
            Play::Add { lower, width, liquidity } => {
                let range =
                    TickRange { lower: Tick(lower * SPACING), upper: Tick((lower + width) * SPACING) };
                held.push((range, *liquidity));
                let (amount0, amount1) = pool.shift(range, i64::try_from(*liquidity).unwrap());
                let (holding, liquidity) = (holding(held.len() - 1), Liquidity(u128::from(*liquidity)));
                Some(PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 })
            }
            Play::Remove { which } if !held.is_empty() => {
                let index = which % held.len();
                let (range, liquidity) = held[index];
                held[index].1 = 0;
                let (amount0, amount1) = pool.shift(range, -i64::try_from(liquidity).unwrap());
                let (holding, liquidity) = (holding(index), Liquidity(u128::from(liquidity)));
                (liquidity.0 > 0).then_some(PoolEvent::LiquidityRemoved {
                    holding,
                    range,
                    liquidity,
                    amount0,
                    amount1,
                })
            }
            Play::Swap { falls, is_exact_in, amount, limit } => {
                let far = pool.tick + if *falls { -limit } else { *limit };
                let limit = ratio(far.clamp(-800_000, 800_000));
                let is_ahead = if *falls { limit < pool.price } else { limit > pool.price };
                is_ahead.then(|| pool.swap(*falls, *is_exact_in, *amount, &limit)).flatten()
            }
            Play::Remove { .. } => None,
            Play::Fee { denominators } => {
                pool.denominators = *denominators;
                let [denominator0, denominator1] = *denominators;
                Some(PoolEvent::ProtocolFeeChanged { denominator0, denominator1 })
            }
            Play::Flash { paid } if pool.liquidity.is_positive() => {
                for (token, paid) in paid.iter().enumerate() {
                    let fp = u64::from(pool.denominators[token]);
                    let cut = paid.checked_div(fp).unwrap_or(0);
                    pool.owed[token] += cut;
                    pool.growth[token] += (BigInt::from(paid - cut) << 128) / &pool.liquidity;
                }
                let [paid0, paid1] = paid.map(|paid| Amount(U256::from(paid)));
                Some(PoolEvent::Flashed { paid0, paid1 })
            }
            Play::Flash { .. } => None,
        };
        logs.extend(event.map(|event| (event, pool.clone())));
    }
    logs
}

fn holding(index: usize) -> Holding {
    Holding::Nft { manager: Address::repeat_byte(0xee), id: U256::from(index) }
}

fn plays() -> impl Strategy<Value = Vec<Play>> {
    let amount = prop_oneof![1_u64..10, 1_u64..100_000, 1_u64..10_000_000_000];
    let denominator = || prop_oneof![Just(0_u8), 4_u8..=10];
    let add = (-300_i32..300, 1_i32..400, 1_u64..1_000_000_000_000)
        .prop_map(|(lower, width, liquidity)| Play::Add { lower, width, liquidity });
    let swap = (any::<bool>(), any::<bool>(), amount, prop_oneof![1_i32..30, 1_i32..9000])
        .prop_map(|(falls, is_exact_in, amount, limit)| Play::Swap { falls, is_exact_in, amount, limit });
    let play = prop_oneof![
        4 => add,
        1 => any::<usize>().prop_map(|which| Play::Remove { which }),
        10 => swap,
        1 => [denominator(), denominator()].prop_map(|denominators| Play::Fee { denominators }),
        1 => [0_u64..1000, 0_u64..1000].prop_map(|paid| Play::Flash { paid }),
    ];
    prop::collection::vec(play, 1..40)
}

fn facts(fee_ppm: Option<u32>) -> PoolFacts {
    PoolFacts { tick_spacing: Some(SPACING), fee_ppm, ..PoolFacts::default() }
}

fn modulo(value: &BigInt) -> U256 {
    small(&value.mod_floor(&(BigInt::one() << 256)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn storage_is_equal_bit_for_bit(plays in plays(), fee_ppm in prop::sample::select(vec![100_u32, 500, 3000, 10_000])) {
        let mut ledger = ConcentratedLedger::new(&facts(Some(fee_ppm)));
        for (event, pool) in play(&plays, fee_ppm) {
            let change = ledger.apply(&event).map_err(|fault| TestCaseError::fail(format!("{event:?}: {fault}")))?;
            let growth = ledger.fees().growth_global_x128().unwrap();
            prop_assert_eq!(growth, (modulo(&pool.growth[0]), modulo(&pool.growth[1])));
            let owed = ledger.fees().protocol_owed().unwrap();
            prop_assert_eq!((owed.0.0, owed.1.0), (small(&pool.owed[0]), small(&pool.owed[1])));
            prop_assert_eq!(ledger.ticks().len(), pool.gross.len());
            for (tick, held) in ledger.ticks() {
                let outside = &pool.outside[&tick.0];
                let ours = (held.outside0_x128, held.outside1_x128);
                prop_assert_eq!(ours, (modulo(&outside[0]), modulo(&outside[1])));
            }
            if let Change::Trade(trade) = change {
                prop_assert_eq!(trade.steps.as_ref().unwrap().last().unwrap().tick, Tick(pool.tick));
                let (from, to) = (trade.price.from.unwrap(), trade.price.to);
                let crosses = ledger.ticks().keys().any(|tick| from.min(to) < *tick && *tick <= from.max(to));
                prop_assert_eq!(trade.price.crosses, crosses, "from {} to {}", from, to);
                prop_assert_eq!(Some(trade.price.inverse_x512), inverse_x512(trade.price.sqrt_price_x96.0));
            }
        }
    }

    #[test]
    fn a_fee_that_is_not_told_is_found(plays in plays(), fee_ppm in 1_u32..20_000) {
        let (mut told, mut found) =
            (ConcentratedLedger::new(&facts(Some(fee_ppm))), ConcentratedLedger::new(&facts(None)));
        for (event, _) in play(&plays, fee_ppm) {
            let told = told.apply(&event).unwrap();
            let found = found.apply(&event).map_err(|fault| TestCaseError::fail(format!("{event:?}: {fault}")))?;
            let (Change::Trade(told), Change::Trade(found)) = (told, found) else { continue };
            let (told, Some(found)) = (told.steps.as_ref().unwrap(), &found.steps) else { continue };
            let ticks = |steps: &[accrual_rewards::ledger::FeeStep]| {
                steps.iter().map(|step| step.tick).collect::<Vec<_>>()
            };
            if told.len() == found.len() {
                prop_assert_eq!(ticks(told), ticks(found));
            }
        }
    }

    #[test]
    fn a_missing_mint_burn_or_swap_is_never_a_wrong_fee(plays in plays(), hole in any::<prop::sample::Index>()) {
        let logs = play(&plays, 3000);
        let hole = hole.index(logs.len());
        let mut ledger = ConcentratedLedger::new(&facts(Some(3000)));
        let rest = logs.iter().enumerate().filter(|(index, _)| *index != hole);
        let mut faulted = false;
        for (_, (event, pool)) in rest {
            if ledger.apply(event).is_err() {
                faulted = true;
                break;
            }
            if let PoolEvent::Swapped { .. } = event {
                prop_assert_eq!(ledger.liquidity().0, u128::try_from(&pool.liquidity).unwrap());
            }
        }
        if let (PoolEvent::Initialized { .. }, true) = (&logs[hole].0, logs.len() > 1) {
            let needs_price = logs.iter().any(|(event, _)| {
                matches!(event, PoolEvent::Swapped { .. } | PoolEvent::LiquidityAdded { .. })
            });
            prop_assert!(faulted || !needs_price);
        }
    }
}
