//! The command line of keys and clients.

use clap::{Args, Subcommand, ValueEnum};

use super::WithConfig;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Makes a key and shows it, once.
    Create(Create),
    /// Lists the keys, never their secrets: as a table, or with age, last rotation, by whom and why as evidence.
    List(List),
    /// Lists when which key is exchanged for its age, and where its successor goes.
    Calendar(Calendar),
    /// All that is known of a key and of its rotation.
    Show(OneKey),
    /// Lists who used a key in the last seven days: who has not moved to its successor, or would have to.
    Preview(Preview),
    /// Changes what a key may do, whence, until when, or its note.
    Edit(Edit),
    /// Begins the exchange of a key for a new one, which is shown once.
    Rotate(Rotate),
    /// Begins a staged rotation's overlap.
    Start(Start),
    /// Ends the old key now.
    Finish(Finish),
    /// Lets the old key live longer.
    Extend(Extend),
    /// Revokes the new key; the old one goes on.
    RollBack(OneKey),
    /// Gives a staged rotation up.
    Cancel(OneKey),
    /// Refuses the old key for a moment, so that forgotten callers are noticed.
    Brownout(Brownout),
    /// Refuses a key until it is resumed.
    Pause(OneKey),
    /// Accepts a paused key again.
    Resume(OneKey),
    /// Ends a key at once and for ever.
    Revoke(OneKey),
    /// Replaces every key of a client at once.
    Emergency(Emergency),
}

#[derive(Debug, Args)]
pub(crate) struct Calendar {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// How the list is written, to standard output.
    #[arg(long, value_enum, default_value_t = super::Format::Table)]
    pub(crate) format: super::Format,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The key's id: the third part of the key.
    pub(crate) key_id: String,
    /// How the list is written, to standard output.
    #[arg(long, value_enum, default_value_t = super::Format::Table)]
    pub(crate) format: super::Format,
}

#[derive(Debug, Args)]
pub(crate) struct OneKey {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// The key's id: the third part of the key.
    pub(crate) key_id: String,
    /// Why, for the audit.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Whose key it is; made when new.
    #[arg(long)]
    pub(crate) client: String,
    /// The plan of a client that is new (free when not given), or the one that the client must have.
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// What the key may do.
    #[arg(long, value_delimiter = ',', default_value = "read:public,read:wallet,keys:rotate_self")]
    pub(crate) scopes: Vec<String>,
    /// Whence it may be used, e.g. 203.0.113.0/24; anywhere when not given.
    #[arg(long, value_delimiter = ',')]
    pub(crate) networks: Vec<String>,
    /// When it ends by itself (RFC 3339).
    #[arg(long)]
    pub(crate) expires_at: Option<String>,
    /// For the real thing, or for trying things out.
    #[arg(long, value_enum, default_value_t = Env::Live)]
    pub(crate) env: Env,
    /// A word on what it is for.
    #[arg(long, default_value = "")]
    pub(crate) note: String,
    /// Why, for the audit.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Where the new key goes instead of standard output, which then says its id: file:PATH, exec:PROGRAM ARGS (the key on
    /// its standard input) or https://URL.
    #[arg(long)]
    pub(crate) deliver: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Env {
    Live,
    Test,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Only this client's.
    #[arg(long)]
    pub(crate) client: Option<String>,
    /// How it is written, to standard output; json and csv are the evidence that auditors ask for.
    #[arg(long, value_enum, default_value_t = super::Format::Table)]
    pub(crate) format: super::Format,
}

#[derive(Debug, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(crate) one: OneKey,
    /// What it may do from now on.
    #[arg(long, value_delimiter = ',')]
    pub(crate) scopes: Option<Vec<String>>,
    /// Whence it may be used from now on; an empty text for anywhere.
    #[arg(long)]
    pub(crate) networks: Option<String>,
    /// When it ends by itself (RFC 3339), or `never`.
    #[arg(long)]
    pub(crate) expires_at: Option<String>,
    /// A word on what it is for.
    #[arg(long)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) one: OneKey,
    /// How long both keys are accepted; 0 ends the old one at once.
    #[arg(long, default_value_t = accrual_access::rotation::OVERLAP_SECONDS_DEFAULT)]
    pub(crate) overlap_seconds: u64,
    /// Makes the new key, and gives the old one no end until `keys start`.
    #[arg(long)]
    pub(crate) stage: bool,
    /// Ends the old key by itself as soon as nobody uses it any more.
    #[arg(long)]
    pub(crate) auto_finish: bool,
    /// How long the old key must be unused for that.
    #[arg(long, default_value_t = accrual_access::rotation::QUIET_SECONDS_DEFAULT)]
    pub(crate) quiet_seconds: u64,
    /// Where the new key goes instead of standard output, which then says its id: file:PATH, exec:PROGRAM ARGS (the key on
    /// its standard input) or https://URL.
    #[arg(long)]
    pub(crate) deliver: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) one: OneKey,
    /// How long both keys are accepted.
    #[arg(long, default_value_t = accrual_access::rotation::OVERLAP_SECONDS_DEFAULT)]
    pub(crate) overlap_seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Finish {
    #[command(flatten)]
    pub(crate) one: OneKey,
    /// Though the old key was used within the last hour.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Extend {
    #[command(flatten)]
    pub(crate) one: OneKey,
    /// The old key's new end (RFC 3339), at most 30 days after the overlap's start.
    #[arg(long)]
    pub(crate) to: String,
}

#[derive(Debug, Args)]
pub(crate) struct Brownout {
    #[command(flatten)]
    pub(crate) one: OneKey,
    /// For how long: at most 60 seconds.
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u64,
    /// From when on (RFC 3339); at once when not given.
    #[arg(long)]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Emergency {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Whose keys.
    #[arg(long)]
    pub(crate) client: String,
    /// Why, for the audit.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Clients {
    /// Makes a client, without a key.
    Create(ClientCreate),
    /// Lists the clients with their plans.
    List(WithConfig),
    /// Changes a client's plan and how it pays.
    Plan(ClientPlan),
}

#[derive(Debug, Args)]
pub(crate) struct ClientCreate {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Its name.
    pub(crate) name: String,
    /// Its plan.
    #[arg(long, default_value = "free")]
    pub(crate) plan: String,
}

#[derive(Debug, Args)]
pub(crate) struct ClientPlan {
    #[command(flatten)]
    pub(crate) with: WithConfig,
    /// Its name.
    pub(crate) name: String,
    /// Its plan from now on.
    pub(crate) plan: String,
    /// The most that a month may cost beyond the plan, in micro-dollars.
    #[arg(long)]
    pub(crate) spend_cap_microusd: Option<u64>,
    /// Whether it pays in TMAI.
    #[arg(long)]
    pub(crate) pays_in_tmai: Option<bool>,
    /// The name of its stake tier; an empty text for none.
    #[arg(long)]
    pub(crate) stake_tier: Option<String>,
    /// Why, for the audit.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}
