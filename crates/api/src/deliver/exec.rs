//! `exec:PROGRAM`: the key goes to its standard input and nowhere else.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};

use super::{DeliverError, Program};
use crate::key::redact;

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait for the rest of what an ended program said: a child of its own may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);
const SAID_BYTES_MAX: usize = 4_096;
const LINE_CHARS_MAX: usize = 200;

/// Runs `program` with `payload` and a line end on its standard input; it must end well within 30 seconds.
pub(super) async fn run(program: &Program, payload: &SecretString) -> Result<(), DeliverError> {
    let name = || program.path.clone();
    let names = std::env::vars_os().map(|(name, _)| name);
    let child =
        command(program, names).spawn().map_err(|error| DeliverError::Start { program: name(), error })?;
    let ended = tokio::time::timeout(TIMEOUT, converse(child, payload)).await;
    // The child is killed as it is dropped.
    let ended = ended.map_err(|_| DeliverError::Timeout { program: name() })?;
    let (status, said) = ended.map_err(|error| DeliverError::Start { program: name(), error })?;
    if status.success() {
        return Ok(());
    }
    let first_line = first_line(&said, payload);
    Err(DeliverError::Failed { program: name(), status: status.to_string(), first_line })
}

fn command(program: &Program, environment: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // The pepper and the database's password are not the program's business.
    for name in environment {
        if name.to_string_lossy().starts_with("ACCRUAL") {
            command.env_remove(name);
        }
    }
    command
}

async fn converse(mut child: Child, payload: &SecretString) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut listening = tokio::spawn(listen(stderr));
    if let Some(mut stdin) = stdin {
        // A program may end without reading: its status says whether that was right.
        let _ = stdin.write_all(payload.expose_secret().as_bytes()).await;
        let _ = stdin.write_all(b"\n").await;
        let _ = stdin.shutdown().await;
    }
    let status = child.wait().await?;
    let said = tokio::time::timeout(LAST_WORDS, &mut listening).await;
    listening.abort();
    Ok((status, said.ok().and_then(Result::ok).unwrap_or_default()))
}

/// The beginning of what it says; the rest is read too, so that it does not wait for us.
async fn listen(stderr: Option<ChildStderr>) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1_024]);
    let Some(mut stderr) = stderr else { return kept };
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let room = SAID_BYTES_MAX.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
    }
    kept
}

/// What a person may be shown of it: a program may repeat what it was given.
fn first_line(said: &[u8], payload: &SecretString) -> String {
    let said = String::from_utf8_lossy(said);
    let said = redact(&said.replace(payload.expose_secret(), "***"));
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    line.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_secrets_are_not_handed_on() {
        let program = Program { path: "put".to_owned(), arguments: Vec::new() };
        let names = ["ACCRUAL_PEPPER", "ACCRUAL__DATABASE__URL", "VAULT_TOKEN", "PATH"].map(OsString::from);
        let command = command(&program, names);
        let mut removed: Vec<_> =
            command.as_std().get_envs().map(|(name, value)| (name.to_owned(), value)).collect();
        removed.sort();
        assert_eq!(removed, [("ACCRUAL_PEPPER".into(), None), ("ACCRUAL__DATABASE__URL".into(), None)]);
    }
}
