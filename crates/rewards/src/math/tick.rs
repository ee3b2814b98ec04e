//! From a tick to the square root of its price, exactly as v3-core's `TickMath` counts it.

use alloy_primitives::U256;

use crate::unit::{SqrtPriceX96, Tick, TickRange};

/// The lowest tick of any pool.
pub const TICK_MIN: Tick = Tick(-887_272);
/// The highest tick of any pool.
pub const TICK_MAX: Tick = Tick(887_272);

/// `2^128 / sqrt(1.0001)^(2^k)` for k = 0..20, rounded as v3-core has them.
const POWERS_X128: [u128; 20] = [
    0xfffc_b933_bd6f_ad37_aa2d_162d_1a59_4001,
    0xfff9_7272_373d_4132_59a4_6990_580e_213a,
    0xfff2_e50f_5f65_6932_ef12_357c_f3c7_fdcc,
    0xffe5_caca_7e10_e4e6_1c36_24ea_a094_1cd0,
    0xffcb_9843_d60f_6159_c9db_5883_5c92_6644,
    0xff97_3b41_fa98_c081_472e_6896_dfb2_54c0,
    0xff2e_a164_66c9_6a38_43ec_78b3_26b5_2861,
    0xfe5d_ee04_6a99_a2a8_11c4_61f1_969c_3053,
    0xfcbe_86c7_900a_88ae_dcff_c83b_479a_a3a4,
    0xf987_a725_3ac4_1317_6f2b_074c_f781_5e54,
    0xf339_2b08_22b7_0005_940c_7a39_8e4b_70f3,
    0xe715_9475_a2c2_9b74_43b2_9c7f_a6e8_89d9,
    0xd097_f3bd_fd20_22b8_845a_d8f7_92aa_5825,
    0xa9f7_4646_2d87_0fdf_8a65_dc1f_90e0_61e5,
    0x70d8_69a1_56d2_a1b8_90bb_3df6_2baf_32f7,
    0x31be_135f_97d0_8fd9_8123_1505_542f_cfa6,
    0x09aa_508b_5b7a_84e1_c677_de54_f3e9_9bc9,
    0x005d_6af8_dedb_8119_6699_c329_225e_e604,
    0x0000_2216_e584_f5fa_1ea9_2604_1bed_fe98,
    0x0000_0000_048a_1703_91f7_dc42_444e_8fa2,
];

/// Those of a tick's lowest byte.
const LOW_BITS: usize = 8;

/// The products of the powers of a tick's lowest bits, multiplied in the same order as those of the others and so rounded alike;
/// zero where no bit is set.
static LOW_PRODUCTS_X128: [u128; 1 << LOW_BITS] = low_products();

const fn low_products() -> [u128; 1 << LOW_BITS] {
    let mut products = [0; 1 << LOW_BITS];
    let mut steps = 1;
    while steps < products.len() {
        let highest = steps.ilog2() as usize;
        let below = products[steps - (1 << highest)];
        let power = POWERS_X128[highest];
        products[steps] = if below == 0 { power } else { times_x128(below, power) };
        steps += 1;
    }
    products
}

/// `sqrt(1.0001^tick) * 2^96`, rounded up from 128 fractional bits; `None` outside the ticks that exist.
pub fn sqrt_ratio(tick: Tick) -> Option<SqrtPriceX96> {
    if tick < TICK_MIN || tick > TICK_MAX {
        return None;
    }
    let steps = tick.0.unsigned_abs();
    let low = LOW_PRODUCTS_X128[usize::from(steps.to_le_bytes()[0])];
    let powers = POWERS_X128.iter().enumerate().skip(LOW_BITS).filter(|(bit, _)| steps >> bit & 1 == 1);
    // The first is multiplied by one, which alone does not fit 128 bits.
    let product = powers.fold(low, |product, (_, power)| match product {
        0 => *power,
        _ => times_x128(product, *power),
    });
    let mut ratio_x128 = if product == 0 { U256::ONE << 128 } else { U256::from(product) };
    if tick.0 > 0 {
        ratio_x128 = U256::MAX / ratio_x128;
    }
    let cut_off: U256 = ratio_x128 & U256::from(u32::MAX);
    Some(SqrtPriceX96((ratio_x128 >> 32) + U256::from(u8::from(!cut_off.is_zero()))))
}

/// `a * b / 2^128`, rounded down, by halves.
const fn times_x128(a: u128, b: u128) -> u128 {
    const HALF: u128 = u64::MAX as u128;
    let (a_high, a_low, b_high, b_low) = (a >> 64, a & HALF, b >> 64, b & HALF);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 64);
    let other = a_low * b_high + (middle & HALF);
    a_high * b_high + (middle >> 64) + (other >> 64)
}

/// Where a price stands that can stand at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// On the tick's ratio, or above it and below the next one's.
    Within,
    /// On the next tick's ratio: a swap down that stops on a tick leaves the price there and the tick one lower.
    OnNext,
}

/// Where `price` stands at `tick`; `None` where it cannot stand.
pub fn stand(price: SqrtPriceX96, tick: Tick) -> Option<Stand> {
    let floor = sqrt_ratio(tick).filter(|floor| *floor <= price)?;
    // The next ratio is higher by a twenty-thousandth part, less a little: below it by more than rounding, nobody needs to know it.
    let surely_below = floor.0 + (floor.0 >> 15) + (floor.0 >> 16);
    if price.0 < surely_below {
        return Some(Stand::Within);
    }
    match sqrt_ratio(Tick(tick.0.saturating_add(1))) {
        Some(ceiling) if price > ceiling => None,
        Some(ceiling) if price == ceiling => Some(Stand::OnNext),
        _ => Some(Stand::Within),
    }
}

/// Whether both ends exist and the range is not empty.
pub fn range_exists(range: TickRange) -> bool {
    TICK_MIN <= range.lower && range.lower < range.upper && range.upper <= TICK_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ratios() {
        let cases = [
            (0, "79228162514264337593543950336"),
            (-887_272, "4295128739"),
            (887_272, "1461446703485210103287273052203988822378723970342"),
            (1, "79232123823359799118286999568"),
            (-1, "79224201403219477170569942574"),
        ];
        for (tick, expected) in cases {
            assert_eq!(sqrt_ratio(Tick(tick)).unwrap().to_string(), expected, "tick {tick}");
        }
        assert_eq!(sqrt_ratio(Tick(887_273)), None);
        assert_eq!(sqrt_ratio(Tick(i32::MIN)), None);
    }

    #[test]
    fn halves_multiply_as_the_whole() {
        let numbers =
            [1, u128::from(u64::MAX), 1 << 64, (1 << 64) + 1, u128::MAX - 1, u128::MAX, POWERS_X128[7]];
        for a in numbers {
            for b in numbers {
                let whole: U256 = U256::from(a) * U256::from(b);
                assert_eq!(U256::from(times_x128(a, b)), whole >> 128, "{a} * {b}");
            }
        }
    }

    #[test]
    fn a_price_stands_from_its_ticks_ratio_to_the_next() {
        let ticks = (TICK_MIN.0..TICK_MAX.0).step_by(1_013).chain([TICK_MAX.0 - 1]);
        for tick in ticks.map(Tick) {
            let (floor, ceiling) = (sqrt_ratio(tick).unwrap().0, sqrt_ratio(Tick(tick.0 + 1)).unwrap().0);
            assert!(floor + (floor >> 15) + (floor >> 16) < ceiling, "tick {tick}");
            let (one, half) = (U256::ONE, (floor + ceiling) / U256::from(2));
            for price in [floor, floor + one, half, ceiling - one, ceiling] {
                let expected = if price == ceiling { Stand::OnNext } else { Stand::Within };
                assert_eq!(stand(SqrtPriceX96(price), tick), Some(expected), "{price} at tick {tick}");
            }
            for price in [floor - one, ceiling + one] {
                assert_eq!(stand(SqrtPriceX96(price), tick), None, "{price} at tick {tick}");
            }
        }
        let highest = sqrt_ratio(TICK_MAX).unwrap();
        assert_eq!(stand(highest, TICK_MAX), Some(Stand::Within));
        assert_eq!(stand(highest, Tick(TICK_MAX.0 + 1)), None);
    }

    #[test]
    fn products_of_low_bits_are_those_of_one_power_after_the_other() {
        for steps in 1..1_u32 << LOW_BITS {
            let powers = (0..LOW_BITS).filter(|bit| steps >> bit & 1 == 1).map(|bit| POWERS_X128[bit]);
            let product = powers.reduce(times_x128).unwrap();
            assert_eq!(LOW_PRODUCTS_X128[usize::try_from(steps).unwrap()], product, "{steps}");
        }
    }

    #[test]
    fn ratios_rise_with_the_tick() {
        let mut previous = SqrtPriceX96::default();
        for tick in (TICK_MIN.0..=TICK_MAX.0).step_by(97) {
            let ratio = sqrt_ratio(Tick(tick)).unwrap();
            assert!(ratio > previous, "tick {tick}");
            previous = ratio;
        }
    }
}
