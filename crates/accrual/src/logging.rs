//! Log lines to standard error, so that standard output holds answers alone.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command, LogFormat};

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Whether whoever reads standard error takes each line for JSON.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

pub(crate) fn start(cli: &Cli) {
    FORMAT.get_or_init(|| cli.log_format);
    // A view that fills the terminal says itself what goes wrong; a line in between would break it.
    if matches!(&cli.command, Command::Top(top) if !top.once) && std::io::stderr().is_terminal() {
        return;
    }
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => "error",
        (false, 0) => "warn,accrual=info,accrual_api=warn",
        (false, 1) => "info,accrual=debug,accrual_indexer=debug,accrual_api=debug,accrual_store=debug",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_env("ACCRUAL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}
