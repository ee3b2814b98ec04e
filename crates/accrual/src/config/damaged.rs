//! Configurations that were cut, typed wrongly or made up: each is read or refused with a sentence, and none panics.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{check, load};

const EXAMPLE: &str = include_str!("../../../../config/accrual.example.toml");
const REAL: &str = include_str!("../../../../config/tmai-2025-06.toml");
const VALUES: [&str; 18] = [
    "-1",
    "0",
    "18446744073709551616",
    "9223372036854775807",
    "1e400",
    "nan",
    "true",
    "\"\"",
    "\"0x\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[[]]",
    "\"9999-12-31T23:59:59Z\"",
    "\"0001-01-01T00:00:00Z\"",
    "1979-05-27T07:32:00Z",
    "\"115792089237316195423570985008687907853269984665640564039457584007913129639936\"",
    "\"é\"",
];

/// What happens to one line of a file.
#[derive(Debug, Clone)]
enum Damage {
    Value(&'static str),
    Gone,
    Twice,
    Cut(usize),
    Put(String),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => select(VALUES.to_vec()).prop_map(Damage::Value),
        2 => Just(Damage::Gone),
        1 => Just(Damage::Twice),
        1 => (0..40_usize).prop_map(Damage::Cut),
        1 => "[ -~]{0,20}".prop_map(Damage::Put),
    ]
}

/// Comments are left alone: damage to them is none.
fn damaged(text: &str, damages: &[(usize, Damage)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.is_empty() && !line.starts_with('#'));
    for (place, damage) in damages {
        let place = place % lines.len();
        let line = lines[place].clone();
        match damage {
            Damage::Value(value) => {
                let key = line.split_once('=').map(|(key, _)| format!("{key}= {value}"));
                lines[place] = key.unwrap_or(line);
            }
            Damage::Gone => lines[place].clear(),
            Damage::Twice => lines.insert(place, line),
            Damage::Cut(at) => lines[place] = line.chars().take(*at).collect(),
            Damage::Put(text) => lines[place].push_str(text),
        }
    }
    lines.join("\n")
}

/// Whether it can be used.
fn read(text: &str) -> bool {
    let read = load::parse(Path::new("a.toml"), text.to_owned(), std::iter::empty());
    match read.and_then(|(file, written)| check::check(file, &written)) {
        Ok(_) => true,
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("a.toml, line ") && error.len() < 4000, "{error}");
            false
        }
    }
}

#[test]
fn both_files_are_read_undamaged() {
    assert!(read(EXAMPLE) && read(REAL));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_read_or_refused_with_a_sentence(
        real in any::<bool>(),
        damages in vec((0..400_usize, damage()), 1..4),
    ) {
        read(&damaged(if real { REAL } else { EXAMPLE }, &damages));
    }

    #[test]
    fn rubbish_is_refused(text in prop_oneof![any::<String>(), "[\\[\\]{}=\",.a-z0-9\n ]{0,200}"]) {
        read(&text);
    }
}
