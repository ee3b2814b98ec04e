//! The pool's arithmetic against values that v3-core's own tests are known for.

use accrual_rewards::math::amounts::{
    Inverted, InvertedRange, Rounding, UnitHoldings, amount0, amount1, holdings,
};
use accrual_rewards::math::tick::{TICK_MAX, TICK_MIN, range_exists, sqrt_ratio, stand};
use accrual_rewards::unit::{Liquidity, SqrtPriceX96, Tick, TickRange};
use alloy_primitives::U256;

#[test]
fn ratios_are_those_of_the_pool() {
    let cases = [
        (TICK_MIN.0 + 1, "4295343490"),
        (-500_000, "1101692437043807371"),
        (-250_000, "295440463448801648376846"),
        (-50_000, "6504256538020985011912221507"),
        (-3000, "68192822843687888778582228483"),
        (-50, "79030349367926598376800521322"),
        (50, "79426470787362580746886972461"),
        (100, "79625275426524748796330556128"),
        (250, "80224679980005306637834519095"),
        (1000, "83290069058676223003182343270"),
        (4000, "96768528593268422080558758223"),
        (50_000, "965075977353221155028623082916"),
        (150_000, "143194173941309278083010301478497"),
        (250_000, "21246587762933397357449903968194344"),
        (500_000, "5697689776495288729098254600827762987878"),
        (738_203, "847134979253254120489401328389043031315994541"),
        (TICK_MAX.0 - 1, "1461373636630004318706518188784493106690254656249"),
    ];
    for (tick, expected) in cases {
        assert_eq!(price(tick).to_string(), expected, "tick {tick}");
    }
}

#[test]
fn a_price_fits_its_tick_and_the_one_below() {
    let one = U256::ONE;
    let cases = [
        ("on the tick", price(60).0, 60, true),
        ("on the tick, come from above", price(60).0, 59, true),
        ("one below the tick", price(60).0 - one, 59, true),
        ("one below the tick is not in it", price(60).0 - one, 60, false),
        ("one above the next", price(60).0 + one, 59, false),
        ("two ticks away", price(60).0, 58, false),
        ("no such tick", price(60).0, 887_273, false),
        ("the highest", price(887_272).0, 887_271, true),
    ];
    for (name, sqrt, tick, fits) in cases {
        assert_eq!(stand(SqrtPriceX96(sqrt), Tick(tick)).is_some(), fits, "{name}");
    }
    assert!(range_exists(range(TICK_MIN.0, TICK_MAX.0)) && !range_exists(range(TICK_MIN.0 - 1, 0)));
}

/// From a price of 1 to one of 1.21 with 1e18 of liquidity.
#[test]
fn amounts_between_two_prices() {
    let (one, liquidity) = (price(0), Liquidity(10_u128.pow(18)));
    let higher = SqrtPriceX96("87150978765690771352898345369".parse().unwrap());
    let cases = [
        ("token0 up", amount0(liquidity, one, higher, Rounding::Up), "90909090909090910"),
        ("token0 down", amount0(liquidity, one, higher, Rounding::Down), "90909090909090909"),
        ("token1 up", amount1(liquidity, one, higher, Rounding::Up), "100000000000000000"),
        ("token1 down", amount1(liquidity, one, higher, Rounding::Down), "99999999999999999"),
        ("token0 of no liquidity", amount0(Liquidity(0), one, higher, Rounding::Up), "0"),
        ("token1 between equal prices", amount1(liquidity, one, one, Rounding::Up), "0"),
    ];
    for (name, amount, expected) in cases {
        assert_eq!(amount.unwrap().to_string(), expected, "{name}");
    }
    assert_eq!(amount0(liquidity, higher, one, Rounding::Down), None, "prices the wrong way round");
    assert_eq!(amount0(liquidity, SqrtPriceX96(U256::ZERO), one, Rounding::Down), None, "a price of nothing");
}

/// What a mint takes at a price of 1/10 (tick -23028).
#[test]
fn amounts_of_a_mint() {
    let tenth = SqrtPriceX96("25054144837504793118641380156".parse().unwrap());
    let cases = [
        ("the first, over all ticks", 3161, (-887_220, 887_220), ("9996", "1000")),
        ("over all ticks", 100, (-887_220, 887_220), ("317", "32")),
        ("above the price", 10_000, (-22_980, 0), ("21549", "0")),
        ("below the price", 10_000, (-46_080, -23_040), ("0", "2162")),
    ];
    for (name, liquidity, (lower, upper), (amount0, amount1)) in cases {
        let amounts = holdings(Liquidity(liquidity), range(lower, upper), Tick(-23_028), tenth, Rounding::Up);
        let expected = (amount0.parse().unwrap(), amount1.parse().unwrap());
        assert_eq!(amounts, Some(expected), "{name}");
    }
}

/// By the inverses of both ends and of the price, and as the pool divides for each position.
#[test]
fn amounts_of_many_positions_in_a_range() {
    let liquidities = (0..128).flat_map(|bits| [1 << bits, u128::MAX >> bits, (u128::MAX >> bits) / 3]);
    let liquidities: Vec<u128> = liquidities.chain([0, 25_054_144_837_504]).collect();
    let ranges =
        [(-887_220, 887_220), (-887_220, -887_160), (887_160, 887_220), (-60, 60), (199_980, 201_000)];
    let (mut told, mut asked) = (0, 0);
    for (lower, upper) in ranges {
        let ends = InvertedRange::of(range(lower, upper)).unwrap();
        for tick in [lower - 1, lower, lower + 1, (lower + upper) / 2, upper - 1, upper, upper + 1] {
            let Some(at) = sqrt_ratio(Tick(tick)) else { continue };
            for price in [at, SqrtPriceX96(at.0 + U256::from(1_234))] {
                let inverted = Inverted::of(price).unwrap();
                let unit = UnitHoldings::of(range(lower, upper), &ends, Tick(tick), &inverted).unwrap();
                for liquidity in liquidities.iter().copied().map(Liquidity) {
                    let whole = holdings(liquidity, range(lower, upper), Tick(tick), price, Rounding::Down);
                    let amounts = unit.times(liquidity);
                    assert!(
                        amounts.is_none() || amounts == whole,
                        "{liquidity:?} in {lower} to {upper} at {tick}"
                    );
                    told += usize::from(amounts.is_some());
                    asked += 1;
                }
            }
        }
    }
    assert!(told > asked * 9 / 10, "of {asked} only {told} were told without another division");
}

fn range(lower: i32, upper: i32) -> TickRange {
    TickRange { lower: Tick(lower), upper: Tick(upper) }
}

fn price(tick: i32) -> SqrtPriceX96 {
    sqrt_ratio(Tick(tick)).expect("a tick that exists")
}
