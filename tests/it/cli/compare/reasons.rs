//! Reasons that change every account at once, end to end: their figures are ours by other terms, at another instant, or both.

use std::path::Path;

use accrual_rewards::event::PoolEvent;
use accrual_store::{Db, Mode, checkpoints, events};
use alloy::primitives::{I256, U256};
use serde_json::Value;

use super::stand_in::StandIn;
use super::{MERKL_ID, Rows, Stage, Told, by_hand, compared, report, rows, told, units_of};

/// Each account that differs is measured to the unit and has `reason`, or `rounding` where its difference is no more.
fn all_are(shown: &Told, hand: &Told, reason: &str, emitted: U256) {
    let rounding = emitted / U256::from(1_000_000_000_u64);
    assert!(shown.len() > 3, "{shown:?}");
    let measured =
        |told: &Told| told.iter().map(|(account, (units, _))| (*account, *units)).collect::<Vec<_>>();
    assert_eq!(measured(shown), measured(hand));
    for (account, (difference, named)) in shown {
        let expected = if difference.unsigned_abs() <= rounding { "rounding" } else { reason };
        assert_eq!(named, expected, "{account} {difference}");
    }
    assert!(shown.values().any(|(_, named)| named == reason), "{shown:?}");
}

fn kinds(comparison: &Value, reason: &str) -> Vec<String> {
    let data = comparison["data"].as_array().unwrap().iter().filter(|row| row["reason"] == reason);
    let mut kinds: Vec<String> =
        data.map(|row| row["evidence"]["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Two blocks of one time without trades in the pool, as far apart as there are.
async fn quiet(stage: &Stage) -> (u64, u64) {
    let url = super::super::sqlite_url(stage.folder.path()).parse().unwrap();
    let db = Db::open(&url, Mode::Read).await.unwrap();
    let pool = "rusd-rtkn".parse().unwrap();
    let through = checkpoints::get(&db, &pool).await.unwrap().unwrap().number;
    let all = events::page(&db, &pool, None, through, 1_000_000).await.unwrap();
    db.close().await;
    let trades = all.iter().filter(|event| matches!(event.event, PoolEvent::Swapped { .. }));
    let trades: Vec<u64> = trades.map(|event| event.block_at.0).collect();
    let blocks: Vec<u64> = stage.played.recording.blocks.iter().map(|block| block.header.timestamp).collect();
    let (from, to) = (stage.time(2), stage.time(8));
    let inside = trades.windows(2).filter(|pair| from < pair[0] && pair[1] < to);
    let pairs = inside.filter_map(|pair| {
        let between = || blocks.iter().copied().filter(|at| pair[0] < *at && *at < pair[1]);
        Some((between().min()?, between().max()?))
    });
    pairs.max_by_key(|(first, last)| last - first).expect("nobody trades for a while at some time")
}

#[tokio::test]
async fn a_time_without_trades_is_an_idle_gap_until_the_next_run_makes_up_for_it() {
    let stage = Stage::set().await;
    let (paid_until, computed_until) = quiet(&stage).await;
    assert!(paid_until + 60 < computed_until, "{paid_until} to {computed_until} is a while");
    let (before, now) =
        (report(&stage.config, paid_until).await, report(&stage.config, computed_until).await);
    let emitted = units_of(&now, "emitted_units");
    // They have looked up to the later block, and nothing to score has come since the earlier one.
    let stand_in = StandIn::serve(MERKL_ID, &before, paid_until).await;
    let (code, equal) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, told(&equal)), (0, Told::new()));
    stand_in.say(computed_until, rows(&before), &[]);
    let (_, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    let hand = by_hand(&rows(&now), &rows(&before), "idle_gap", &[]);
    all_are(&told(&comparison), &hand, "idle_gap", emitted);
    assert_eq!(kinds(&comparison, "idle_gap"), ["no_trade"]);

    // The next run pays for both times: equal once more. That the time stood still stays told.
    let later = stage.time(9);
    stand_in.say(later, rows(&report(&stage.config, later).await), &[]);
    let (code, comparison) = compared(&stage.config, &stand_in.url, &[]).await;
    assert_eq!((code, told(&comparison)), (0, Told::new()));
    let gap = &comparison["gaps"][0];
    let time = |at| accrual_api::view::Rfc3339(accrual_rewards::unit::UnixSeconds(at)).to_string();
    assert_eq!((&gap["from"], &gap["until"]), (&time(paid_until).into(), &time(computed_until).into()));
    let waited = emitted - units_of(&before, "emitted_units");
    assert_eq!(gap["waited_units"], waited.to_string());
    let kinds: Vec<&str> =
        comparison["runs"].as_array().unwrap().iter().map(|run| run["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "stood_still", "{kinds:?}");
}

#[tokio::test]
async fn leaving_out_without_saying_so_and_letting_in_are_exclusions() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let (ours, emitted) = (rows(&now), units_of(&now, "emitted_units"));
    let large = *ours.iter().max_by_key(|(_, units)| **units).unwrap().0;
    let without = stage.with("without", |text| {
        let rules = "out_of_range = false\n";
        assert_eq!(text.matches(rules).count(), 1);
        text.replace(rules, &format!("{rules}blacklist = [\"{large}\"]\n"))
    });
    let left = report(&without, at).await;
    let theirs = rows(&left);

    let stand_in = StandIn::serve(MERKL_ID, &left, at).await;
    let (_, unsaid) = compared(&stage.config, &stand_in.url, &[]).await;
    all_are(&told(&unsaid), &by_hand(&ours, &theirs, "excluded", &[]), "excluded", emitted);
    assert_eq!(kinds(&unsaid, "excluded"), ["left_out_unsaid", "others_left_out"]);

    // The other way round: our configuration leaves out whom they pay.
    stand_in.say(at, ours.clone(), &[]);
    let (_, let_in) = compared(&without, &stand_in.url, &[]).await;
    all_are(&told(&let_in), &by_hand(&theirs, &ours, "excluded", &[]), "excluded", emitted);
    assert_eq!(kinds(&let_in, "excluded"), ["left_out_by_us", "others_left_out"]);
}

/// The configuration with rUSD at a price at which some positions are worth less than 10 USD, and not all.
async fn poor(stage: &Stage, at: u64) -> (std::path::PathBuf, std::path::PathBuf, Rows, Rows) {
    for price in ["0.1", "0.03", "0.01", "0.003", "0.001", "0.0003", "0.0001"] {
        let priced = stage.with(&format!("priced-{price}"), |text| with_price(&text, price));
        let filtered = stage.with(&format!("filtered-{price}"), |text| {
            let rules = "out_of_range = false\n";
            let minimum = format!("{rules}value_min_usd = \"10\"\nrun_seconds = 7200\n");
            with_price(&text, price).replace(rules, &minimum)
        });
        let (all, few) = (rows(&report(&priced, at).await), rows(&report(&filtered, at).await));
        if few.len() < all.len() && few.len() > 3 {
            return (priced, filtered, all, few);
        }
    }
    panic!("no price leaves some out and not all");
}

fn with_price(text: &str, price: &str) -> String {
    let (head, tail) = text.split_once("[[prices]]\n").unwrap();
    let (token, rest) = tail.split_once("source = \"chainlink\"\n").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    format!("{head}[[prices]]\n{token}source = \"fixed\"\nprice_usd = \"{price}\"\n\n{rest}")
}

#[tokio::test]
async fn a_minimum_of_value_is_a_dust_filter_with_its_evidence() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let (priced, filtered, all, few) = poor(&stage, at).await;
    let now = report(&priced, at).await;
    let emitted = units_of(&now, "emitted_units");
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;

    stand_in.say(at, few.clone(), &[]);
    let (_, comparison) = compared(&priced, &stand_in.url, &[]).await;
    all_are(&told(&comparison), &by_hand(&all, &few, "dust_filter", &[]), "dust_filter", emitted);
    assert_eq!(kinds(&comparison, "dust_filter"), ["below_value"]);
    let row = comparison["data"].as_array().unwrap().iter().find(|row| row["reason"] == "dust_filter");
    assert_eq!(row.unwrap()["evidence"]["minimum_usd"], "10");

    stand_in.say(at, all.clone(), &[]);
    let (_, comparison) = compared(&filtered, &stand_in.url, &[]).await;
    all_are(&told(&comparison), &by_hand(&few, &all, "dust_filter", &[]), "dust_filter", emitted);
    assert_eq!(kinds(&comparison, "dust_filter"), ["without_minimum"]);
}

/// The runs of one account, as (until, difference).
fn runs_of(comparison: &Value, account: alloy::primitives::Address) -> Vec<(String, I256)> {
    let data = comparison["data"].as_array().unwrap();
    let row = data.iter().find(|row| super::address(&row["account"]) == account).unwrap();
    let runs = row["runs"].as_array().unwrap().iter();
    let runs: Vec<(String, I256)> = runs
        .map(|run| {
            let units = |name: &str| run[name].as_str().unwrap().parse::<I256>().unwrap();
            assert_eq!(units("theirs_units") - units("ours_units"), units("difference_units"));
            (run["until"].as_str().unwrap().to_owned(), units("difference_units"))
        })
        .collect();
    let whole: I256 = row["difference_units"].as_str().unwrap().parse().unwrap();
    assert_eq!(runs.iter().fold(I256::ZERO, |sum, (_, one)| sum + *one), whole, "they add up to the whole");
    runs
}

#[tokio::test]
async fn a_difference_is_told_in_the_run_in_which_it_came() {
    let stage = Stage::set().await;
    let bounds = [stage.time(5), stage.time(6), stage.time(7), stage.time(8)];
    let first = report(&stage.config, bounds[0]).await;
    let stand_in = StandIn::serve(MERKL_ID, &first, bounds[0]).await;
    let account = *rows(&first).iter().max_by_key(|(_, units)| **units).unwrap().0;
    let missing = U256::from(1_000_000_000_000_000_000_000_u128);
    let at = |config: &Path, bound: u64| {
        let config = config.to_owned();
        async move { rows(&report(&config, bound).await) }
    };
    compared(&stage.config, &stand_in.url, &[]).await;
    let mut last = Value::Null;
    for bound in &bounds[1..] {
        let mut theirs = at(&stage.config, *bound).await;
        *theirs.get_mut(&account).unwrap() -= missing;
        stand_in.say(*bound, theirs, &[]);
        last = compared(&stage.config, &stand_in.url, &[]).await.1;
    }
    let told = accrual_api::view::Rfc3339(accrual_rewards::unit::UnixSeconds(bounds[1])).to_string();
    assert_eq!(runs_of(&last, account), [(told, -I256::from_raw(missing))], "in the second run alone");
    assert_eq!(last["runs"].as_array().unwrap().len(), 3, "the campaign's own runs");
}
