//! `accrual mcp` as an assistant starts it.

use std::process::Stdio;
use std::time::Duration;

use accrual_tests::binary;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::Demo;

const PATIENCE: Duration = Duration::from_secs(60);

/// A started server, spoken to in lines.
struct Spoken {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    asked: u64,
}

impl Spoken {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines(), asked: 0 }
    }

    async fn say(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        self.say(&json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params })).await;
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("it answers in time").unwrap();
        let answer: Value = serde_json::from_str(&line.expect("it goes on")).unwrap();
        assert_eq!(answer["id"], self.asked, "{answer}");
        answer
    }

    /// As clients before 2026-07-28 begin.
    async fn open(&mut self) -> Value {
        let client = json!({ "name": "tests", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let opened = self.ask("initialize", params).await;
        self.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        opened
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await["result"].clone()
    }

    /// Ends its input, and waits for it: its exit code and its words.
    async fn end(mut self) -> (i32, String) {
        drop(self.input);
        let mut words = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        timeout(PATIENCE, stderr.read_to_string(&mut words)).await.expect("it ends").unwrap();
        (self.child.wait().await.unwrap().code().unwrap_or(-1), words)
    }
}

#[tokio::test]
async fn from_the_database_it_answers_as_the_api_does() {
    let demo = Demo::start().await;
    let mut local = Spoken::start(binary::command(&["mcp", "--config", &demo.config]));
    let opened = local.open().await;
    assert_eq!(opened["result"]["serverInfo"]["name"], "accrual", "{opened}");
    let tools = local.ask("tools/list", json!({})).await;
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 10);
    let campaigns = demo.rest("/v1/campaigns").await;
    let id = campaigns["data"][0]["id"].clone();
    let told = local.call("get_campaign", json!({ "campaign": id })).await;
    let told = &told["structuredContent"]["data"]["campaign"];
    for field in
        ["earned_units", "emitted_units", "undistributed_units", "accounts_count", "as_of", "tvl_usd"]
    {
        assert_eq!(told[field], campaigns["data"][0][field], "{field}");
    }
    let usage = local.call("get_api_usage", json!({})).await;
    assert_eq!(usage["isError"], true, "there is no key, so nothing is counted: {usage}");
    let (code, words) = local.end().await;
    assert_eq!((code, words.as_str()), (0, ""), "its end is the end of its input");
    demo.stop().await;
}

#[tokio::test]
async fn the_new_revision_needs_no_opening() {
    let demo = Demo::start().await;
    let mut local = Spoken::start(binary::command(&["mcp", "--config", &demo.config]));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let discovered = local.ask("server/discover", json!({ "_meta": meta })).await;
    assert!(
        discovered["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")),
        "{discovered}"
    );
    let status =
        local.ask("tools/call", json!({ "name": "get_status", "arguments": {}, "_meta": meta })).await;
    assert_eq!(status["result"]["structuredContent"]["data"]["status"], "ready", "{status}");
    assert_eq!(local.end().await.0, 0);
    demo.stop().await;
}

#[tokio::test]
async fn it_speaks_for_a_server_elsewhere_with_a_key_from_a_file() {
    let demo = Demo::start().await;
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, format!("{}\n", demo.key)).unwrap();
    let url = format!("{}/mcp", demo.url);
    let mut remote =
        Spoken::start(binary::command(&["mcp", "--url", &url, "--key-file", binary::text(&key_file)]));
    assert_eq!(remote.open().await["result"]["protocolVersion"], "2025-11-25");
    let usage = remote.call("get_api_usage", json!({})).await;
    assert_eq!(usage["structuredContent"]["data"]["client"], "demo", "{usage}");
    let nothing = remote.ask("no/such", json!({})).await;
    assert_eq!(nothing["error"]["code"], -32601, "{nothing}");
    // A key that is taken away is told as the server tells it, in words that a person can act on.
    std::fs::write(&key_file, "acr_live_000000000000_00000000000000000000000000000000000000000003oHJE4")
        .unwrap();
    let refused = remote.ask("tools/list", json!({})).await;
    assert_eq!(
        (&refused["error"]["message"], &refused["error"]["data"]["code"]),
        (&json!("No such key."), &json!("key_unknown"))
    );
    let (code, words) = remote.end().await;
    assert_eq!((code, words.as_str()), (0, ""));
    let mut environment = binary::command(&["mcp", "--url", &url]);
    environment.env("ACCRUAL_KEY", &demo.key);
    let mut remote = Spoken::start(environment);
    assert_eq!(remote.open().await["result"]["serverInfo"]["name"], "accrual");
    assert_eq!(remote.end().await.0, 0);
    demo.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, "not a key").unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["mcp", "--config", "/nowhere/accrual.toml"], "/nowhere/accrual.toml"),
        (&["mcp", "--url", "http://127.0.0.1:9/mcp"], "set ACCRUAL_KEY"),
        (&["mcp", "--url", "http://api.example.org/mcp"], "use https://"),
        (&["mcp", "--url", "http://127.0.0.1:9/mcp", "--key-file", binary::text(&key_file)], "is no key"),
    ];
    for (arguments, words) in cases {
        let mut command = binary::command(arguments);
        command.env_remove("ACCRUAL_KEY");
        let ended = binary::ended(command).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
}
