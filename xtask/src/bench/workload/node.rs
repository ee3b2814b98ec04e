//! The workload's node: a program that answers JSON-RPC on a port of loopback.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Chain;
use crate::shell::Failed;

pub(super) const PORT: &str = "18545";

/// The workload's node, ended with its owner.
pub(super) struct Node(Child);

impl Node {
    pub(super) fn start(built: &Path, chain: &Chain, latency_ms: u32) -> Result<Self, Failed> {
        let numbers = [chain.blocks.to_string(), chain.logs.to_string(), latency_ms.to_string()];
        let mut command = Command::new(built.join("canned-rpc"));
        command.args(["--blocks", &numbers[0], "--logs", &numbers[1], "--latency-ms", &numbers[2]]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let node = Self(child.map_err(|error| Failed(format!("canned-rpc cannot be started ({error})")))?);
        let begun = Instant::now();
        while get("/").is_none() {
            if begun.elapsed() > Duration::from_secs(120) {
                return Err(Failed("canned-rpc does not answer on its port".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(node)
    }

    /// Questions answered so far, by the node's own count.
    pub(super) fn requests(&self) -> u64 {
        let text = get("/").unwrap_or_default();
        let calls = text.split("\"calls\"").nth(1).unwrap_or_default();
        let calls = calls.split('}').next().unwrap_or_default();
        calls.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u64>().ok()).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The body of a page of the node.
fn get(path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{PORT}")).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}
