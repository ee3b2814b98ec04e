//! The state of a pool with its owners, and what it makes everybody worth.

use std::collections::BTreeMap;

use accrual_rewards::accrue::When;
use accrual_rewards::ledger::{Change, PriceChange};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::ownership::{Move, Owner, StakeIndex, VaultIndex};
use accrual_rewards::unit::{Tick, TickRange};
use alloy_primitives::Address;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::exact::{big, big_512, raw, sum, whole};
use super::terms::Terms;

/// Who scores: a row of the answer.
pub(crate) type Who = super::Row;

/// The three ways in which a position can be worth something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Fees,
    Token0,
    Token1,
}

/// Price, stakes and shareholders.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    price: Option<(Tick, BigInt)>,
    stakes: BTreeMap<StakeIndex, (TickRange, u128, Owner)>,
    members: BTreeMap<VaultIndex, BTreeMap<Owner, u128>>,
}

/// Scores, term by term.
#[derive(Default)]
pub(crate) struct Scores(BTreeMap<Who, Vec<BigRational>>);

impl Scores {
    pub(crate) fn add(&mut self, scores: &[(Who, BigRational)], times: &BigRational) {
        for (who, score) in scores {
            let term = raw(score.numer() * times.numer(), score.denom() * times.denom());
            self.0.entry(*who).or_default().push(term);
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (Who, BigRational)> {
        self.0.iter().map(|(who, terms)| (*who, sum(terms)))
    }

    pub(crate) fn total(&self) -> BigRational {
        sum(&self.0.values().flatten().cloned().collect::<Vec<_>>())
    }
}

/// The states between `from` and `to`, each with its seconds.
pub(crate) fn intervals(moves: &[(When, Move)], from: u64, to: u64) -> Vec<(State, u64)> {
    let mut intervals = Vec::new();
    let mut state = State::default();
    for (place, (when, one)) in moves.iter().enumerate() {
        state.apply(one);
        let until = moves.get(place + 1).map_or(u64::MAX, |(next, _)| next.at.0);
        let seconds = until.min(to).saturating_sub(when.at.0.max(from));
        if seconds > 0 {
            intervals.push((state.clone(), seconds));
        }
    }
    intervals
}

/// token0 in token1 when the block of a move has ended.
pub(crate) fn price_at_end_of_block(moves: &[(When, Move)], place: usize) -> BigRational {
    let block = moves[place].0.block;
    let until = moves.iter().rposition(|(when, _)| when.block == block).expect("its own is there");
    let newest = moves[..=until].iter().rev().find_map(|(_, one)| price_of(one)?.price_x192);
    price(newest.expect("fees come after the first price"))
}

/// Half of what was traded, in token1 at the price after it; `None` for what is no trade.
pub(crate) fn value_of_trade(one: &Move) -> Option<BigRational> {
    let Move::Pool(Change::Trade(trade)) = one else { return None };
    let price = price(trade.price.price_x192.expect("a trade has a price"));
    let both = whole(big(trade.amount1.0)) + whole(big(trade.amount0.0)) * price;
    Some(both / whole(2))
}

fn price(price_x192: alloy_primitives::U512) -> BigRational {
    raw(big_512(price_x192), BigInt::from(1) << 192_u32)
}

fn price_of(one: &Move) -> Option<PriceChange> {
    match one {
        Move::Pool(Change::Price(price)) => Some(**price),
        Move::Pool(Change::Trade(trade)) => Some(trade.price),
        _ => None,
    }
}

impl State {
    pub(crate) fn apply(&mut self, one: &Move) {
        if let Some(price) = price_of(one) {
            self.price = Some((price.to, big(price.sqrt_price_x96.0)));
        }
        match one {
            Move::Pool(_) => {}
            Move::Stake { stake, range, liquidity, owner } => {
                self.stakes.insert(*stake, (*range, liquidity.0, *owner));
            }
            Move::Shares { vault, member, shares } => {
                self.members.entry(*vault).or_default().insert(*member, shares.0);
            }
        }
    }

    /// What each account owns of all stakes' liquidity, by whatever way.
    pub(crate) fn owned(&self) -> BTreeMap<Address, BigRational> {
        let mut owned = BTreeMap::new();
        for (_, liquidity, owner) in self.stakes.values() {
            for (account, _, part) in self.owners(*owner, None, whole(*liquidity)) {
                *owned.entry(account).or_insert_with(BigRational::zero) += part;
            }
        }
        owned.retain(|_, part| !part.is_zero());
        owned
    }

    /// What everybody with a share has of a part at the present price.
    pub(crate) fn held(&self, terms: &Terms, part: Part) -> Vec<(Who, BigRational)> {
        let Some((tick, sqrt)) = &self.price else { return Vec::new() };
        self.scored(terms, |range, liquidity| {
            let in_range = range.lower <= *tick && *tick < range.upper;
            if in_range || (terms.out_of_range && part != Part::Fees) {
                amount(part, range, liquidity, *tick, sqrt)
            } else {
                BigRational::zero()
            }
        })
    }

    /// The fees that a move brings everybody with a share, in 2^-128 units of token1; this is the state before it.
    pub(crate) fn fees(
        &self,
        terms: &Terms,
        one: &Move,
        price: impl Fn() -> BigRational,
    ) -> Vec<(Who, BigRational)> {
        let Some((tick, _)) = self.price else { return Vec::new() };
        let mut steps = Vec::new();
        match one {
            Move::Pool(Change::Trade(trade)) => {
                let mut at = tick;
                for step in trade.steps.iter().flatten() {
                    steps.push((at, step.growth0_x128, step.growth1_x128));
                    at = step.tick;
                }
            }
            Move::Pool(Change::Fees { growth0_x128, growth1_x128 }) => {
                steps.push((tick, *growth0_x128, *growth1_x128));
            }
            _ => return Vec::new(),
        }
        let price = price();
        self.scored(terms, |range, liquidity| {
            let inside = steps.iter().filter(|(at, ..)| range.lower <= *at && *at < range.upper);
            let values =
                inside.map(|(_, growth0, growth1)| whole(big(*growth0)) * &price + whole(big(*growth1)));
            whole(liquidity) * values.sum::<BigRational>()
        })
    }

    /// A score of each stake, split over those it belongs to; those without a share are left out.
    fn scored(
        &self,
        terms: &Terms,
        score: impl Fn(TickRange, u128) -> BigRational,
    ) -> Vec<(Who, BigRational)> {
        let mut scores = Vec::new();
        for (stake, (range, liquidity, owner)) in &self.stakes {
            if *liquidity == 0 {
                continue;
            }
            let score = score(*range, *liquidity);
            for (account, through, part) in self.owners(*owner, None, whole(1)) {
                if terms.has_a_share(account) && !score.is_zero() {
                    scores.push(((*stake, account, through), &score * part));
                }
            }
        }
        scores
    }

    /// The accounts behind an owner, each with its part.
    fn owners(
        &self,
        owner: Owner,
        through: Option<VaultIndex>,
        part: BigRational,
    ) -> Vec<(Address, Option<VaultIndex>, BigRational)> {
        match owner {
            Owner::Account(account) => vec![(account, through, part)],
            Owner::Vault(vault) => {
                let none = BTreeMap::new();
                let members = self.members.get(&vault).unwrap_or(&none);
                let supply: BigInt = members.values().map(|shares| BigInt::from(*shares)).sum();
                let shared = members.iter().filter(|(_, shares)| **shares > 0);
                let owners = shared.flat_map(|(member, shares)| {
                    let share = BigRational::new(BigInt::from(*shares), supply.clone());
                    self.owners(*member, Some(vault), &part * share)
                });
                owners.collect()
            }
        }
    }
}

/// What a position has of a part: liquidity, or the tokens that it would give back now.
fn amount(part: Part, range: TickRange, liquidity: u128, tick: Tick, sqrt: &BigInt) -> BigRational {
    let (a, b) = (ratio(range.lower), ratio(range.upper));
    let s = if tick < range.lower {
        a.clone()
    } else if tick < range.upper {
        sqrt.clone()
    } else {
        b.clone()
    };
    let liquidity = BigInt::from(liquidity);
    match part {
        Part::Fees => whole(liquidity),
        Part::Token0 => raw((liquidity << 96_u32) * (&b - &s), s * b),
        Part::Token1 => raw(liquidity * (s - a), BigInt::from(1) << 96_u32),
    }
}

fn ratio(tick: Tick) -> BigInt {
    big(sqrt_ratio(tick).expect("a tick of a range").0)
}
