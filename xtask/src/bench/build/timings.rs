//! Reads the seconds of each crate from the page that `cargo build --timings` writes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::graph::Package;

/// How long each crate took, all its units together.
pub(super) type Spent = BTreeMap<Package, Duration>;

/// `None` when the page is not of the form that is known here.
///
/// The page holds `const UNIT_DATA = [ .. ];`, an object for each unit: a library, a build script, or that script's run.
/// The first of the fields used here is `name`, and no other object has it, so that a unit reaches from one name to the next.
pub(super) fn read(html: &str) -> Option<Spent> {
    let (_, rest) = html.split_once("const UNIT_DATA =")?;
    let (units, _) = rest.split_once("];")?;
    let mut spent = Spent::new();
    for unit in units.split("\"name\":").skip(1) {
        let package = Package::new(text(unit)?, text(field(unit, "\"version\":")?)?);
        let sum = spent.entry(package).or_default();
        *sum = sum.checked_add(seconds(field(unit, "\"duration\":")?)?)?;
    }
    (!spent.is_empty()).then_some(spent)
}

/// What stands behind a field's name.
fn field<'a>(unit: &'a str, name: &str) -> Option<&'a str> {
    unit.split_once(name).map(|(_, value)| value)
}

fn text(value: &str) -> Option<&str> {
    let (text, _) = value.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(text)
}

fn seconds(value: &str) -> Option<Duration> {
    let number = value.split([',', '}']).next()?.trim();
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cargo 1.95 writes it, and cut short.
    const PAGE: &str = r#"<script>
const UNIT_DATA = [
  {
    "i": 2,
    "name": "libc",
    "version": "0.2.191",
    "mode": "run-custom-build",
    "target": " build script (run)",
    "features": [
      "name"
    ],
    "start": 1.11,
    "duration": 0.29,
    "unblocked_units": [84],
    "sections": [["frontend", {"start": 0.0, "end": 0.23}]]
  },
  {"i": 3, "name": "web", "version": "1.2.0+c.7", "start": 2.0, "duration": 12.5},
  {"i": 4, "name": "libc", "version": "0.2.191", "target": "", "duration": 1}
];
const CONCURRENCY_DATA = [{"name": "none"}];
"#;

    #[test]
    fn units_of_a_crate_are_added() {
        let expected = [
            (Package::new("libc", "0.2.191"), Duration::from_millis(1_290)),
            (Package::new("web", "1.2.0+c.7"), Duration::from_millis(12_500)),
        ];
        assert_eq!(read(PAGE), Some(expected.into()));
    }

    #[test]
    fn another_form_is_not_guessed_at() {
        let pages = [
            String::new(),
            "const UNIT_DATA = [];".to_owned(),
            PAGE.replace("\"version\"", "\"release\""),
            PAGE.replace("\"duration\": 1}", "\"duration\": -1}"),
            PAGE.replace("\"duration\": 1}", "\"took\": 1}"),
        ];
        for page in pages {
            assert_eq!(read(&page), None, "{page}");
        }
    }
}
