//! Where the figures come from: a server, asked with a key, or the database.

use std::fmt;
use std::time::Duration;

use accrual_api::Local;
use accrual_client::types::{Overview, Status};
use accrual_client::{Client, ClientError, KeySource, Retry};
use accrual_store::Db;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::state::Look;
use crate::cli::Top as Args;
use crate::failure::Failure;

const KEY_VARIABLE: &str = "ACCRUAL_KEY";
const TIMEOUT: Duration = Duration::from_secs(10);
/// As many earners of a campaign as the API tells in one call.
const EARNERS: u32 = 50;
/// How long a last question may keep the terminal waiting.
const LAST: Duration = Duration::from_secs(1);

/// Whom to ask.
pub(super) enum Source {
    /// A server.
    Server { client: Client, url: String },
    /// The database, through the handlers of the API.
    Database { local: Local, db: Db, name: String },
}

/// Why there was nothing to see.
pub(super) enum LookError {
    /// It may be better the next time.
    Passing(String),
    /// It stays so until somebody mends the command, the key or the configuration.
    Final(Failure),
}

impl Source {
    pub(super) async fn open(args: &Args) -> Result<Self, Failure> {
        if let Some(url) = &args.url {
            return server(url, args);
        }
        let config = crate::commands::load(&args.with.config)?;
        let db = crate::commands::open_to_read(&config).await?;
        let local = Local::new(crate::commands::unkeyed(&config, db.clone())?);
        Ok(Self::Database { local, db, name: config.database.to_string() })
    }

    /// Where figures come from, for people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Server { url, .. } => url.clone(),
            Self::Database { name, .. } => name.clone(),
        }
    }

    /// What there is now.
    pub(super) async fn look(&self) -> Result<Look, LookError> {
        match self {
            Self::Server { client, .. } => {
                // The figures first: where they are refused nothing else is of use.
                let overview = client.overview(EARNERS).await?;
                Ok(Look { overview, status: client.status().await? })
            }
            Self::Database { local, .. } => {
                local.refresh().await.map_err(|error| LookError::Passing(error.to_string()))?;
                Ok(Look {
                    overview: told::<Overview>(local.overview(EARNERS).await)?,
                    status: told::<Status>(local.status().await)?,
                })
            }
        }
    }

    pub(super) async fn close(self) {
        if let Self::Database { db, .. } = self {
            db.close().await;
        }
    }
}

/// Waits until whoever looks has let go, but not for long.
pub(super) async fn closed(looks: &mut mpsc::Receiver<Result<Look, LookError>>) {
    let drain = async { while looks.recv().await.is_some() {} };
    let _ = tokio::time::timeout(LAST, drain).await;
}

fn server(url: &str, args: &Args) -> Result<Source, Failure> {
    let key = match &args.key_file {
        Some(path) => KeySource::file(path),
        None => KeySource::Environment(KEY_VARIABLE.to_owned()),
    };
    // The next look is the next attempt.
    let retry = Retry { attempts_max: 1, ..Retry::default() };
    let client = Client::builder(url, key).timeout(TIMEOUT).retry(retry).build();
    let client = client.map_err(|error| Failure::usage(format!("--url {error}")))?;
    Ok(Source::Server { client, url: url.trim_end_matches('/').to_owned() })
}

fn told<T: DeserializeOwned>(answer: Result<Value, accrual_api::local::LocalError>) -> Result<T, LookError> {
    let answer = answer.map_err(|error| LookError::Passing(error.to_string()))?;
    serde_json::from_value(answer).map_err(|error| LookError::Final(Failure::AtRunTime(error.into())))
}

impl From<ClientError> for LookError {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::BadUrl { .. } => Self::Final(Failure::usage(error.to_string())),
            ClientError::Key(_) => Self::Final(Failure::usage(format!(
                "{error}; a key for --url comes from {KEY_VARIABLE} or --key-file"
            ))),
            ClientError::Problem(problem) if matches!(problem.status, 401 | 403 | 404) => {
                Self::Final(Failure::AtRunTime(error.into()))
            }
            ClientError::Unreadable { .. } => Self::Final(Failure::AtRunTime(error.into())),
            ClientError::Problem(_) | ClientError::Network(_) => Self::Passing(error.to_string()),
        }
    }
}

impl fmt::Display for LookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passing(what) => f.write_str(what),
            Self::Final(failure) => failure.fmt(f),
        }
    }
}
