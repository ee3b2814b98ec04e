//! The `accrual` binary, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest wait for a command that is to end by itself.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// Its answers.
    pub stdout: String,
    /// Its words on the way.
    pub stderr: String,
}

/// The binary under test: built by `cargo xtask test`, or beside this test's own folder.
///
/// # Panics
/// When it is not built.
pub fn path() -> PathBuf {
    let beside = || {
        let own = std::env::current_exe().expect("a test has a path");
        own.ancestors().nth(2).expect("target/debug/deps").join("accrual")
    };
    let path = std::env::var_os("ACCRUAL_BINARY").map_or_else(beside, PathBuf::from);
    assert!(path.exists(), "{} is not built: run `cargo xtask test`, or `cargo build`", path.display());
    path
}

/// A command of the binary, away from this process's own settings.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command.args(arguments).env_remove("ACCRUAL_PEPPER").env_remove("ACCRUAL_CONFIG").stdin(Stdio::null());
    command.kill_on_drop(true);
    command
}

/// Runs a command to its end.
///
/// # Panics
/// When it does not end in time.
pub async fn run(arguments: &[&str]) -> Ended {
    ended(command(arguments)).await
}

/// Runs a made-up command to its end.
///
/// # Panics
/// When it does not end in time.
pub async fn ended(mut command: Command) -> Ended {
    let output: Output = timeout(PATIENCE, command.output())
        .await
        .expect("the command ends in time")
        .expect("the command starts");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command that goes on; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
}

/// Starts a command that goes on.
///
/// # Panics
/// When it does not start.
pub fn start(mut command: Command) -> Running {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut words = child.stderr.take().expect("it is piped");
    let stderr = tokio::spawn(async move {
        let mut text = Vec::new();
        // A pipe that breaks has told all it had.
        let _ = words.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    });
    Running { child, stdout, stderr }
}

impl Running {
    /// The next line of its answers that holds `word`.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn line_with(&mut self, word: &str) -> String {
        let found = async {
            while let Some(line) = self.stdout.next_line().await.expect("it writes text") {
                if line.contains(word) {
                    return line;
                }
            }
            let words = (&mut self.stderr).await.unwrap_or_default();
            panic!("it ended without saying {word:?}: {words}");
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("it did not say {word:?} in time"))
    }

    /// Whether it runs still.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Kills it as a power cut would.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Its process.
    ///
    /// # Panics
    /// When it was waited for.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// Sends a signal: `STOP` pauses it as a machine does that is put to sleep, `CONT` wakes it.
    ///
    /// # Panics
    /// When it does not reach the process.
    pub async fn signal(&self, name: &str) {
        let process = self.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &process]).status().await;
        assert!(sent.expect("there is a kill").success(), "SIG{name} reaches it");
    }

    /// Sends SIGTERM and waits for its end, 5 s at most.
    ///
    /// # Panics
    /// When it takes longer.
    pub async fn terminate(self) -> Ended {
        self.signal("TERM").await;
        timeout(Duration::from_secs(5), self.end()).await.expect("it ends within 5 s of SIGTERM")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When the system does not say how it ended.
    pub async fn end(mut self) -> Ended {
        let mut stdout = String::new();
        while let Ok(Some(line)) = self.stdout.next_line().await {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let status = self.child.wait().await.expect("a child can be waited for");
        let stderr = self.stderr.await.expect("its words are text");
        Ended { code: status.code().unwrap_or(-1), stdout, stderr }
    }
}

/// A path as an argument.
///
/// # Panics
/// When it is no UTF-8.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("the test's folder is UTF-8")
}
