//! The reader of published reward files.

use accrual_rewards::reconcile::files::{BYTES_MAX, EPOCH_SECONDS, FileError, RewardFile};
use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::{Address, B256};
use proptest::prelude::*;

const FILE: &str = r#"{
    "merklRoot": "0x1111111111111111111111111111111111111111111111111111111111111111",
    "lastUpdateEpoch": 474335, "updateTimestamp": 1707606075,
    "rewards": { "0x2222222222222222222222222222222222222222222222222222222222222222": {
        "amm": 11, "ammAlgo": "AlgebraV1_9", "pool": "0x00000000000000000000000000000000000000aa",
        "token": "0x00000000000000000000000000000000000000bb", "tokenDecimals": 18, "tokenSymbol": "T",
        "totalAmount": "1000", "lastUpdateEpoch": 474327,
        "holders": {
            "0x0000000000000000000000000000000000000001":
                { "amount": "30", "averageBoost": 1, "breakdown": { "Swapr": "10", "Gamma": "20" } },
            "0x0000000000000000000000000000000000000002":
                { "amount": "0", "averageBoost": 1, "breakdown": {} } } } } }"#;

fn read(text: &str) -> Result<RewardFile, FileError> {
    RewardFile::read(text.as_bytes(), BYTES_MAX)
}

#[test]
fn a_file_is_read() {
    let file = read(FILE).unwrap();
    assert_eq!((file.epoch, file.updated_at), (474_335, UnixSeconds(1_707_606_075)));
    assert_eq!(file.computed_until(), UnixSeconds(1_707_606_000));
    assert_eq!(file.root, Some(B256::repeat_byte(0x11)));
    let campaign = &file.campaigns[&B256::repeat_byte(0x22)];
    assert_eq!(campaign.paid, "30".parse().unwrap());
    assert_eq!(campaign.computed_until(), UnixSeconds(474_327 * EPOCH_SECONDS), "its own, not the file's");
    let leaves = file.leaves().unwrap();
    assert_eq!(leaves.len(), 1, "nothing is no leaf");
    let one = (Address::with_last_byte(1), Address::with_last_byte(0xbb));
    assert_eq!(leaves[&one], "30".parse().unwrap());
}

#[test]
fn rubbish_is_refused_with_a_sentence() {
    let big = "9".repeat(78);
    let cases = [
        ("no JSON", "rubbish".to_owned(), "expected value"),
        ("cut short", FILE[..400].to_owned(), "EOF"),
        ("something behind it", format!("{FILE} x"), "trailing"),
        ("another shape", "[]".to_owned(), "invalid"),
        (
            "no campaigns",
            r#"{"lastUpdateEpoch":1,"updateTimestamp":1}"#.to_owned(),
            "missing field `rewards`",
        ),
        ("an amount as a number", FILE.replace(r#""amount": "30""#, r#""amount": 30"#), "invalid type"),
        ("a fraction", FILE.replace("\"30\"", "\"3.0\""), "whole number"),
        ("a negative amount", FILE.replace("\"30\"", "\"-30\""), "whole number"),
        ("past 256 bits", FILE.replace("\"30\"", &format!("\"{big}\"")), "256 bits"),
        ("a breakdown that does not add up", FILE.replace("\"20\"", "\"21\""), "does not add up"),
        ("no address", FILE.replace("0x0000000000000000000000000000000000000002", "0x02"), "invalid"),
        ("an account twice", FILE.replace("000002\"", "000001\""), "stands twice"),
        ("a long reason", FILE.replace("Gamma", &"G".repeat(300)), "a reason of 300 bytes"),
        ("too deep", "[".repeat(100_000), "invalid"),
    ];
    for (name, text, expected) in cases {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.starts_with("it is no reward file"), "{name}: {error}");
        assert!(error.contains(expected), "{name}: {error}");
        assert!(error.len() < 400, "{name}: {error}");
    }
}

#[test]
fn a_file_is_read_no_further_than_allowed() {
    let length = u64::try_from(FILE.len()).unwrap();
    assert!(RewardFile::read(FILE.as_bytes(), length).is_ok());
    let error = RewardFile::read(FILE.as_bytes(), length - 1).unwrap_err();
    assert!(matches!(error, FileError::TooLong { .. }), "{error}");
    let endless = std::io::Read::chain(FILE.as_bytes(), std::io::repeat(b' '));
    let error = RewardFile::read(endless, 1 << 16).unwrap_err();
    assert!(matches!(error, FileError::TooLong { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is put in, taken out or cut off: it is refused, or each account's amount is still that of its reasons.
    #[test]
    fn a_damaged_file_is_refused_or_adds_up(
        at in 0..FILE.len(),
        gone in 0_usize..30,
        put in prop_oneof![Just(String::new()), "[0-9]{1,80}", "[\\[\\]{}\":, ]{1,6}", any::<String>()],
        is_cut in any::<bool>(),
    ) {
        let rest = if is_cut { "" } else { &FILE[(at + gone).min(FILE.len())..] };
        match read(&format!("{}{put}{rest}", &FILE[..at])) {
            Err(error) => prop_assert!(error.to_string().starts_with("it is no reward file"), "{}", error),
            Ok(file) => {
                for holder in file.campaigns.values().flat_map(|campaign| campaign.holders.values()) {
                    let sum = holder.breakdown.values().try_fold(Default::default(), |sum, part| part.checked_add(sum));
                    prop_assert!(holder.breakdown.is_empty() || sum == Some(holder.amount));
                }
                let _ = file.leaves();
            }
        }
    }
}
