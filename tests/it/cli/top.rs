//! `accrual top`: in a real terminal, over a server and over the database.

use std::path::Path;
use std::time::{Duration, Instant};

use accrual_tests::binary::{self, Ended, command};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

/// How long the screen may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of tmux's own server, which ends with this.
struct Screen {
    socket: String,
}

impl Screen {
    /// Runs `accrual` with these arguments in a terminal of this size.
    async fn open(name: &str, (columns, rows): (u16, u16), arguments: &str) -> Self {
        let screen = Self { socket: format!("accrual-{}-{name}", std::process::id()) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let program = format!("{} {arguments}", binary::path().display());
        // What is said at the end stays to be read.
        let program = format!("{program}; echo ended with $?; sleep 600");
        screen.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, &program]).await;
        screen
    }

    async fn tmux(&self, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-L", &self.socket, "-f", "/dev/null"]).args(arguments).env_remove("NO_COLOR");
        let output = tmux.output().await.expect("tmux is installed: cargo xtask test does it");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a screen is text")
    }

    async fn shown(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).await
    }

    async fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]).await;
    }

    /// Waits until the screen holds `wanted`, and answers the screen.
    async fn shows(&self, wanted: &str) -> String {
        self.until(wanted, |shown| shown.contains(wanted)).await
    }

    async fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let shown = self.shown().await;
            if holds(&shown) {
                return shown;
            }
            assert!(begun.elapsed() < PATIENCE, "the screen does not come to {what:?}:\n{shown}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Only the server of this socket, and so only what this test started.
        let _ = std::process::Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

/// What the screen says of the earned figure of the chosen campaign.
fn earned(shown: &str) -> Option<String> {
    shown.split(" earned ").nth(1)?.split_whitespace().next().map(str::to_owned)
}

async fn filled(folder: &Path) -> String {
    let db = super::sqlite_url(folder);
    let done = binary::run(&["demo", "--once", "--db", &db]).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    folder.join("accrual-demo.toml").display().to_string()
}

#[tokio::test]
async fn over_a_server_it_ticks_with_the_blocks_and_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let db = super::sqlite_url(folder.path());
    let mut demo =
        binary::start(command(&["demo", "--listen", "127.0.0.1:0", "--speed", "3000", "--db", &db]));
    let line = demo.line_with("page           ").await;
    let (url, key) = line.split_whitespace().nth(1).unwrap().split_once("/#key=").unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, key).unwrap();

    let arguments = format!("top --url {url} --key-file {} --every 1", file.display());
    let screen = Screen::open("server", (100, 30), &arguments).await;
    let shown = screen.shows("Earners of rehearsal-usd-tkn").await;
    for word in ["accrual top", url, "REHEARSAL", "● Database", "● Chain nodes", "q quit"] {
        assert!(shown.contains(word), "no {word:?} in\n{shown}");
    }
    let first =
        screen.until("an earned figure", |shown| earned(shown).is_some_and(|text| text != "unknown")).await;
    screen.until("another earned figure", |shown| earned(shown) != earned(&first)).await;
    screen.press("Tab").await;
    screen.press("Enter").await;
    screen.shows("uniswap_v3:0x").await;
    screen.press("Escape").await;

    let ended = demo.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let gone = screen.shows("NO ANSWER for").await;
    assert!(gone.contains("✗ gone") && earned(&gone).is_some(), "what was told stays:\n{gone}");
    let address = url.trim_start_matches("http://");
    let config = folder.path().join("accrual-demo.toml").display().to_string();
    let serve = command(&["serve", "--config", &config]);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("127.0.0.1:0", address)).unwrap();
    let mut server = binary::start(serve);
    server.line_with("API and page: ").await;
    screen.until("the server's figures again", |shown| !shown.contains("NO ANSWER")).await;

    screen.press("q").await;
    screen.shows("ended with 0").await;
    assert_eq!(server.terminate().await.code, 0);
}

#[tokio::test]
async fn over_the_database_it_prints_a_frame_with_the_reports_figures() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(folder.path()).await;
    let report =
        binary::run(&["report", "--config", &config, "--campaign", "rehearsal-usd-tkn", "--format", "json"])
            .await;
    let report: Value = serde_json::from_str(&report.stdout).unwrap();

    let frame = binary::run(&["top", "--config", &config, "--once"]).await;
    assert_eq!(frame.code, 0, "{}", frame.stderr);
    assert!(frame.stdout.contains("REHEARSAL") && !frame.stdout.contains('\u{1b}'), "{}", frame.stdout);
    let whole: Vec<&str> =
        report["data"].as_array().unwrap().iter().filter_map(|row| row["account"].as_str()).collect();
    assert!(whole.len() >= 3, "the rehearsal has earners");
    for account in &whole[..3] {
        assert!(frame.stdout.contains(account), "no {account} in\n{}", frame.stdout);
    }
    let units = report["earned_units"].as_str().unwrap();
    let told: String = earned(&frame.stdout).unwrap().chars().filter(char::is_ascii_digit).collect();
    assert!(told.len() > 4 && units.starts_with(&told), "{told} is not the beginning of {units}");

    let other = binary::run(&["top", "--config", &config, "--once", "--campaign", "nothing"]).await;
    super::assert_fails(
        "a campaign that is not there",
        &other,
        2,
        &["--campaign nothing", "rehearsal-usd-tkn"],
    );
    let pipe = binary::run(&["top", "--config", &config]).await;
    super::assert_fails("no terminal", &pipe, 2, &["--once"]);
    let Ended { code, stderr, .. } = binary::run(&["top", "--url", "http://api.example", "--once"]).await;
    assert_eq!((code, stderr.contains("anybody on the way reads the key")), (2, true), "{stderr}");
}

#[tokio::test]
async fn a_small_terminal_without_colour_has_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(folder.path()).await;
    let screen = Screen::open("small", (80, 24), &format!("top --config {config}")).await;
    let shown = screen.shows("Earners of").await;
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    screen.press("?").await;
    screen.shows("Keys and signs").await;
    screen.press("C-c").await;
    screen.shows("ended with 0").await;
}
