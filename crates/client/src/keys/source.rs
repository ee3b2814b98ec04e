//! Where a key comes from.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::process::Command;

const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

/// Where the key comes from. All but [`KeySource::Fixed`] are read again when the service says that the key is ending or
/// has ended.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// This key, for ever: for tries, and for programs that live shorter than a key.
    Fixed(SecretString),
    /// The variable of this name.
    Environment(String),
    /// The first line of this file; also read again when the file changes.
    File(PathBuf),
    /// What this program prints, e.g. a secrets manager's.
    Command {
        /// The program.
        program: OsString,
        /// What it is called with: never a secret, since others see it.
        args: Vec<OsString>,
    },
    /// A file whose key this client exchanges by itself.
    SelfRotating(SelfRotation),
}

/// How a client exchanges its own key. The key needs the scope `keys:rotate_self`.
#[derive(Debug, Clone)]
pub struct SelfRotation {
    /// The file with the key. The new one is written here before it is used, readable to this user only. Beside it stands
    /// a lock, so that of several programs with this file one exchanges the key.
    pub file: PathBuf,
    /// A key that ends by itself is exchanged so long before.
    pub before_expiry: Duration,
    /// The old key goes on being accepted for so long; the service wants an hour at least.
    pub overlap: Duration,
    /// How often the service is asked when the key ends.
    pub check_every: Duration,
}

/// Why there is no key. Names places, never what was found there.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The variable is not set.
    #[error("the key is to be in the environment variable {0}, which is not set")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("the key's file {path} cannot be read: {error}")]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The program failed.
    #[error("{program:?}, which is to print the key, {what}")]
    NoOutput {
        /// The program.
        program: OsString,
        /// What it did.
        what: String,
    },
    /// What is there is no key.
    #[error("what stands in {0} is no key: those are acr_live_... or acr_test_..., 71 characters")]
    Malformed(String),
}

impl KeySource {
    /// The first line of this file, read again whenever it changes.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(path.into())
    }

    /// A file whose key this client exchanges: when the service calls it ending, and seven days before it ends by itself.
    pub fn self_rotating(file: impl Into<PathBuf>) -> Self {
        Self::SelfRotating(SelfRotation {
            file: file.into(),
            before_expiry: 7 * DAY,
            overlap: DAY,
            check_every: Duration::from_secs(3_600),
        })
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::SelfRotating(rotation) => Some(&rotation.file),
            Self::Fixed(_) | Self::Environment(_) | Self::Command { .. } => None,
        }
    }

    pub(super) async fn read(&self) -> Result<SecretString, KeyError> {
        match self {
            Self::Fixed(key) => Ok(key.clone()),
            Self::Environment(variable) => {
                let value = std::env::var(variable).ok();
                value.map(Into::into).ok_or_else(|| KeyError::NoVariable(variable.clone()))
            }
            Self::File(path) => read_file(path),
            Self::SelfRotating(rotation) => read_file(&rotation.file),
            Self::Command { program, args } => output(program, args).await,
        }
    }

    pub(super) fn malformed(&self) -> KeyError {
        KeyError::Malformed(match self {
            Self::Fixed(_) => "the program".to_owned(),
            Self::Environment(variable) => format!("the environment variable {variable}"),
            Self::File(path) => path.display().to_string(),
            Self::SelfRotating(rotation) => rotation.file.display().to_string(),
            Self::Command { program, .. } => format!("what {} prints", program.display()),
        })
    }
}

fn read_file(path: &Path) -> Result<SecretString, KeyError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| KeyError::NoFile { path: path.to_owned(), error })?;
    Ok(first_line(&text))
}

async fn output(program: &OsString, args: &[OsString]) -> Result<SecretString, KeyError> {
    let failed = |what: String| KeyError::NoOutput { program: program.clone(), what };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let ended = tokio::time::timeout(COMMAND_TIMEOUT, command.output()).await;
    let ended = ended.map_err(|_| failed(format!("took longer than {} s", COMMAND_TIMEOUT.as_secs())))?;
    let ended = ended.map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !ended.status.success() {
        return Err(failed(format!("failed: {}", ended.status)));
    }
    let text = String::from_utf8(ended.stdout).map_err(|_| failed("prints no text".to_owned()))?;
    Ok(first_line(&text))
}

fn first_line(text: &str) -> SecretString {
    text.lines().next().unwrap_or_default().into()
}
