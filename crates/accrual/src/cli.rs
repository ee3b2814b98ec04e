//! The command line. `interface.md` lists what others rely on.

pub(crate) mod keys;

use std::path::PathBuf;

use accrual_rewards::id::CampaignId;
use alloy_primitives::Address;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Recomputes liquidity-mining rewards from the chain, block by block.
#[derive(Debug, Parser)]
#[command(name = "accrual", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How log lines are written, to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// More log lines; twice for all.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Errors only.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays the bundled rehearsal: indexes it, computes, shows it in the terminal and in the browser.
    Demo(Demo),
    /// Follows the chain and serves the API, in one process.
    Run(WithConfig),
    /// Follows the chain; with --to it stops there.
    Index(Index),
    /// Serves the API from the database.
    Serve(WithConfig),
    /// A campaign's figures, from what is stored.
    Report(Report),
    /// Our figures against Merkl's: who is paid something else, and why. Exit 3 when too far apart.
    Compare(Compare),
    /// A reward tree of our own figures as Merkl's Distributor checks it, or a check of a file with one.
    Tree(Tree),
    /// Holds what is stored of the pools against what their contracts say at a block.
    Verify(Verify),
    /// Rebuilds everything derived from the stored events.
    Replay(WithConfig),
    /// Campaigns found on chain, as configuration ready to paste.
    Discover(Discover),
    /// Copies the database into a file, while others use it.
    Backup(Backup),
    /// Puts a backup where the database is.
    Restore(Restore),
    /// Brings the database to this version's tables.
    Migrate(WithConfig),
    /// Checks the configuration, the database or the node.
    Check(Check),
    /// Live view in the terminal: how the service is, campaigns, and who earns.
    Top(Top),
    /// Serves an assistant on this machine, on standard input and output (MCP).
    Mcp(Mcp),
    /// Makes, exchanges and ends API keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Makes and lists clients, and changes their plans.
    #[command(subcommand)]
    Clients(keys::Clients),
    /// Prints the API's description (OpenAPI 3.1), for tools that have no server to ask.
    #[command(hide = true)]
    Openapi,
}

#[derive(Debug, Args)]
pub(crate) struct WithConfig {
    /// The configuration file.
    #[arg(long, env = "ACCRUAL_CONFIG", default_value = "accrual.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where the API and the page listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// The database; a fresh SQLite file in the temporary folder when not given.
    #[arg(long)]
    pub(crate) db: Option<String>,
    /// Shows the recording's blocks at so many times the chain's own pace, instead of all at once.
    #[arg(long, value_name = "N")]
    pub(crate) speed: Option<u32>,
    /// Stops after the report.
    #[arg(long)]
    pub(crate) once: bool,
    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
}

#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Where to stop: a block number, a time (RFC 3339), `head` or `finalized`. Goes on for ever when not given.
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// First forgets what was read above this block, final or not, and then reads it again. For when the chain, or a
    /// node's word of it, changed below finality: nothing else may be indexing meanwhile.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) rewind_to: Option<u64>,
    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar on a terminal, lines otherwise.
    Auto,
    /// Lines.
    Plain,
    /// Nothing.
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The campaign's id.
    #[arg(long)]
    pub(crate) campaign: CampaignId,
    /// As of this block number or time (RFC 3339); the newest stored block when not given.
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// One row an account, or one a position.
    #[arg(long, value_enum, default_value_t = By::Account)]
    pub(crate) by: By,
    /// Scores by this rule instead of the campaign's own.
    #[arg(long, value_enum)]
    pub(crate) scoring: Option<ScoringArg>,
    /// The length of a run, for --scoring; the campaign's own run_seconds when not given.
    #[arg(long, requires = "scoring", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) run_seconds: Option<u32>,
    /// How the figures are written, to standard output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Account,
    Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScoringArg {
    #[value(name = "per_block")]
    PerBlock,
    #[value(name = "time_weighted")]
    TimeWeighted,
    #[value(name = "swap_weighted")]
    SwapWeighted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The campaign's id.
    #[arg(long)]
    pub(crate) campaign: CampaignId,
    /// Where their figures are: the URL of an API, a published reward file (several of neighbouring runs show gaps), or
    /// kept:READING for the answers of an earlier reading; merkl.url when not given.
    #[arg(long, value_name = "URL|FILE")]
    pub(crate) merkl: Vec<String>,
    /// How the comparison is written, to standard output; html is one page with all evidence in it.
    #[arg(long, value_enum, default_value_t = CompareFormat::Table)]
    pub(crate) format: CompareFormat,
    /// Only this account; in html with its positions, their stretches and blocks.
    #[arg(long, value_name = "ADDR")]
    pub(crate) account: Option<Address>,
    /// How far apart is too far, in millionths of what was paid; merkl.tolerance_ppm when not given.
    #[arg(long, value_name = "N")]
    pub(crate) tolerance_ppm: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    Table,
    Json,
    Csv,
    Html,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Tree {
    #[command(subcommand)]
    pub(crate) check: Option<TreeCheck>,
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The campaign's id; given more than once, what an account earned of one token is added up.
    #[arg(long, required = true)]
    pub(crate) campaign: Vec<CampaignId>,
    /// As of this block number or time (RFC 3339); the newest stored block when not given.
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// The file to write: {root, claims: [{user, token, amount, proof}]}.
    #[arg(long, required = true)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// At this block, which the node must still have the state of; each pool's newest stored one when not given.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) at: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The file to write; it must not be there yet.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The backup.
    pub(crate) file: PathBuf,
    /// Replaces a database that is there; it is kept beside, as *.before-restore.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TreeCheck {
    /// Recomputes the root of a file: one that `accrual tree` wrote, or rewards as Merkl publishes them.
    Check {
        /// The file.
        file: PathBuf,
        /// A configuration: its node says whether the root is the one that Merkl's Distributor pays by now.
        #[arg(long, env = "ACCRUAL_CONFIG")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Discover {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Only campaigns that pay this token.
    #[arg(long, value_name = "ADDR")]
    pub(crate) reward_token: Option<Address>,
    /// The first block that is looked through; when not given, the configuration's oldest created_block, or where
    /// Merkl's contract begins.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) from: Option<u64>,
    /// Instead of the chain: what Merkl's API tells, below this URL; needs no node.
    #[arg(long, value_name = "URL", conflicts_with_all = ["from", "pools_of"])]
    pub(crate) merkl: Option<String>,
    /// Instead of campaigns: the pools that hold this token with WETH or USDC, as Base's factories and Vaults tell.
    #[arg(long, value_name = "TOKEN", conflicts_with = "reward_token")]
    pub(crate) pools_of: Option<Address>,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Asks the server at this URL instead of the database, e.g. `https://api.example.org`. The key comes from
    /// ACCRUAL_KEY or --key-file.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The file that holds the key for --url. It is read again when it changes, so that an exchanged key is taken up.
    #[arg(long, requires = "url", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The campaign that is chosen first; the first one when not given.
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: Option<CampaignId>,
    /// How often to look, in seconds. With --url each look is a call of the key's plan.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) every: u64,
    /// Prints one frame and stops: for scripts.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Mcp {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Asks the server at this URL instead of the database, e.g. `https://api.example.org/mcp`. The key comes from
    /// ACCRUAL_KEY or --key-file.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The file that holds the key for --url. It is read anew for each message, so that an exchanged key is taken up.
    #[arg(long, requires = "url", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// What to check; everything when not given.
    #[arg(value_enum)]
    pub(crate) what: Option<CheckWhat>,
    /// With `audit`: heads that were noted outside the database (keys.audit_heads_file), to hold the chain against.
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckWhat {
    /// The file alone: asks no node, makes no database.
    Config,
    /// The database.
    Db,
    /// The nodes, and the pools on them.
    Rpc,
    /// The chain of hashes that every change to keys is in.
    Audit,
}
