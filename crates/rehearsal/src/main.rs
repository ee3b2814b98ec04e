//! Plays the rehearsal and records it into a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use accrual_recording::Recording;
use accrual_rehearsal::{Anvil, AnvilOptions, Described, abi, ensure_npm, play, record};
use alloy::primitives::B256;
use alloy::sol_types::SolEvent;
use anyhow::Context;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the story of a seed on a fresh node and write the recording; takes about a minute
    Record {
        /// The story's seed: the same seed gives the same people and the same events
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where the recording goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Say what a recording holds
    Show {
        /// The recording
        file: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Record { seed, out } => record_story(seed, out).await,
        Command::Show { file } => show(&file),
    }
}

async fn record_story(seed: u64, out: PathBuf) -> anyhow::Result<()> {
    let started = Instant::now();
    let npm = ensure_npm()?;
    let anvil = Anvil::start(&npm, AnvilOptions::default()).await?;
    let played = play(anvil.into(), &npm, seed).await?;
    println!("played in {} s, {} transactions reverted", started.elapsed().as_secs(), played.reverted);
    let recording = record(&played.stage, &npm, Described::rehearsal(&played, seed)).await?;
    let file = recording.write()?;
    anyhow::ensure!(Recording::read(&file)? == recording, "the recording reads back as something else");
    std::fs::write(&out, &file).with_context(|| format!("cannot write {}", out.display()))?;
    println!("recorded in {} s", started.elapsed().as_secs());
    show(&out)
}

fn show(path: &PathBuf) -> anyhow::Result<()> {
    let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let recording = Recording::read(&file)?;
    let transactions = || recording.blocks.iter().flat_map(|block| &block.transactions);
    println!(
        "{}: {} bytes, {:?}, seed {}",
        path.display(),
        file.len(),
        recording.meta.title,
        recording.meta.seed
    );
    println!("blocks {}, transactions {}", recording.blocks.len(), transactions().count());
    println!("answers {}, contracts {}", recording.calls.len(), recording.codes.len());
    let mut logs: BTreeMap<&str, usize> = BTreeMap::new();
    for log in transactions().flat_map(|transaction| &transaction.logs) {
        *logs.entry(log.topics.first().map_or("anonymous", event_name)).or_default() += 1;
    }
    logs.iter().for_each(|(event, count)| println!("{count:>7} {event}"));
    Ok(())
}

fn event_name(topic0: &B256) -> &'static str {
    EVENTS.iter().find(|(hash, _)| hash == topic0).map_or("something else", |(_, name)| name)
}

macro_rules! events {
    ($($event:ty),* $(,)?) => { [$((<$event>::SIGNATURE_HASH, <$event>::SIGNATURE)),*] };
}

const EVENTS: [(B256, &str); 16] = events![
    abi::Token::Transfer,
    abi::Factory::PoolCreated,
    abi::Pool::Initialize,
    abi::Pool::Mint,
    abi::Pool::Burn,
    abi::Pool::Swap,
    abi::Pool::Collect,
    abi::Pool::Flash,
    abi::Pool::SetFeeProtocol,
    abi::Pool::CollectProtocol,
    abi::Pool::IncreaseObservationCardinalityNext,
    abi::Manager::IncreaseLiquidity,
    abi::Manager::DecreaseLiquidity,
    abi::Manager::Collect,
    abi::Token::Approval,
    abi::Factory::FeeAmountEnabled,
];
