//! Comparisons and the answers that they were made from: what goes in comes out, in order, on both engines.

use std::collections::BTreeMap;

use accrual_rewards::campaign::Scoring;
use accrual_rewards::reconcile::{
    AccountRow, Alarm, Bound, Comparison, Evidence, Fit, Money, Reason, Teller, TheirAccount, difference,
};
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::comparisons::{self, Kept};
use accrual_store::readings::{self, ANSWER_BYTES_MAX, AnswerRow, Reading};
use accrual_store::{Db, StoreError};
use accrual_tests::db::on_each_engine;
use alloy::primitives::{Address, U256};

const SOURCE: &str = "https://api.example";

fn units(units: u64) -> Amount {
    Amount(U256::from(units))
}

fn row(byte: u8, theirs: u64, ours: u64) -> AccountRow {
    let equal = theirs == ours;
    AccountRow {
        account: Address::repeat_byte(byte),
        ours: vec![(Scoring::PerBlock, units(ours))],
        theirs: (theirs > 0).then(|| TheirAccount {
            amount: units(theirs),
            claimed: None,
            pending: Amount::ZERO,
            computed: units(theirs),
            reasons: ["UniswapV3".to_owned()].into(),
        }),
        difference: difference(units(theirs), units(ours)),
        difference_ppm: Some(3),
        best_scoring: Scoring::PerBlock,
        reason: (!equal).then_some(Reason::MissingInTheirs),
        evidence: (!equal).then_some(Evidence::Absent),
        runs: Vec::new(),
    }
}

fn kept(at: u64, until: u64, rows: Vec<AccountRow>) -> Kept {
    let money = Money {
        budget: units(100),
        expected: units(50),
        paid: units(at),
        remainder: units(1),
        ours: units(49),
        catch_up_ppm: None,
    };
    let fit = Fit { scoring: Scoring::PerBlock, equal_count: 1, difference: units(5), difference_ppm: 7 };
    Kept {
        comparison_id: format!("cmp_{at}"),
        campaign: "june".parse().unwrap(),
        reading_id: Some("rd_1".to_owned()),
        source: SOURCE.to_owned(),
        told_by: Some(Teller::Merkl),
        at: UnixSeconds(at),
        comparison: Comparison {
            computed_until: UnixSeconds(until),
            scoring: Scoring::PerBlock,
            fits: vec![fit],
            money,
            runs: Vec::new(),
            gaps: Vec::new(),
            alarms: vec![Alarm::BudgetDiffers { theirs: units(1), ours: units(2) }],
            checks: Default::default(),
            tolerance_ppm: 1_000,
            is_beyond: true,
            rows,
        },
    }
}

async fn reading(db: &Db, id: &str, at: u64) {
    let reading = Reading {
        reading_id: id.to_owned(),
        campaign: "june".parse().unwrap(),
        source: SOURCE.to_owned(),
        started_at: UnixSeconds(at),
        finished_at: None,
    };
    readings::begin(db, &reading).await.unwrap();
}

#[tokio::test]
async fn comparisons_come_out_as_they_went_in() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        reading(db, "rd_1", 1).await;
        let campaign = "june".parse().unwrap();
        let first = kept(10, 8, vec![row(1, 20, 25), row(2, 9, 9)]);
        let second = kept(20, 18, vec![row(3, 0, 7), row(1, 21, 25), row(2, 9, 9)]);
        comparisons::keep(db, &first).await.unwrap();
        comparisons::keep(db, &second).await.unwrap();

        let all = comparisons::list(db, &campaign, UnixSeconds(u64::MAX), 10).await.unwrap();
        let without_rows = |kept: &Kept| Kept {
            comparison: Comparison { rows: Vec::new(), ..kept.comparison.clone() },
            ..kept.clone()
        };
        assert_eq!(all, [without_rows(&second), without_rows(&first)], "the newest first");
        assert_eq!(comparisons::list(db, &campaign, UnixSeconds(19), 10).await.unwrap().len(), 1);
        let other = "other".parse().unwrap();
        assert!(comparisons::list(db, &other, UnixSeconds(99), 10).await.unwrap().is_empty());

        assert_eq!(comparisons::rows(db, "cmp_20", 0, 10).await.unwrap(), second.comparison.rows);
        assert_eq!(comparisons::rows(db, "cmp_20", 1, 1).await.unwrap(), second.comparison.rows[1..2]);
        let one = comparisons::row(db, "cmp_10", Address::repeat_byte(1)).await.unwrap();
        assert_eq!(one.as_ref(), Some(&first.comparison.rows[0]));
        assert_eq!(comparisons::row(db, "cmp_10", Address::repeat_byte(3)).await.unwrap(), None);

        let seen = comparisons::seen(db, &campaign, SOURCE).await.unwrap();
        let seen: Vec<_> = seen.iter().map(|seen| (seen.until.0, seen.paid)).collect();
        assert_eq!(seen, [(8, units(10)), (18, units(20))]);
        let amounts =
            async |until| comparisons::amounts(db, &campaign, SOURCE, UnixSeconds(until)).await.unwrap();
        let [one, two] = [1, 2].map(Address::repeat_byte);
        assert_eq!(amounts(18).await, BTreeMap::from([(one, units(21)), (two, units(9))]));
        assert_eq!(amounts(17).await, BTreeMap::from([(one, units(20)), (two, units(9))]));
        assert_eq!(amounts(7).await, BTreeMap::new());

        let bounds = comparisons::bounds(db, &campaign, SOURCE, UnixSeconds(18), 5).await.unwrap();
        let before = BTreeMap::from([(one, units(20)), (two, units(9))]);
        assert_eq!(bounds, [Bound { until: UnixSeconds(8), accounts: before }], "before, not at it");
        assert_eq!(comparisons::bounds(db, &campaign, SOURCE, UnixSeconds(99), 1).await.unwrap().len(), 1);

        // What another accrual counted, and what nobody knows who told, is no credit of Merkl's.
        let other = |at: u64, told_by| Kept { told_by, ..kept(at, at + 100, vec![row(1, 5, 5)]) };
        comparisons::keep(db, &other(30, Some(Teller::Accrual))).await.unwrap();
        comparisons::keep(db, &other(40, None)).await.unwrap();
        let newest = comparisons::newest_of_merkl(db, &campaign).await.unwrap().unwrap();
        assert_eq!(newest, without_rows(&second));
        let theirs = comparisons::theirs(db, "cmp_20", &[one, Address::repeat_byte(3)]).await.unwrap();
        assert_eq!(theirs.len(), 1, "the other was credited nothing");
        assert_eq!(theirs[&one].amount, units(21));
        comparisons::keep(db, &other(50, Some(Teller::File))).await.unwrap();
        let newest = comparisons::newest_of_merkl(db, &campaign).await.unwrap().unwrap();
        assert_eq!(newest.comparison_id, "cmp_50");
        let none = "other".parse().unwrap();
        assert_eq!(comparisons::newest_of_merkl(db, &none).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn answers_are_kept_word_for_word() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let campaign = "june".parse().unwrap();
        assert_eq!(readings::newest(db, &campaign, SOURCE).await.unwrap(), None);
        reading(db, "rd_1", 1).await;
        reading(db, "rd_2", 2).await;
        let newest = readings::newest(db, &campaign, SOURCE).await.unwrap().unwrap();
        assert_eq!((newest.reading_id.as_str(), newest.finished_at), ("rd_2", None));
        let answer = |body: &str| AnswerRow {
            path: "/v4/x?y=1".to_owned(),
            at: UnixSeconds(3),
            status: 200,
            body: body.to_owned(),
        };
        readings::keep(db, "rd_2", &answer("{\"a\": 1}")).await.unwrap();
        readings::keep(db, "rd_2", &answer("{\"a\": 2}")).await.unwrap();
        assert_eq!(readings::answer(db, "rd_2", "/v4/x?y=1").await.unwrap(), Some(answer("{\"a\": 2}")));
        assert_eq!(readings::answer(db, "rd_1", "/v4/x?y=1").await.unwrap(), None);
        let long = readings::keep(db, "rd_2", &answer(&"x".repeat(ANSWER_BYTES_MAX + 1))).await;
        assert!(matches!(long, Err(StoreError::TooLarge { .. })), "{long:?}");
        readings::finish(db, "rd_2", UnixSeconds(9)).await.unwrap();
        let finished = readings::get(db, "rd_2").await.unwrap().unwrap();
        assert_eq!(finished.finished_at, Some(UnixSeconds(9)));
        assert_eq!(readings::forget(db, UnixSeconds(2)).await.unwrap(), 0, "rd_2 began then");
        assert_eq!(readings::forget(db, UnixSeconds(3)).await.unwrap(), 1);
        assert_eq!(readings::answer(db, "rd_2", "/v4/x?y=1").await.unwrap(), None);
    })
    .await;
}
