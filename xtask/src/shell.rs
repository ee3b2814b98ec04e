//! Runs other programs, says what is run, and stops at the first that fails.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Why a command stopped, as a sentence.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// Runs `program` at the workspace's root and waits for it.
pub(crate) fn run<I, S>(program: &str, arguments: I) -> Result<(), Failed>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(arguments);
    run_command(command)
}

/// As [`run`], for a command that is made up already.
pub(crate) fn run_command(mut command: Command) -> Result<(), Failed> {
    command.current_dir(root());
    let line = line(&command);
    eprintln!("$ {line}");
    let begun = Instant::now();
    let status = command.status().map_err(|error| Failed(format!("{line}: cannot be started ({error})")))?;
    if !status.success() {
        return Err(Failed(format!("{line}: failed ({status})")));
    }
    eprintln!("  done in {} s", begun.elapsed().as_secs());
    Ok(())
}

/// What a program writes to standard output; `None` when it is missing or fails.
pub(crate) fn output<I, S>(program: &str, arguments: I) -> Option<String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// A path below cargo's target folder.
pub(crate) fn target(path: &str) -> String {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(path).display().to_string()
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
