//! USD for a token as tables: routes known by hand, and each reason for which there is no price.

use std::collections::BTreeMap;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::price::{
    FeedAnswer, Leg, LogPrice, MeanUnknown, PoolQuote, PriceUnknown, Quotes, Source, Sources, price0, price1,
    spot0, usd,
};
use accrual_rewards::unit::{SignedAmount, Tick, UnixSeconds};
use alloy_primitives::{Address, I256, U512};

use crate::small::{ALICE, FEED, Small, TOKEN0, TOKEN1, range};

const ETH: Address = Address::repeat_byte(0xe0);
const TMAI: Address = Address::repeat_byte(0x3a);
const SEQUENCER: Address = Address::repeat_byte(0x5e);
const NOW: UnixSeconds = UnixSeconds(100_000);

fn feed(answer: i64, updated_at: u64) -> FeedAnswer {
    let answer = SignedAmount(I256::try_from(answer).unwrap());
    FeedAnswer { answer, decimals: Some(8), updated_at: UnixSeconds(updated_at) }
}

fn chainlink(sequencer: bool) -> Source {
    Source::Chainlink {
        feed: FEED,
        stale_after_seconds: 1200,
        sequencer_feed: sequencer.then_some(SEQUENCER),
        sequencer_grace_seconds: 3600,
    }
}

fn by_pool(window_seconds: u32) -> Source {
    Source::Pool { pool: "pool".parse().unwrap(), window_seconds }
}

/// One ETH is 2^20 TMAI: both have 18 decimals.
fn quotes() -> Quotes {
    let mean = LogPrice::of(U512::ONE << 212_usize).unwrap();
    let quote = PoolQuote {
        token0: ETH,
        token1: TMAI,
        decimals0: Some(18),
        decimals1: Some(18),
        means: BTreeMap::from([
            (1800, Ok(mean)),
            (60, Err(MeanUnknown::NoPrice)),
            (7200, Err(MeanUnknown::WindowNotCovered)),
        ]),
    };
    Quotes {
        feeds: BTreeMap::from([(FEED, feed(262_144_000_000, 99_000)), (SEQUENCER, feed(0, 90_000))]),
        pools: BTreeMap::from([("pool".parse().unwrap(), quote)]),
    }
}

fn told(sources: &Sources, quotes: &Quotes) -> Result<String, &'static str> {
    let quote = usd(TMAI, sources, quotes, NOW).map_err(|unknown| {
        let sentence = unknown.to_string();
        assert!(sentence.len() > 30, "{sentence}");
        unknown.as_str()
    })?;
    Ok(quote.usd.to_string())
}

#[test]
fn routes_and_reasons() {
    let route = |window: u32, eth: Source| Sources::from([(TMAI, by_pool(window)), (ETH, eth)]);
    let with = |change: &dyn Fn(&mut Quotes)| {
        let mut quotes = quotes();
        change(&mut quotes);
        quotes
    };
    let answered = |answer: FeedAnswer| with(&|quotes| _ = quotes.feeds.insert(FEED, answer));
    let sequencer = |answer: FeedAnswer| with(&|quotes| _ = quotes.feeds.insert(SEQUENCER, answer));
    let usual = route(1800, chainlink(true));
    let pool = "pool".parse().unwrap();
    let cases: [(&str, Sources, Quotes, Result<&str, &str>); 21] = [
        ("2621.44 / 2^20", usual.clone(), quotes(), Ok("0.0025")),
        (
            "a fixed price",
            route(1800, Source::Fixed { usd: "1048.576".parse().unwrap() }),
            quotes(),
            Ok("0.001"),
        ),
        (
            "free is no price",
            route(1800, Source::Fixed { usd: 0.into() }),
            quotes(),
            Err("answer_not_positive"),
        ),
        ("no source", Sources::new(), quotes(), Err("no_price_source")),
        ("none for the other", Sources::from([(TMAI, by_pool(1800))]), quotes(), Err("no_price_source")),
        ("no answer", usual.clone(), with(&|quotes| quotes.feeds.clear()), Err("no_answer_yet")),
        ("an answer of later", usual.clone(), answered(feed(1, 100_001)), Err("no_answer_yet")),
        ("zero", usual.clone(), answered(feed(0, 99_000)), Err("answer_not_positive")),
        ("below zero", usual.clone(), answered(feed(-1, 99_000)), Err("answer_not_positive")),
        ("just fresh", usual.clone(), answered(feed(104_857_600_000, 98_800)), Ok("0.001")),
        ("stale", usual.clone(), answered(feed(104_857_600_000, 98_799)), Err("answer_stale")),
        (
            "no decimals",
            usual.clone(),
            answered(FeedAnswer { decimals: None, ..feed(1, 99_000) }),
            Err("decimals_unknown"),
        ),
        ("down", usual.clone(), sequencer(feed(1, 1)), Err("sequencer_down")),
        ("just up", usual.clone(), sequencer(feed(0, 96_401)), Err("sequencer_in_grace")),
        ("up for long enough", usual.clone(), sequencer(feed(0, 96_400)), Ok("0.0025")),
        ("nobody asks", route(1800, chainlink(false)), sequencer(feed(1, 1)), Ok("0.0025")),
        ("no pool", usual.clone(), with(&|quotes| quotes.pools.clear()), Err("pool_has_no_price")),
        ("a pool without a price", route(60, chainlink(true)), quotes(), Err("pool_has_no_price")),
        ("a young pool", route(7200, chainlink(true)), quotes(), Err("window_not_covered")),
        ("a window that is not kept", route(77, chainlink(true)), quotes(), Err("window_not_covered")),
        ("a loop", route(1800, by_pool(1800)), quotes(), Err("price_route_loops")),
    ];
    for (name, sources, quotes, expected) in cases {
        assert_eq!(told(&sources, &quotes), expected.map(str::to_owned), "{name}");
    }
    let without = with(&|quotes| quotes.pools.get_mut(&pool).unwrap().decimals1 = None);
    assert_eq!(told(&usual, &without), Err("decimals_unknown"));
    let tiny = route(1800, Source::Fixed { usd: "0.0000000000000000000000000001".parse().unwrap() });
    assert_eq!(told(&tiny, &quotes()), Err("out_of_bounds"));
}

#[test]
fn the_way_is_told() {
    let sources = Sources::from([(TMAI, by_pool(1800)), (ETH, chainlink(true))]);
    let quote = usd(TMAI, &sources, &quotes(), NOW).unwrap();
    assert_eq!(quote.observed_at, UnixSeconds(99_000), "as old as its oldest leg");
    let [
        Leg::Pool { token: TMAI, in_token: ETH, price, window_seconds: 1800, .. },
        Leg::Chainlink { token: ETH, feed: FEED, usd, updated_at },
    ] = &quote.route[..]
    else {
        panic!("{:?}", quote.route)
    };
    assert_eq!(price.to_string(), "0.00000095367431640625", "2^-20");
    assert_eq!((usd.to_string().as_str(), updated_at.0), ("2621.44", 99_000));
    let stranger = Sources::from([(ALICE, by_pool(1800))]);
    assert!(matches!(usd_of_stranger(&stranger), PriceUnknown::PoolHasNoPrice { token: ALICE, .. }));
}

fn usd_of_stranger(sources: &Sources) -> PriceUnknown {
    usd(ALICE, sources, &quotes(), NOW).expect_err("the pool does not trade it")
}

#[test]
fn both_directions_of_a_price() {
    let tick = Tick(276_325);
    let square = {
        let ratio = sqrt_ratio(tick).unwrap().0;
        U512::from(ratio) * U512::from(ratio)
    };
    // 1.0001^276325 = 1.00000906...* 10^12, so with 18 and 6 decimals about 10^24, and with 6 and 18 about 1.
    let log = LogPrice::of(square).unwrap();
    let spot = spot0(square, 6, 18).unwrap();
    let there = price0(log, 6, 18).unwrap();
    let back = price1(log, 6, 18).unwrap();
    let near = |a: rust_decimal::Decimal, b: rust_decimal::Decimal| {
        (a - b).abs() < "0.0000000000007".parse().unwrap()
    };
    assert!(spot >= there && near(spot, there), "{spot} {there}");
    assert!(near(there * back, 1.into()), "{there} {back}");
    assert!(spot.to_string().starts_with("1.0000"), "{spot}");
    assert_eq!(price0(log, 61, 18), None, "no token has 61 decimals");
    assert_eq!(price0(log, 60, 0), None, "past 96 bits");
}

#[test]
fn a_tracker_keeps_what_prices_are_made_of() {
    let mut small = Small::new(Vec::new(), Vec::new(), 1000, 0);
    small.add(ALICE, range(-887_270, 887_270), 1 << 60);
    let answer = |answer: i64| SignedAmount(I256::try_from(answer).unwrap());
    small.at(2000).play(PoolEvent::PriceAnswered {
        feed: FEED,
        answer: answer(200_000_000),
        updated_at: UnixSeconds(1999),
    });
    let sources = Sources::from([
        (TOKEN0, by_pool(1800)),
        (
            TOKEN1,
            Source::Chainlink {
                feed: FEED,
                stale_after_seconds: 9999,
                sequencer_feed: None,
                sequencer_grace_seconds: 0,
            },
        ),
    ]);
    let price = |small: &Small, at: u64| {
        let quotes = Quotes::of([&small.tracker], &sources, UnixSeconds(at));
        usd(TOKEN0, &sources, &quotes, UnixSeconds(at)).map(|quote| quote.usd.round_dp(4).to_string())
    };
    assert_eq!(price(&small, 2799).map_err(|unknown| unknown.as_str()), Err("window_not_covered"));
    assert_eq!(price(&small, 2800).as_deref(), Ok("2"), "one token1 for one token0");
    // One swap doubles the price for two of 1800 seconds: by 2^(2/1800) - 1 = 0.077 %.
    small.at(3000).swap(6931);
    assert_eq!(price(&small, 3000).as_deref(), Ok("2"), "within its own block it counts for nothing");
    small.at(3002).swap(0);
    assert_eq!(price(&small, 3002).as_deref(), Ok("2.0015"));
    assert_eq!(price(&small, 4802).as_deref(), Ok("2"), "and is forgotten");
    let stored = postcard::to_allocvec(&small.tracker).unwrap();
    let again: accrual_rewards::tracker::PoolTracker = postcard::from_bytes(&stored).unwrap();
    assert_eq!(again, small.tracker, "a snapshot keeps it all");
}
