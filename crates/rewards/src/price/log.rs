//! A pool's price over time, and its mean over a window.
//!
//! The mean is geometric, as Uniswap's oracle has it: the logarithm of the price, weighted by the seconds for which it
//! held. A swap weighs only what its price held afterwards: nothing within its own block. It serves every venue alike,
//! since it is made of the price and not of ticks.

use std::collections::VecDeque;
use std::sync::LazyLock;

use alloy_primitives::{U256, U512};
use serde::{Deserialize, Serialize};

use crate::unit::UnixSeconds;

/// The longest window that a mean is told for: a day.
pub const WINDOW_SECONDS_MAX: u32 = 86_400;

/// For so long each block's price is kept. What is older is kept by the minute: a mean over a longer window counts its
/// first minute as if the mean of that minute had held all through it.
const EXACT_SECONDS: u64 = 3_600;
const MINUTE_SECONDS: u64 = 60;

/// Fractional bits of a [`LogPrice`].
const LOG_BITS: u32 = 40;

/// The binary logarithm of token0's price in token1, both in smallest units, times 2^40, rounded down.
///
/// A step is 6.3 * 10^-13 of the price, or 6.3 * 10^-9 of a tick: a price that goes through it is low by at most that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogPrice(pub i64);

/// Why there is no mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanUnknown {
    /// The pool has no price.
    NoPrice,
    /// The price is not known for so long, or the window is none that is kept.
    WindowNotCovered,
}

/// The prices of the last day, each with when it came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceLog {
    price_x192: Option<U512>,
    /// What is older than an hour, thinned out: the first of each minute.
    minutes: VecDeque<Entry>,
    /// What came after: every price.
    exact: VecDeque<Entry>,
}

/// A price from `at` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    at: UnixSeconds,
    log: LogPrice,
    /// The sum of logarithms times seconds, up to `at`.
    cumulative: i128,
}

impl PriceLog {
    /// Notes the price that holds from `at` on: token0 in token1, in smallest units, times 2^192. A pool that has no
    /// price any more begins anew.
    pub fn observe(&mut self, at: UnixSeconds, price_x192: Option<U512>) {
        if price_x192 == self.price_x192 {
            return;
        }
        self.price_x192 = price_x192;
        let Some(log) = price_x192.and_then(LogPrice::of) else {
            self.minutes.clear();
            self.exact.clear();
            return;
        };
        match self.exact.back_mut() {
            Some(last) if last.at >= at => last.log = log,
            last => {
                let cumulative = last.map_or(0, |last| last.cumulative_at(at));
                self.exact.push_back(Entry { at, log, cumulative });
            }
        }
        self.thin(at);
    }

    /// The mean over the `window_seconds` up to `at`, rounded down to a step.
    ///
    /// # Errors
    /// No price, or none for so long: a mean over less than the window is not told.
    pub fn mean(&self, at: UnixSeconds, window_seconds: u32) -> Result<LogPrice, MeanUnknown> {
        if self.exact.is_empty() {
            return Err(MeanUnknown::NoPrice);
        }
        if window_seconds > WINDOW_SECONDS_MAX {
            return Err(MeanUnknown::WindowNotCovered);
        }
        let from = at.0.checked_sub(u64::from(window_seconds)).ok_or(MeanUnknown::WindowNotCovered)?;
        if window_seconds == 0 {
            return self.holding_at(at).map(|entry| entry.log).ok_or(MeanUnknown::WindowNotCovered);
        }
        let covered = self.cumulative(at).zip(self.cumulative(UnixSeconds(from)));
        let (end, start) = covered.ok_or(MeanUnknown::WindowNotCovered)?;
        let mean = (end - start).div_euclid(i128::from(window_seconds));
        Ok(LogPrice(i64::try_from(mean).expect("a mean lies between what it is made of")))
    }

    /// The sum up to `at`, between two entries in a straight line; `None` before the first.
    fn cumulative(&self, at: UnixSeconds) -> Option<i128> {
        let after = self.count_to(at);
        let before = self.entry(after.checked_sub(1)?)?;
        let Some(next) = self.entry(after) else { return Some(before.cumulative_at(at)) };
        let (passed, whole) = (at.since(before.at), next.at.since(before.at));
        let grown = (next.cumulative - before.cumulative) * i128::from(passed);
        Some(before.cumulative + grown.div_euclid(i128::from(whole)))
    }

    fn holding_at(&self, at: UnixSeconds) -> Option<&Entry> {
        self.entry(self.count_to(at).checked_sub(1)?)
    }

    /// How many entries there are up to `at`.
    fn count_to(&self, at: UnixSeconds) -> usize {
        let count = |entries: &VecDeque<Entry>| entries.partition_point(|entry| entry.at <= at);
        count(&self.minutes) + count(&self.exact)
    }

    /// Of all entries, oldest first.
    fn entry(&self, index: usize) -> Option<&Entry> {
        match index.checked_sub(self.minutes.len()) {
            None => self.minutes.get(index),
            Some(later) => self.exact.get(later),
        }
    }

    /// Drops what no window reaches, and of what is older than an hour all but the first of each minute. The newest price
    /// stays exact.
    fn thin(&mut self, now: UnixSeconds) {
        let minute = |entry: &Entry| entry.at.0 / MINUTE_SECONDS;
        while let Some(old) = self.exact.pop_front_if(|entry| now.since(entry.at) > EXACT_SECONDS) {
            if self.minutes.back().map(minute) != Some(minute(&old)) {
                self.minutes.push_back(old);
            }
        }
        while self.minutes.get(1).is_some_and(|next| now.since(next.at) > u64::from(WINDOW_SECONDS_MAX)) {
            self.minutes.pop_front();
        }
    }
}

impl Entry {
    fn cumulative_at(&self, at: UnixSeconds) -> i128 {
        self.cumulative + i128::from(self.log.0) * i128::from(at.since(self.at))
    }
}

impl LogPrice {
    /// Of a price times 2^192; `None` of zero, which is no price.
    ///
    /// The whole bits are the place of the highest bit. Each fractional bit asks whether the square of what is left
    /// has reached 2.
    pub fn of(price_x192: U512) -> Option<Self> {
        let top = price_x192.bit_len().checked_sub(1)?;
        let aligned = if top >= 127 { price_x192 >> (top - 127) } else { price_x192 << (127 - top) };
        let mantissa_x127: u128 = aligned.to();
        let whole = i64::try_from(top).expect("512 bits have fewer than 2^63 places") - 192;
        let fraction = quick_fraction(mantissa_x127).unwrap_or_else(|| fraction(mantissa_x127, LOG_BITS));
        Some(Self((whole << LOG_BITS) + fraction))
    }

    /// The price as `mantissa / 2^128 * 2^exponent`, with `1 <= mantissa / 2^128 < 2`; low by less than 2^-120 of it.
    pub fn to_price(self) -> (U256, i64) {
        let fraction = self.0 & ((1 << LOG_BITS) - 1);
        let mut mantissa_x128 = U256::ONE << 128;
        for (bit, root_x128) in (0..LOG_BITS).rev().zip(ROOTS_X128.iter()) {
            if fraction >> bit & 1 == 1 {
                mantissa_x128 = U256::from((U512::from(mantissa_x128) * U512::from(*root_x128)) >> 128_usize);
            }
        }
        (mantissa_x128, self.0 >> LOG_BITS)
    }
}

/// So many fractional bits of the logarithm of a mantissa of 127 bits, all of which are squared: far more than are told.
fn fraction(mut mantissa_x127: u128, bits: u32) -> i64 {
    let mut fraction = 0;
    for _ in 0..bits {
        let (low, high) = mantissa_x127.carrying_mul(mantissa_x127, 0);
        // Counted and not branched on: which way it goes is what no processor can guess.
        let (has_reached_2, left) = (high >> 127, 1 - (high >> 127));
        mantissa_x127 = (high << left) | ((low >> 127) * left);
        fraction = fraction << 1 | i64::from(has_reached_2 == 1);
    }
    fraction
}

/// The same 40 bits by 64-bit numbers, where they decide.
///
/// Three times the mantissa is multiplied by one over what its next seven bits say, whose logarithm is known. What is left is
/// 1 + e with e below 2^-20, and `log2(1 + e) = (e - e^2/2 + ...) / ln 2`. Cutting off makes it wrong by less than eight 2^-60:
/// three times 2^-60 by the logarithms, one by the last product, and less than one by all else.
fn quick_fraction(mantissa_x127: u128) -> Option<i64> {
    const ONE_OVER_LN_2_X63: u64 = 0xb8aa_3b29_5c17_f0bb;
    const OFF_BY_X60: i64 = 8;
    let mut mantissa_x63 = upper_half(mantissa_x127);
    let mut fraction_x60 = 0;
    for (factors, bits) in FACTORS.iter().zip([7, 14, 21]) {
        let said = (mantissa_x63 - ONE_X63) >> (63 - bits);
        let Factor { inverse_x63, log_x60 } =
            factors[usize::try_from(said).expect("below 128: what went before left no more")];
        mantissa_x63 = upper_half((u128::from(mantissa_x63) * u128::from(inverse_x63)) << 1);
        fraction_x60 += log_x60;
    }
    let left_x63 = mantissa_x63 - ONE_X63;
    let left_x63 = left_x63 - upper_half(u128::from(left_x63) * u128::from(left_x63));
    let last_x62 = upper_half(u128::from(left_x63) * u128::from(ONE_OVER_LN_2_X63));
    fraction_x60 += i64::try_from(last_x62 >> 2).expect("below 2^62, shifted by two");
    let cut = |fraction_x60: i64| fraction_x60 >> (60 - LOG_BITS);
    let least = cut(fraction_x60 - OFF_BY_X60);
    (least >= 0 && least == cut(fraction_x60 + OFF_BY_X60)).then_some(least)
}

const ONE_X63: u64 = 1 << 63;

fn upper_half(number: u128) -> u64 {
    u64::try_from(number >> 64).expect("the upper 64 of 128 bits")
}

/// One over a number a little above one, rounded up, with what the logarithm loses by it.
#[derive(Clone, Copy)]
struct Factor {
    inverse_x63: u64,
    log_x60: i64,
}

/// Those of `1 + said / 2^7`, of `1 + said / 2^14` and of `1 + said / 2^21`.
static FACTORS: LazyLock<[[Factor; 128]; 3]> = LazyLock::new(|| {
    let factor = |said: usize, bits: u32| {
        let number_x63 = ONE_X63 + (u64::try_from(said).expect("below 128") << (63 - bits));
        let inverse_x63 = (1_u128 << 126).div_ceil(u128::from(number_x63));
        // Below one but for the first, where nothing is lost.
        let log_x60 = if said == 0 { 0 } else { (1 << 60) - fraction(inverse_x63 << 65, 60) };
        Factor { inverse_x63: u64::try_from(inverse_x63).expect("one over what is not below one"), log_x60 }
    };
    [7, 14, 21].map(|bits| std::array::from_fn(|said| factor(said, bits)))
});

/// 2 to the 1/2, 1/4, 1/8 ...: each the square root of the one before.
static ROOTS_X128: LazyLock<Vec<U256>> = LazyLock::new(|| {
    let roots = std::iter::successors(Some(U256::ONE << 129), |root_x128| Some(square_root_x128(*root_x128)));
    roots.skip(1).take(LOG_BITS.try_into().expect("a few bits")).collect()
});

/// `sqrt(x)` of a number of 128 fractional bits below 4, rounded down.
fn square_root_x128(x: U256) -> U256 {
    U256::from((U512::from(x) << 128_usize).root(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::square;
    use crate::math::tick::sqrt_ratio;
    use crate::unit::Tick;

    fn x192(power: usize) -> U512 {
        U512::ONE << power
    }

    #[test]
    fn logarithms_known_by_hand() {
        let one = 1_i64 << 40;
        let cases = [
            ("one", x192(192), 0),
            ("two", x192(193), one),
            ("a half", x192(191), -one),
            ("the least price", U512::ONE, -192 * one),
            ("the square root of two", (U512::ONE << 257_usize).root(2) << 64_usize, one / 2 - 1),
            // log2(3) = 1.58496250072115618...
            ("three", U512::from(3) << 192_usize, 1_742_684_699_131),
        ];
        for (name, price, expected) in cases {
            assert_eq!(LogPrice::of(price), Some(LogPrice(expected)), "{name}");
        }
        assert_eq!(LogPrice::of(U512::ZERO), None);
        assert_eq!(LogPrice::of(U512::MAX), Some(LogPrice(320 * one - 1)));
    }

    #[test]
    fn half_of_the_bits_say_what_all_do_where_they_say_something() {
        let mut mantissa_x127 = 1_u128 << 127;
        let mut undecided = 0;
        for step in 0..200_000_u128 {
            mantissa_x127 = (mantissa_x127.rotate_left(37) ^ step.wrapping_mul(u128::MAX / 11)) | 1 << 127;
            let all = fraction(mantissa_x127, LOG_BITS);
            match quick_fraction(mantissa_x127) {
                Some(quick) => assert_eq!(quick, all, "{mantissa_x127:x}"),
                None => undecided += 1,
            }
        }
        assert!(undecided < 20, "{undecided} of 200,000");
        // A step below, at and above each of some roots, where only what was cut off says which it is.
        for root_x128 in ROOTS_X128.iter().skip(1) {
            let root_x127: u128 = (*root_x128 >> 1_usize).to();
            for mantissa_x127 in [root_x127 - 1, root_x127, root_x127 + 1] {
                let quick = quick_fraction(mantissa_x127);
                assert!(
                    quick.is_none_or(|quick| quick == fraction(mantissa_x127, LOG_BITS)),
                    "{mantissa_x127:x}"
                );
            }
        }
        let ends = [(u128::MAX, (1 << LOG_BITS) - 1), (1 << 127, 0), ((1 << 127) + 1, 0)];
        for (mantissa_x127, all) in ends {
            assert_eq!(quick_fraction(mantissa_x127), None, "too near: {mantissa_x127:x}");
            assert_eq!(fraction(mantissa_x127, LOG_BITS), all);
        }
        // Where the next seven bits change, three times over.
        for (bits, said) in [7, 14, 21].into_iter().flat_map(|bits| (1..128).map(move |said| (bits, said))) {
            let edge = (1_u128 << 127) + (said << (127 - bits));
            for mantissa_x127 in [edge - 1, edge, edge + 1, edge + (1 << 64)] {
                let quick = quick_fraction(mantissa_x127);
                assert!(
                    quick.is_none_or(|quick| quick == fraction(mantissa_x127, LOG_BITS)),
                    "{mantissa_x127:x}"
                );
            }
        }
    }

    #[test]
    fn a_price_comes_back_to_its_step() {
        for tick in [-887_272, -276_325, -1, 0, 1, 12_345, 276_325, 887_271] {
            let price = square(sqrt_ratio(Tick(tick)).unwrap());
            let (mantissa, exponent) = LogPrice::of(price).unwrap().to_price();
            let shift = exponent + 64;
            let told = if shift >= 0 {
                U512::from(mantissa) << usize::try_from(shift).unwrap()
            } else {
                U512::from(mantissa) >> usize::try_from(-shift).unwrap()
            };
            assert!(told <= price, "tick {tick}");
            // 6.4 * 10^-13 of the price, and one unit where it has few digits.
            let off = (price - told) / (price / U512::from(1_000_000_000_000_000_u64)).max(U512::ONE);
            assert!(off <= U512::from(640), "tick {tick}: off by {off} * 10^-15");
        }
    }

    fn log_of(prices: &[(u64, i32)]) -> PriceLog {
        let mut log = PriceLog::default();
        for (at, tick) in prices {
            log.observe(UnixSeconds(*at), Some(square(sqrt_ratio(Tick(*tick)).unwrap())));
        }
        log
    }

    /// The mean in thousandths of a tick.
    fn mean(log: &PriceLog, at: u64, window_seconds: u32) -> Result<i64, MeanUnknown> {
        let step = LogPrice::of(square(sqrt_ratio(Tick(100_000)).unwrap())).unwrap().0 / 100_000;
        log.mean(UnixSeconds(at), window_seconds).map(|mean| (mean.0 * 1000 + step / 2).div_euclid(step))
    }

    #[test]
    fn means_known_by_hand() {
        let log = log_of(&[(1000, 100), (1900, 200), (2800, 200)]);
        let cases = [
            ("at the first price", 1000, 0, Ok(100_000)),
            ("before it", 999, 0, Err(MeanUnknown::WindowNotCovered)),
            ("not yet covered", 2799, 1800, Err(MeanUnknown::WindowNotCovered)),
            ("half and half", 2800, 1800, Ok(150_000)),
            ("all new", 3700, 1800, Ok(200_000)),
            ("a third new", 2350, 1350, Ok(133_333)),
            ("within the newest block", 1900, 900, Ok(100_000)),
            ("longer than a day", 200_000, 86_401, Err(MeanUnknown::WindowNotCovered)),
        ];
        for (name, at, window, expected) in cases {
            assert_eq!(mean(&log, at, window), expected, "{name}");
        }
        assert_eq!(PriceLog::default().mean(UnixSeconds(9), 1), Err(MeanUnknown::NoPrice));
    }

    #[test]
    fn one_swap_moves_the_mean_by_no_more_than_its_time() {
        // For one block of two seconds the price stands 6931 ticks (a factor of two) higher.
        let log = log_of(&[(0, 0), (10_000, 6931), (10_002, 0)]);
        assert_eq!(mean(&log, 10_000, 1800), Ok(0), "no weight in its own block");
        // 6931 * 2 / 1800 = 7.70 ticks: 0.077 % of the price.
        assert_eq!(mean(&log, 10_002, 1800), Ok(7_701));
        assert_eq!(mean(&log, 11_802, 1800), Ok(0), "and is forgotten when the window has passed");
    }

    #[test]
    fn a_day_is_kept_by_the_minute() {
        let mut log = PriceLog::default();
        for block in 0..60_000_u64 {
            let tick = i32::try_from(block % 7).unwrap();
            log.observe(UnixSeconds(block * 2), Some(square(sqrt_ratio(Tick(tick)).unwrap())));
        }
        let kept = log.minutes.len() + log.exact.len();
        assert!(kept < 3_300, "{kept} entries");
        let told = mean(&log, 119_998, 86_400).unwrap();
        assert!((2_990..=3_010).contains(&told), "the mean of 0 to 6 is 3: {told}");
    }
}
