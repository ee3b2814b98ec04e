//! MCP as its clients meet it: the published conformance suite, the official client, and a real process on standard input
//! and output.

mod conformance;
mod official_client;
mod stdio;

use accrual_tests::binary::{self, Running};
use reqwest::StatusCode;
use serde_json::Value;

/// A demo that serves until it is dropped.
struct Demo {
    running: Running,
    /// Without a path.
    url: String,
    key: String,
    config: String,
    _folder: tempfile::TempDir,
}

impl Demo {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = format!("sqlite://{}", folder.path().join("accrual.db").display());
        let arguments = ["demo", "--listen", "127.0.0.1:0", "--db", &db, "--progress", "off"];
        let mut running = binary::start(binary::command(&arguments));
        let word = |line: String| line.split_whitespace().nth(1).unwrap().to_owned();
        let config = word(running.line_with("configuration  ").await);
        let key = word(running.line_with("key            ").await);
        let url = word(running.line_with("page           ").await).split_once("/#").unwrap().0.to_owned();
        Self { running, url, key, config, _folder: folder }
    }

    async fn rest(&self, path: &str) -> Value {
        let request =
            reqwest::Client::new().get(format!("{}{path}", self.url)).header("x-api-key", &self.key);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    async fn stop(self) {
        let ended = self.running.terminate().await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains(&self.key), "a key is never logged");
    }
}
