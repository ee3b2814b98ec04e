//! What a stake comes to, from the bits that decide it.
//!
//! It comes to `base + weight * growth`, with the growth inside its range. Where no vault cuts its weight that is
//! `base + liquidity * (growth * 2^128)` modulo 2^1024. Of both terms only the upper 384 bits are
//! looked at. What is left out below them, in units of the last bit that is kept, is less than `liquidity + 1`: the sum of what
//! is kept is short of the whole by `liquidity` at most, which is below 2^128. So unless the 96 bits below the units are all
//! ones, nothing carries into them, and that is the figure; where they are, all bits are counted.

use alloy_primitives::{U128, U256, Uint};

use super::Stake;
use crate::accrue::growth::{self, GROWTH_BITS, Growth, MARGIN_BITS, WEIGHT_BITS, Weight, multiply};
use crate::unit::Amount;

/// The upper bits of a [`Growth`].
type Bits = Uint<384, 6>;

const LOWER_LIMBS: usize = Growth::LIMBS - Bits::LIMBS;
const UNIT_BITS: usize = GROWTH_BITS - 64 * LOWER_LIMBS;

/// The bits below the units that a liquidity does not reach.
type Fraction = Uint<{ UNIT_BITS - U128::BITS }, 2>;

/// The upper bits of a growth per liquidity.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerLiquidity(Bits);

/// A stake that earns, as far as an hour needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) stake: usize,
    pub(super) account: usize,
    /// What it came to when it was last counted.
    pub(super) earned: Amount,
    liquidity: U128,
    base: Bits,
}

impl PerLiquidity {
    pub(super) fn of(growth: Growth) -> Self {
        Self(upper(growth << WEIGHT_BITS))
    }
}

impl Stake {
    /// What it comes to, now that so much has grown inside its range.
    pub(super) fn comes_to(&self, growth: &Growth) -> Amount {
        let grown = PerLiquidity::of(*growth);
        let told =
            whole_liquidity(self.weight).and_then(|liquidity| units(upper(self.base), liquidity, grown));
        told.unwrap_or_else(|| growth::floor(self.earned(growth)))
    }
}

impl Member {
    /// A stake whose weight no vault cuts.
    pub(super) fn new(index: usize, stake: &Stake, account: usize, earned: Amount) -> Self {
        let liquidity = whole_liquidity(stake.weight).expect("without vaults all of the liquidity counts");
        Self { stake: index, account, earned, liquidity, base: upper(stake.base) }
    }

    /// What it comes to; `None` where the upper bits do not decide it.
    pub(super) fn comes_to(&self, growth: PerLiquidity) -> Option<Amount> {
        units(self.base, self.liquidity, growth)
    }
}

/// `base + liquidity * growth`, rounded down as [`growth::floor`] does; `None` where the upper bits do not decide it.
fn units(base: Bits, liquidity: U128, PerLiquidity(growth): PerLiquidity) -> Option<Amount> {
    let mut grown = [0; Bits::LIMBS];
    multiply(&mut grown, growth.as_limbs(), liquidity.as_limbs());
    let margin = Bits::ONE << (UNIT_BITS - MARGIN_BITS);
    let least = Bits::from_limbs(grown).wrapping_add(base).wrapping_add(margin);
    let units: Bits = least >> UNIT_BITS;
    let fraction: Bits = least >> U128::BITS;
    (fraction.wrapping_to::<Fraction>() != Fraction::MAX).then(|| Amount(units.to()))
}

fn upper(growth: Growth) -> Bits {
    let (_, kept) = growth.as_limbs().split_at(LOWER_LIMBS);
    Bits::from_limbs(std::array::from_fn(|place| kept[place]))
}

/// The liquidity that is all of a weight; `None` where a vault left a fraction.
fn whole_liquidity(weight: Weight) -> Option<U128> {
    let liquidity: U256 = weight >> WEIGHT_BITS;
    (liquidity << WEIGHT_BITS == weight).then(|| liquidity.to())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;
    use crate::accrue::growth::{times, weight};
    use crate::unit::Liquidity;

    /// With so much earned when so much had grown; behind a vault, a fraction of it does not count.
    fn stake(liquidity: u128, then: Growth, earned: Growth, fraction: u64) -> Stake {
        let liquidity = Liquidity(liquidity);
        let weight = weight(liquidity) - Weight::from(fraction);
        let base = earned.wrapping_sub(times(then.as_limbs(), weight.as_limbs()));
        Stake { liquidity, weight, base, ..Stake::nobodys() }
    }

    fn by_all_bits(stake: &Stake, growth: &Growth) -> Amount {
        growth::floor(stake.earned(growth))
    }

    fn by_the_upper(stake: &Stake, growth: &Growth) -> Option<Amount> {
        Member::new(0, stake, 0, Amount::ZERO).comes_to(PerLiquidity::of(*growth))
    }

    fn growth() -> impl Strategy<Value = Growth> {
        proptest::array::uniform16(any::<u64>()).prop_map(Growth::from_limbs)
    }

    fn config() -> ProptestConfig {
        let rng_seed = RngSeed::Fixed(20_250_605);
        ProptestConfig { cases: 2_000, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
    }

    proptest! {
        #![proptest_config(config())]

        /// The growth wraps; what it comes to stays below 2^128 units, as budgets do.
        #[test]
        fn the_upper_bits_tell_what_all_bits_tell(
            liquidity in 1_u128..,
            (then, grown, earned) in (growth(), growth(), growth()),
            narrow in 0_usize..128,
            fraction in 0_u64..3,
        ) {
            let liquidity = (liquidity >> narrow).max(1);
            let most = (Growth::from(u128::MAX) << GROWTH_BITS) / Growth::from(2);
            let now = then.wrapping_add(grown % (most / Growth::from(weight(Liquidity(liquidity)))));
            let (whole, cut) =
                (stake(liquidity, then, earned % most, 0), stake(liquidity, then, earned % most, fraction));
            prop_assert_eq!(by_the_upper(&whole, &now), Some(by_all_bits(&whole, &now)));
            prop_assert_eq!(whole.comes_to(&now), by_all_bits(&whole, &now));
            prop_assert_eq!(cut.comes_to(&now), by_all_bits(&cut, &now));
        }
    }

    #[test]
    fn what_the_upper_bits_do_not_decide_is_not_told_by_them() {
        let unit = Growth::ONE << GROWTH_BITS;
        let margin = Growth::ONE << (GROWTH_BITS - MARGIN_BITS);
        let below = |bits: usize| unit - margin - (Growth::ONE << bits);
        let lowest_kept = 64 * LOWER_LIMBS;
        let cases = [
            ("a unit", 1, unit, Some(1)),
            ("a unit with the margin", 1, unit - margin, Some(1)),
            ("less by the last bit of all", 1, below(0), None),
            ("less by the last that is kept", 1, below(lowest_kept), None),
            ("little liquidity, as if it were much", 1, below(lowest_kept + 128), None),
            ("much liquidity", u128::MAX, below(lowest_kept + 127), None),
            ("less than it leaves open", u128::MAX, below(lowest_kept + 129), Some(0)),
            ("nothing", u128::MAX, Growth::ZERO, Some(0)),
        ];
        for (name, liquidity, earned, expected) in cases {
            let stake = stake(liquidity, Growth::ZERO, earned, 0);
            let figure = expected.map(|units: u64| Amount(U256::from(units)));
            assert_eq!(by_the_upper(&stake, &Growth::ZERO), figure, "{name}");
            assert_eq!(stake.comes_to(&Growth::ZERO), by_all_bits(&stake, &Growth::ZERO), "{name}");
            assert!(figure.is_none_or(|figure| figure == by_all_bits(&stake, &Growth::ZERO)), "{name}");
        }
    }
}
