//! `accrual mcp`: for assistants that start a program and talk to it on standard input and output. It answers from the
//! database; with `--url` it passes every message on to a server elsewhere, which is asked with a key that stands in no
//! assistant's settings and on no command line.

mod remote;

use crate::cli::Mcp;
use crate::failure::Outcome;
use crate::signals;

pub(super) async fn mcp(args: Mcp) -> Outcome {
    let shutdown = signals::shutdown()?;
    if let Some(url) = &args.url {
        return remote::pass_on(url, args.key_file.as_deref(), &shutdown).await;
    }
    let config = super::load(&args.with.config)?;
    let db = super::open_to_read(&config).await?;
    // A pepper only signs the cursors of this one conversation.
    let api = super::unkeyed(&config, db.clone())?;
    api.book().refresh().await?;
    api.keys().refresh().await?;
    let served = accrual_api::mcp::serve_stdio(api, shutdown).await;
    db.close().await;
    Ok(served?)
}
