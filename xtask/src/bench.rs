//! `cargo xtask bench`: measures what BENCHMARKS.md tells, and writes its tables anew.
//!
//! | Option | Does |
//! |---|---|
//! | `--workload DIR` | adds the workload that peers were measured on: the folder `bench/canned-rpc` of the shared facts |
//! | `--postgres URL` | adds the rows with PostgreSQL; without it a server of our own is started |
//! | `--runs N` | repeats what is noisy so often, five times unless told otherwise |
//! | `--only WORD` | leaves out the sections whose title does not hold the word, and the file as it is |
//!
//! Each section is a bench of its own crate that prints a table. What was found and changed is written by people, below
//! the tables, and stays.

mod page;
mod workload;

use std::process::Command;

use crate::machine;
use crate::postgres::{Server, Sync};
use crate::shell::{Failed, root, target};

/// What is asked for.
pub(super) struct Options {
    /// The folder of the shared workload.
    pub(super) workload: Option<String>,
    postgres: Option<String>,
    pub(super) runs: usize,
    only: Option<String>,
}

/// One bench: its title, what it is about, and the command that prints its table.
struct Section {
    title: &'static str,
    about: &'static str,
    command: &'static [&'static str],
}

const SECTIONS: &[Section] = &[
    Section {
        title: "The engine",
        about: "604,800 blocks (fourteen days of Base) with 1,000,000 events: 85 % swaps with their fees replayed, 10 % adds and \
                removes, 5 % hand-overs, the ledger's checks of every event included. `ledger` has no campaign, the other rows \
                one of each scoring that they name, on one tracker. A process for each row, on one core; setting the positions \
                up is not counted.",
        command: &["bench", "--package", "accrual-rewards", "--bench", "engine"],
    },
    Section {
        title: "Reward trees",
        about: "A tree in Merkl's form of a million leaves, and all its proofs. The bar is 3 s and 500 MB.",
        command: &["bench", "--package", "accrual-rewards", "--bench", "tree"],
    },
    Section {
        title: "The key check",
        about: "Reading a key's text, its MAC, finding it in the table, its standing and the comparison in constant time. \
                The bar is 2 microseconds whatever the number of keys.",
        command: &["bench", "--package", "accrual-access"],
    },
    Section {
        title: "Admission",
        about: "The processor's time for all that happens to a call before its handler and behind its answer: the key read \
                from the headers and checked, the plan, the minute, the month, the headers about them, and the count. And \
                how long a new key takes until it can be used, on SQLite in a file.",
        command: &["bench", "--package", "accrual-api", "--bench", "admission"],
    },
    Section {
        title: "Calls",
        about: "The server beside a bare axum handler that sends the same bytes, each asked over 64 connections by one thread \
                on the same two cores, while a block comes every two seconds. The bar is 60 % of the bare handler's calls, \
                and 5 ms for 99 of 100 calls at half of ours.",
        command: &["bench", "--package", "accrual-api", "--bench", "load", "--", "calls"],
    },
    Section {
        title: "Streams",
        about: "2,000 streams that only wait, each told of a block every two seconds. The bar is 200 MB for the server.",
        command: &["bench", "--package", "accrual-api", "--bench", "load", "--", "streams"],
    },
    Section {
        title: "Charts",
        about: "Histories of 14 days over three pools with a campaign of 1,000 accounts each, one at a time, with nothing kept.",
        command: &["bench", "--package", "accrual-api", "--bench", "history"],
    },
    Section {
        title: "The store",
        about: "1,000,000 swaps in transactions of 50,000 on SQLite (WAL, `synchronous = FULL`), read back and decoded.",
        command: &[
            "run",
            "--release",
            "--package",
            "accrual-store",
            "--example",
            "insert_speed",
            "--",
            "sqlite://target/speed.db",
        ],
    },
];

/// Measures, and writes BENCHMARKS.md.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Failed> {
    let options = read(arguments)?;
    let server = match options.postgres {
        Some(_) => None,
        None => Some(Server::start(machine::need_postgres()?, Sync::On)?),
    };
    let url = options.postgres.clone().or_else(|| server.as_ref().map(Server::url));
    let mut tables = Vec::new();
    for section in SECTIONS.iter().filter(|section| options.wants(section.title)) {
        let _ = std::fs::remove_file(root().join("target/speed.db"));
        let text = table(section.command, url.as_deref())?;
        tables.push(page::Table { title: section.title, about: section.about.to_owned(), text });
    }
    if let Some(folder) = options.workload.as_ref().filter(|_| options.wants(workload::TITLE)) {
        let text = workload::measure(folder, options.runs, url.as_deref())?;
        tables.push(page::Table { title: workload::TITLE, about: workload::ABOUT.to_owned(), text });
    }
    match options.only {
        Some(_) => Ok(()),
        None => page::write(&tables, arguments),
    }
}

impl Options {
    fn wants(&self, title: &str) -> bool {
        self.only.as_ref().is_none_or(|word| title.to_lowercase().contains(&word.to_lowercase()))
    }
}

fn read(arguments: &[String]) -> Result<Options, Failed> {
    let mut options = Options { workload: None, postgres: None, runs: 5, only: None };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value =
            || words.next().cloned().ok_or_else(|| Failed(format!("{word} needs a value after it")));
        match word.as_str() {
            "--workload" => options.workload = Some(value()?),
            "--postgres" => options.postgres = Some(value()?),
            "--only" => options.only = Some(value()?),
            "--runs" => {
                let number = value()?;
                options.runs =
                    number.parse().map_err(|_| Failed(format!("--runs {number}: not a number")))?;
            }
            other => return Err(Failed(format!("bench has no option {other}"))),
        }
    }
    Ok(options)
}

/// Runs a bench and answers what it prints, which is shown as well.
fn table(arguments: &[&str], postgres: Option<&str>) -> Result<String, Failed> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command.env("CARGO_TARGET_DIR", target("")).stderr(std::process::Stdio::inherit());
    if let Some(url) = postgres {
        command.env("ACCRUAL_TEST_POSTGRES_URL", url);
    }
    let line = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {line}");
    let output = command.output().map_err(|error| Failed(format!("{line}: cannot be started ({error})")))?;
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    println!("{text}");
    output
        .status
        .success()
        .then_some(text)
        .ok_or_else(|| Failed(format!("{line}: failed ({})", output.status)))
}
