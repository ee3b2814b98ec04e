//! What a whole campaign costs: 604,800 blocks and 1,000,000 events, by scoring and with few and with many positions.
//!
//! `cargo bench -p accrual-rewards --bench engine` prints a table, a process for each row so that the peak of memory is
//! its own. `ledger` has no campaign; `all three` has one of each scoring, and they share the pool's ledger. Setting the
//! positions up is not counted.
//!
//! `ACCRUAL_BENCH_POSITIONS` and `ACCRUAL_BENCH_SCORINGS` measure one row alone, by the same names.

mod scene;

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use accrual_rewards::campaign::Scoring;
use scene::{EVENTS, Kind, Scene};

const POSITION_COUNTS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// So much more an event may cost among the most positions than among the fewest.
const RISE_PERCENT_MAX: i128 = 15;
const LEDGER: &str = "ledger";
const ALL: &str = "all three";

fn main() {
    let wanted = ["ACCRUAL_BENCH_POSITIONS", "ACCRUAL_BENCH_SCORINGS"].map(|name| std::env::var(name).ok());
    match wanted {
        [Some(positions), Some(scorings)] => {
            measure(positions.parse().expect("ACCRUAL_BENCH_POSITIONS is a number"), &scorings);
        }
        _ => tables(),
    }
}

/// Prints the table, and what the number of positions makes of an event.
fn tables() {
    let one = Scoring::ALL.map(Scoring::as_str);
    println!(
        "| scorings | positions | fold, s | ns an event | swap | stake | holder | figures, ms | peak, MB | bytes a position |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut rises = Vec::new();
    for scorings in [LEDGER].into_iter().chain(one).chain([ALL]) {
        let spent = POSITION_COUNTS.map(|positions| in_its_own_process(positions, scorings));
        let (few, many) = (spent[0], spent[spent.len() - 1]);
        rises.push((scorings, (many - few) * 100 / few));
    }
    let (few, many) = (POSITION_COUNTS[0], POSITION_COUNTS[POSITION_COUNTS.len() - 1]);
    println!(
        "\nWhat an event costs more with {many} positions than with {few} (the bar is {RISE_PERCENT_MAX} %):\n"
    );
    for (scorings, percent) in rises {
        let verdict = if percent <= RISE_PERCENT_MAX { "within" } else { "above the bar" };
        println!("- {scorings}: {percent} %, {verdict}");
    }
}

/// Shows what a process of its own prints of a row, and answers its nanoseconds an event.
fn in_its_own_process(positions: u64, scorings: &str) -> i128 {
    let program = std::env::current_exe().expect("the bench knows its own file");
    let mut command = Command::new(program);
    command.env("ACCRUAL_BENCH_POSITIONS", positions.to_string()).env("ACCRUAL_BENCH_SCORINGS", scorings);
    let output = command.stderr(Stdio::inherit()).output().expect("the bench can start itself");
    assert!(output.status.success(), "measuring {scorings} with {positions} positions failed");
    let row = String::from_utf8(output.stdout).expect("the bench prints text");
    print!("{row}");
    let nanos = row.split('|').nth(4).and_then(|cell| cell.trim().parse().ok());
    nanos.expect("the fourth column is nanoseconds an event")
}

fn measure(positions: u64, scorings: &str) {
    let chosen: Vec<Scoring> = match scorings {
        LEDGER => Vec::new(),
        ALL => Scoring::ALL.to_vec(),
        one => vec![one.parse().expect("ACCRUAL_BENCH_SCORINGS is a scoring, `ledger` or `all three`")],
    };
    let before_bytes = resident_bytes("VmRSS");
    let mut scene = Scene::new(&chosen, positions);
    let settled_bytes = resident_bytes("VmRSS");
    let mut spent = Spent::default();
    for number in 0..EVENTS {
        let (kind, event) = scene.next(number);
        let begun = Instant::now();
        scene.tracker.apply(&event).expect("the scene is honest");
        spent.count(kind, begun.elapsed());
    }
    let begun = Instant::now();
    for campaign in scene.tracker.campaigns() {
        black_box(campaign.figures(scene.end()).expect("not the past, and all fees are known"));
    }
    let report = begun.elapsed();
    let total = spent.total();
    println!(
        "| {scorings} | {positions} | {}.{:03} | {} | {} | {} | {} | {} | {} | {} |",
        total.as_secs(),
        total.subsec_millis(),
        total.as_nanos() / u128::from(EVENTS),
        spent.each(Kind::Swap),
        spent.each(Kind::Stake),
        spent.each(Kind::Holder),
        report.as_millis(),
        resident_bytes("VmHWM") / 1_000_000,
        settled_bytes.saturating_sub(before_bytes) / positions,
    );
}

/// Time and events of each kind. Reading the clock costs about 40 ns an event, which is counted too.
#[derive(Default)]
struct Spent([(Duration, u32); 3]);

impl Spent {
    fn count(&mut self, kind: Kind, spent: Duration) {
        let (sum, events) = &mut self.0[kind as usize];
        *sum += spent;
        *events += 1;
    }

    fn each(&self, kind: Kind) -> u128 {
        let (sum, events) = self.0[kind as usize];
        sum.as_nanos() / u128::from(events.max(1))
    }

    fn total(&self) -> Duration {
        self.0.iter().map(|(sum, _)| *sum).sum()
    }
}

/// A line of `/proc/self/status`, in bytes; zero where there is none.
fn resident_bytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = found.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
