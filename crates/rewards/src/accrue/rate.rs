//! What is paid for each thing that is counted: an emission over all of it, as its leading bits.

use alloy_primitives::{U128, Uint};

use super::growth::{Growth, Wide, multiply, times};

/// A number as the bits that lead it, the highest of them in the highest place, times a power of two. Rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leading<const LIMBS: usize> {
    limbs: [u64; LIMBS],
    exponent: i64,
    is_exact: bool,
}

impl<const LIMBS: usize> Leading<LIMBS> {
    /// `None` of zero.
    pub(super) fn of(limbs: &[u64]) -> Option<Self> {
        let end = limbs.iter().rposition(|limb| *limb != 0)? + 1;
        let shift = limbs[end - 1].leading_zeros();
        let at = |place: usize| end.checked_sub(place + 1).map_or(0, |index| limbs[index]);
        let mut taken = [0; LIMBS];
        for (place, taken) in taken.iter_mut().rev().enumerate() {
            *taken = at(place) << shift | at(place + 1).checked_shr(u64::BITS - shift).unwrap_or(0);
        }
        let lower = &limbs[..end.saturating_sub(LIMBS + 1)];
        let is_exact = at(LIMBS) << shift == 0 && lower.iter().all(|limb| *limb == 0);
        let bits = |limbs: usize| i64::try_from(limbs).expect("a few limbs") * i64::from(u64::BITS);
        Some(Self { limbs: taken, exponent: bits(end) - bits(LIMBS) - i64::from(shift), is_exact })
    }

    /// As many times as much; `None` of zero.
    pub(super) fn times(&self, by: u128) -> Option<Self> {
        let mut limbs = [0; Growth::LIMBS];
        multiply(&mut limbs, &self.limbs, U128::from(by).as_limbs());
        let product = Self::of(&limbs[..LIMBS + U128::LIMBS])?;
        Some(Self {
            exponent: product.exponent + self.exponent,
            is_exact: product.is_exact && self.is_exact,
            ..product
        })
    }
}

/// What each unit that was counted is paid: `emission / whole`, as the bits that lead it, [`RATE_BITS`] at least, times a
/// power of two. Rounded down, by less than `2^(1 - RATE_BITS)` of itself; whatever is paid by it is short by that part alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    leading: Uint<192, RATE_LIMBS>,
    exponent: i64,
}

/// Bits that a [`Rate`] has at least.
pub(super) const RATE_BITS: usize = 190;
const RATE_LIMBS: usize = 3;

/// An emission as a [`Rate`] looks at it.
pub(super) type Emission = Leading<6>;

impl Rate {
    /// Of nothing nobody is paid anything; `None` when the whole is zero: nobody has a share of it.
    pub(super) fn of(emission: Option<Emission>, whole: &[u64]) -> Option<Self> {
        let divisor = Leading::<RATE_LIMBS>::of(whole)?;
        let Some(dividend) = emission else { return Some(Self { leading: Uint::ZERO, exponent: 0 }) };
        // A bit less of the one and two of the other: the divisor rounded up fits then, and so does the quotient, which has
        // 191 bits at least.
        let cuts_off = !divisor.is_exact || divisor.limbs[0] & 1 == 1;
        let by: Uint<192, 3> = (Uint::from_limbs(divisor.limbs) >> 1) + Uint::from(u8::from(cuts_off));
        let quotient: Uint<384, 6> = (Uint::from_limbs(dividend.limbs) >> 2) / Uint::from(by);
        debug_assert!(quotient.bit_len() > RATE_BITS, "both are led by their highest bit");
        Some(Self { leading: quotient.to(), exponent: dividend.exponent + 2 - (divisor.exponent + 1) })
    }
}

/// What is paid for one thing that is counted.
pub(super) trait Pay {
    /// As growth, rounded down.
    fn once(&self) -> Growth;

    /// That so many times, modulo 2^1024.
    fn times<const N: usize>(&self, factor: &[u64; N]) -> Growth;
}

impl Pay for Growth {
    fn once(&self) -> Growth {
        *self
    }

    fn times<const N: usize>(&self, factor: &[u64; N]) -> Growth {
        times(self.as_limbs(), factor)
    }
}

impl Pay for Rate {
    fn once(&self) -> Growth {
        placed(self.leading.as_limbs(), self.exponent)
    }

    fn times<const N: usize>(&self, factor: &[u64; N]) -> Growth {
        // Rounded down before it is multiplied, where a bit of it is below the last that growth has.
        if self.exponent < 0 { self.once().times(factor) } else { self.share(factor) }
    }
}

impl Rate {
    /// What so much of the whole is paid, rounded down, modulo 2^1024: where the part is not in the whole, nobody has a share.
    pub(super) fn share<const N: usize>(&self, part: &[u64; N]) -> Growth {
        let mut limbs = [0; Wide::LIMBS + RATE_LIMBS];
        multiply(&mut limbs, part, self.leading.as_limbs());
        placed(&limbs[..N + RATE_LIMBS], self.exponent)
    }
}

/// `limbs * 2^exponent`, rounded down, modulo 2^1024.
fn placed(limbs: &[u64], exponent: i64) -> Growth {
    let (whole, bits) = (exponent.div_euclid(64), exponent.rem_euclid(64));
    let mut placed = [0; Growth::LIMBS];
    let mut above = 0;
    for (place, limb) in (whole..).zip(limbs.iter().chain(&[0])) {
        let [low, high] = *U128::from(u128::from(*limb) << bits).as_limbs();
        if let Some(placed) = usize::try_from(place).ok().and_then(|place| placed.get_mut(place)) {
            *placed = low | above;
        }
        above = high;
    }
    Growth::from_limbs(placed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accrue::growth::{Units, floor, whole};

    #[test]
    fn a_whole_share_is_the_whole_budget() {
        let budget = whole("1000".parse().unwrap());
        let third = rate(budget, Wide::from(3));
        let cases = [
            ("one of one", rate(budget, Wide::ONE).once(), "1000"),
            ("three thirds", third.once() * Growth::from(3), "1000"),
            ("three thirds at once", third.share(&[3]), "1000"),
            ("one third", third.once(), "333"),
            ("seven sevenths", rate(budget, Wide::from(7)).share(&[7]), "1000"),
        ];
        for (name, earned, expected) in cases {
            assert_eq!(floor(earned).to_string(), expected, "{name}");
        }
    }

    #[test]
    fn nobody_to_share_is_none() {
        assert_eq!(Rate::of(Leading::of(&[1]), Growth::ZERO.as_limbs()), None);
        let nothing = rate(Growth::ZERO, Wide::ONE);
        assert_eq!((nothing.once(), nothing.share(&[u64::MAX; 32])), (Growth::ZERO, Growth::ZERO));
    }

    fn rate(emission: Units, whole: Wide) -> Rate {
        Rate::of(Leading::of(emission.as_limbs()), whole.as_limbs()).unwrap()
    }

    /// A number of so many bits whose lower ones are all that a few multiplications leave.
    fn number(bits: usize) -> Wide {
        let mixed = (1..=10_u64).fold(Wide::from(bits), |number, by| {
            (number << 190_usize) ^ (number * Wide::from(0x9e37_79b9_7f4a_7c15 + by)) ^ Wide::from(by)
        });
        (mixed >> (2048 - bits)) | (Wide::ONE << (bits - 1))
    }

    #[test]
    fn a_rate_is_short_by_its_last_bits_alone() {
        let emissions = [1, 64, 191, 192, 193, 383, 384, 385, 864, 992].map(|bits| Units::from(number(bits)));
        for emission in emissions {
            for bits in [1, 2, 63, 64, 65, 189, 190, 191, 192, 193, 255, 256, 257, 600, 736, 992, 1_500] {
                for whole in [number(bits), Wide::ONE << (bits - 1), Wide::MAX >> (2048 - bits)] {
                    let rate = rate(emission, whole);
                    let exact = Wide::from(emission) / whole;
                    let one = Wide::from(rate.once());
                    assert!(one <= exact, "{emission} / {whole}");
                    let short = (exact >> (RATE_BITS - 1)) + Wide::ONE;
                    assert!(exact - one <= short, "{emission} / {whole}: {one} and not {exact}");
                    // All of it comes to all, but for as much of it.
                    let all = Wide::from(rate.share(whole.as_limbs()));
                    let short = Wide::from(emission) >> (RATE_BITS - 1);
                    assert!(all <= Wide::from(emission), "{emission} / {whole} * {whole}");
                    assert!(
                        Wide::from(emission) - all <= short + Wide::ONE,
                        "{emission}, all of {whole}: {all}"
                    );
                }
            }
        }
    }

    #[test]
    fn leading_bits_are_those_of_the_number() {
        let whole = |Leading { limbs, exponent, .. }: Leading<3>| {
            let (taken, places) = (Wide::from(Uint::<192, 3>::from_limbs(limbs)), exponent.unsigned_abs());
            assert!(taken.bit(191), "the highest is in the highest place");
            if exponent < 0 { taken >> places } else { taken << places }
        };
        for bits in 1..=1_100 {
            for number in [number(bits), Wide::ONE << (bits - 1)] {
                let leading = Leading::of(number.as_limbs()).unwrap();
                let last = Wide::ONE << leading.exponent.max(0).unsigned_abs();
                assert!(whole(leading) <= number && number - whole(leading) < last, "{bits}");
                assert_eq!(leading.is_exact, whole(leading) == number, "{bits}");
                for by in [1, 2, 3, 1 << 63, u128::from(u64::MAX), 1 << 64, u128::MAX] {
                    let product = number * Wide::from(by);
                    let leading = leading.times(by).unwrap();
                    let last = Wide::ONE << (leading.exponent.max(0) + 1).unsigned_abs();
                    assert!(whole(leading) <= product && product - whole(leading) < last, "{bits} * {by}");
                }
                assert_eq!(leading.times(0), None);
            }
        }
        assert_eq!(Leading::<3>::of(&[0; 4]), None);
    }

    #[test]
    fn what_is_placed_is_shifted() {
        for bits in [1, 64, 191, 192, 576] {
            let number = number(bits);
            for exponent in [-700, -129, -128, -127, -64, -1, 0, 1, 63, 64, 65, 800, 1_023, 1_024, 1_100] {
                let places = usize::try_from(i64::unsigned_abs(exponent)).unwrap();
                let shifted = if exponent < 0 { number >> places } else { number << places };
                let told = placed(&number.as_limbs()[..9], exponent);
                assert_eq!(told, Growth::wrapping_from(shifted), "{bits}, {exponent}");
            }
        }
    }

    #[test]
    fn a_rate_pays_so_many_times_what_it_pays_once() {
        let factors = [Growth::ONE, Growth::from(number(160)), Growth::from(number(480))];
        for (emission, whole) in [(900, 250), (992, 1), (400, 700), (1, 736)] {
            let rate = rate(Growth::from(number(emission)), number(whole));
            for factor in factors {
                let growth = rate.once();
                assert_eq!(rate.times(factor.as_limbs()), growth.wrapping_mul(factor), "{emission} {whole}");
                assert_eq!(growth.times(factor.as_limbs()), growth.wrapping_mul(factor));
            }
        }
    }
}
