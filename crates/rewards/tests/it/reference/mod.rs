//! Who earned what, counted the slow way: every interval, every position, exact fractions.
//!
//! Written from the specification of `per_block` alone, so that the engine, which walks neither, has something
//! to be wrong against. Only the tick's sqrt ratio is shared with it; `ledger.rs` holds that to known values.

use std::collections::BTreeMap;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::Holding;
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::unit::{Tick, TickRange};
use alloy_primitives::{Address, U256};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

/// Everything folded in so far.
#[derive(Clone)]
pub(crate) struct Reference<'a> {
    campaign: &'a Campaign,
    price: Option<(BigInt, Tick)>,
    positions: BTreeMap<Holding, Held>,
    at_seconds: u64,
    earned: BTreeMap<(Holding, Address), Vec<BigRational>>,
    nobody_eligible: Vec<BigRational>,
}

/// What the campaign has paid, exactly.
pub(crate) struct Exact {
    pub(crate) earned: BTreeMap<(Holding, Address), BigRational>,
    pub(crate) nobody_eligible: BigRational,
}

#[derive(Clone)]
struct Held {
    range: TickRange,
    liquidity: u128,
    holder: Address,
}

/// The three ways in which a position can be worth something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Fees,
    Token0,
    Token1,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(campaign: &'a Campaign) -> Self {
        let (positions, earned) = (BTreeMap::new(), BTreeMap::new());
        Self { campaign, price: None, positions, at_seconds: 0, earned, nobody_eligible: Vec::new() }
    }

    pub(crate) fn apply(&mut self, placed: &PlacedEvent) {
        self.pay_until(placed.block_at.0);
        match &placed.event {
            PoolEvent::Initialized { sqrt_price_x96, tick }
            | PoolEvent::Swapped { sqrt_price_x96, tick, .. } => {
                self.price = Some((big(sqrt_price_x96.0), *tick));
            }
            PoolEvent::LiquidityAdded { holding, range, liquidity, .. } => {
                let holder = match holding {
                    Holding::Own { owner, .. } => *owner,
                    _ => Address::ZERO,
                };
                let held = Held { range: *range, liquidity: 0, holder };
                self.positions.entry(*holding).or_insert(held).liquidity += liquidity.0;
            }
            PoolEvent::LiquidityRemoved { holding, liquidity, .. } => {
                self.positions.get_mut(holding).expect("the pool is honest").liquidity -= liquidity.0;
            }
            PoolEvent::HolderChanged { holding, to, .. } => {
                self.positions.get_mut(holding).expect("the pool is honest").holder = *to;
            }
            _ => {}
        }
    }

    /// What has been paid up to `at_seconds`, by the state that holds since the last event.
    pub(crate) fn exact(&self, at_seconds: u64) -> Exact {
        let mut until = self.clone();
        until.pay_until(at_seconds);
        let earned = until.earned.into_iter().map(|(who, terms)| (who, sum(&terms))).collect();
        Exact { earned, nobody_eligible: sum(&until.nobody_eligible) }
    }

    fn pay_until(&mut self, at_seconds: u64) {
        let window = self.campaign.window;
        let from = self.at_seconds.max(window.starts_at.0);
        let to = at_seconds.min(window.ends_at.0);
        self.at_seconds = at_seconds;
        if from >= to {
            return;
        }
        let weights = self.campaign.weights;
        let parts =
            [(weights.fees, Part::Fees), (weights.token0, Part::Token0), (weights.token1, Part::Token1)];
        for (weight, part) in parts {
            if weight > 0 {
                self.pay(part, self.emission(weight, to - from));
            }
        }
    }

    /// `budget * seconds / duration`, and of that the part's weight out of their sum.
    fn emission(&self, weight: u32, seconds: u64) -> BigRational {
        let weights = self.campaign.weights;
        let sum = u64::from(weights.fees) + u64::from(weights.token0) + u64::from(weights.token1);
        let duration = self.campaign.window.ends_at.0 - self.campaign.window.starts_at.0;
        let paid = big(self.campaign.budget.0) * BigInt::from(seconds) * BigInt::from(weight);
        BigRational::new(paid, BigInt::from(duration) * BigInt::from(sum))
    }

    fn pay(&mut self, part: Part, emission: BigRational) {
        let scores = self.scores(part);
        let total: BigRational = scores.iter().map(|(_, score)| score).sum();
        if total.is_zero() {
            self.nobody_eligible.push(emission);
            return;
        }
        let per_score = emission / total;
        for (who, score) in scores {
            let share = raw(score.numer() * per_score.numer(), score.denom() * per_score.denom());
            self.earned.entry(who).or_default().push(share);
        }
    }

    fn scores(&self, part: Part) -> Vec<((Holding, Address), BigRational)> {
        let Some((sqrt, tick)) = &self.price else { return Vec::new() };
        self.positions
            .iter()
            .filter(|(_, held)| held.liquidity > 0 && self.has_a_share(held.holder))
            .map(|(holding, held)| ((*holding, held.holder), self.score(part, held, sqrt, *tick)))
            .filter(|(_, score)| !score.is_zero())
            .collect()
    }

    fn has_a_share(&self, holder: Address) -> bool {
        let Campaign { whitelist, blacklist, .. } = self.campaign;
        let listed =
            if whitelist.is_empty() { !blacklist.contains(&holder) } else { whitelist.contains(&holder) };
        holder != Address::ZERO && listed
    }

    fn score(&self, part: Part, held: &Held, sqrt: &BigInt, tick: Tick) -> BigRational {
        let in_range = held.range.lower <= tick && tick < held.range.upper;
        let counts = in_range || (self.campaign.out_of_range && part != Part::Fees);
        if !counts {
            return BigRational::zero();
        }
        let (a, b) = (ratio(held.range.lower), ratio(held.range.upper));
        let s = if tick < held.range.lower {
            a.clone()
        } else if tick < held.range.upper {
            sqrt.clone()
        } else {
            b.clone()
        };
        let liquidity = BigInt::from(held.liquidity);
        match part {
            Part::Fees => BigRational::from(liquidity),
            Part::Token0 => BigRational::new((liquidity << 96_u32) * (&b - &s), s * b),
            Part::Token1 => BigRational::new(liquidity * (s - a), BigInt::from(1) << 96_u32),
        }
    }
}

fn ratio(tick: Tick) -> BigInt {
    big(sqrt_ratio(tick).expect("the pool is honest").0)
}

pub(crate) fn big(number: U256) -> BigInt {
    BigInt::from_bytes_le(num_bigint::Sign::Plus, &number.to_le_bytes::<32>())
}

/// Halves first, and without reducing: a plain sum would spend its time on common divisors.
fn sum(terms: &[BigRational]) -> BigRational {
    match terms {
        [] => BigRational::zero(),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            let (left, right) = (sum(left), sum(right));
            if left.denom() == right.denom() {
                return raw(left.numer() + right.numer(), left.denom().clone());
            }
            let numerator = left.numer() * right.denom() + right.numer() * left.denom();
            raw(numerator, left.denom() * right.denom())
        }
    }
}

fn raw(numerator: BigInt, denominator: BigInt) -> BigRational {
    BigRational::new_raw(numerator, denominator)
}
