//! What a whole campaign costs: 604,800 blocks and 1,000,000 events, by scoring and with few and with many positions.
//!
//! `cargo bench -p accrual-rewards --bench engine` prints a table, two processes for each row so that the peak of memory is
//! its own: one folds pages of events at once, as whoever replays a chain does, on as many processors as there are; the
//! other one event after the other on a single one, and tells what each kind costs. `ledger` has no campaign; `all three`
//! has one of each scoring, and they share the pool's ledger. Setting the positions up is not counted.
//!
//! `ACCRUAL_BENCH_POSITIONS`, `ACCRUAL_BENCH_SCORINGS` and `ACCRUAL_BENCH_WAY` (`at once` or `one by one`) measure one
//! process' part alone, by the same names.

mod scene;

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use accrual_rewards::campaign::Scoring;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::tracker::PoolTracker;
use mimalloc::MiMalloc;
use scene::{EVENTS, Kind, Scene};

/// As the product has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const POSITION_COUNTS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// So much more an event may cost among the most positions than among the fewest.
const RISE_PERCENT_MAX: i128 = 15;
const LEDGER: &str = "ledger";
const ALL: &str = "all three";
const AT_ONCE: &str = "at once";
const ONE_BY_ONE: &str = "one by one";
/// Events that are folded at once.
const PAGE_EVENTS: usize = 16_384;

fn main() {
    let names = ["ACCRUAL_BENCH_POSITIONS", "ACCRUAL_BENCH_SCORINGS", "ACCRUAL_BENCH_WAY"];
    match names.map(|name| std::env::var(name).ok()) {
        [Some(positions), Some(scorings), Some(way)] => {
            measure(positions.parse().expect("ACCRUAL_BENCH_POSITIONS is a number"), &scorings, &way);
        }
        _ => tables(),
    }
}

/// Prints the table, and what the number of positions makes of an event.
fn tables() {
    let one = Scoring::ALL.map(Scoring::as_str);
    println!(
        "| scorings | positions | at once, s | one by one, s | ns an event | swap | stake | holder | figures, ms | peak, MB | bytes a position |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut rises = Vec::new();
    for scorings in [LEDGER].into_iter().chain(one).chain([ALL]) {
        let spent = POSITION_COUNTS.map(|positions| row(positions, scorings));
        let (few, many) = (&spent[0], &spent[spent.len() - 1]);
        rises.push((scorings, [0, 1].map(|way| (many[way] - few[way]) * 100 / few[way])));
    }
    let (few, many) = (POSITION_COUNTS[0], POSITION_COUNTS[POSITION_COUNTS.len() - 1]);
    println!(
        "\nWhat an event costs more with {many} positions than with {few} (the bar is {RISE_PERCENT_MAX} %):\n"
    );
    for (scorings, [at_once, one_by_one]) in rises {
        let verdict = |percent| if percent <= RISE_PERCENT_MAX { "within" } else { "above the bar" };
        println!(
            "- {scorings}: at once {at_once} %, {}; one by one {one_by_one} %, {}",
            verdict(at_once),
            verdict(one_by_one)
        );
    }
}

/// Shows a row, a process for each half of it, and answers its nanoseconds an event: at once, and one by one.
fn row(positions: u64, scorings: &str) -> [i128; 2] {
    let [at_once, one_by_one] = [AT_ONCE, ONE_BY_ONE].map(|way| in_its_own_process(positions, scorings, way));
    println!("| {scorings} | {positions} | {at_once} | {one_by_one} |");
    let nanos = |seconds: Option<&str>| {
        let seconds = seconds.expect("a half begins with its seconds").trim();
        let millis: i128 =
            seconds.replace('.', "").parse().expect("seconds with three digits behind the point");
        millis * 1_000_000 / i128::from(EVENTS)
    };
    [at_once, one_by_one].map(|half| nanos(half.split('|').next()))
}

/// What a process of its own prints of a row.
fn in_its_own_process(positions: u64, scorings: &str, way: &str) -> String {
    let program = std::env::current_exe().expect("the bench knows its own file");
    let mut command = Command::new(program);
    command.env("ACCRUAL_BENCH_POSITIONS", positions.to_string());
    command.env("ACCRUAL_BENCH_SCORINGS", scorings).env("ACCRUAL_BENCH_WAY", way);
    let output = command.stderr(Stdio::inherit()).output().expect("the bench can start itself");
    assert!(output.status.success(), "measuring {scorings} with {positions} positions failed");
    String::from_utf8(output.stdout).expect("the bench prints text").trim().to_owned()
}

fn measure(positions: u64, scorings: &str, way: &str) {
    let chosen: Vec<Scoring> = match scorings {
        LEDGER => Vec::new(),
        ALL => Scoring::ALL.to_vec(),
        one => vec![one.parse().expect("ACCRUAL_BENCH_SCORINGS is a scoring, `ledger` or `all three`")],
    };
    match way {
        AT_ONCE => at_once(positions, &chosen),
        ONE_BY_ONE => one_by_one(positions, &chosen),
        other => panic!("ACCRUAL_BENCH_WAY is `{AT_ONCE}` or `{ONE_BY_ONE}`, and not `{other}`"),
    }
}

/// Events are made by a pool without campaigns beside, and folded a page at once.
fn at_once(positions: u64, chosen: &[Scoring]) {
    let mut maker = Scene::new(&[], positions);
    let mut measured = Scene::new(chosen, positions);
    let (mut spent, mut made) = (Duration::ZERO, 0);
    while made < EVENTS {
        let until = EVENTS.min(made + u64::try_from(PAGE_EVENTS).expect("a page is small"));
        let page: Vec<PlacedEvent> = (made..until)
            .map(|number| {
                let (_, event) = maker.next(number);
                maker.tracker.apply(&event).expect("the scene is honest");
                event
            })
            .collect();
        made = until;
        let begun = Instant::now();
        measured.tracker.apply_all(&page).expect("the scene is honest");
        spent += begun.elapsed();
    }
    figures(&measured.tracker, &maker);
    println!("{}", seconds(spent));
}

fn one_by_one(positions: u64, chosen: &[Scoring]) {
    let before_bytes = resident_bytes("VmRSS");
    let mut scene = Scene::new(chosen, positions);
    let settled_bytes = resident_bytes("VmRSS");
    let mut spent = Spent::default();
    for number in 0..EVENTS {
        let (kind, event) = scene.next(number);
        let begun = Instant::now();
        scene.tracker.apply(&event).expect("the scene is honest");
        spent.count(kind, begun.elapsed());
    }
    let begun = Instant::now();
    figures(&scene.tracker, &scene);
    let report = begun.elapsed();
    let total = spent.total();
    println!(
        "{} | {} | {} | {} | {} | {} | {} | {}",
        seconds(total),
        total.as_nanos() / u128::from(EVENTS),
        spent.each(Kind::Swap),
        spent.each(Kind::Stake),
        spent.each(Kind::Holder),
        report.as_millis(),
        resident_bytes("VmHWM") / 1_000_000,
        settled_bytes.saturating_sub(before_bytes) / positions,
    );
}

fn figures(tracker: &PoolTracker, scene: &Scene) {
    for campaign in tracker.campaigns() {
        black_box(campaign.figures(scene.end()).expect("not the past, and all fees are known"));
    }
}

fn seconds(spent: Duration) -> String {
    format!("{}.{:03}", spent.as_secs(), spent.subsec_millis())
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
