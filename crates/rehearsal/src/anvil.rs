//! An EVM node on a free loopback port, whose blocks are made when we say and at the time we say.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy::primitives::{Address, B256, Bytes, U256};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::error::RehearsalError;
use crate::npm::Npm;

/// Enough for the costliest act, the deployment of Uniswap's factory. An estimate would be too low: it is made at the
/// last block's time, and the first act of a new second also writes the pool's price history.
const TRANSACTION_GAS: u64 = 7_500_000;
/// Balancer's factories keep their pools' code in two contracts that they create.
const CREATION_GAS: u64 = 15_000_000;
const BLOCK_GAS: u64 = 400_000_000;
/// How many of the newest blocks can still be asked for their state, and reorganized. They are kept in memory; without
/// a limit the node writes older ones, gigabytes of them, to the home folder and leaves them there.
const STATES_KEPT: u64 = 800;
/// In wei; far above what blocks that are nearly empty ask for.
const GAS_PRICE_MAX: u64 = 10_000_000_000;

/// Where the chain begins.
#[derive(Debug, Clone, Copy)]
pub struct AnvilOptions {
    /// The chain's id.
    pub chain_id: u64,
    /// The first block's height.
    pub first_block: u64,
    /// The first block's time in Unix seconds.
    pub first_unix: u64,
}

impl Default for AnvilOptions {
    /// Numbered as Base is a day before the campaign begins.
    fn default() -> Self {
        Self { chain_id: 8453, first_block: 31_133_526, first_unix: 1_749_056_399 }
    }
}

/// A running node. It ends when this is dropped.
#[derive(Debug)]
pub struct Anvil {
    url: String,
    http: reqwest::Client,
    sent: AtomicU64,
    _process: Child,
}

impl Anvil {
    /// Starts a node and waits until it answers. Every account may send without a key; nothing is mined unasked.
    ///
    /// # Errors
    /// When the program does not run here.
    pub async fn start(npm: &Npm, options: AnvilOptions) -> Result<Self, RehearsalError> {
        let path = npm.path("@foundry-rs/anvil-linux-amd64/bin/anvil");
        let failed = |reason: String| RehearsalError::Start { path: path.clone(), reason };
        let mut process = Command::new(&path)
            .args([
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-mining",
                "--order",
                "fifo",
                "--auto-impersonate",
            ])
            .args(["--hardfork", "prague", "--slots-in-an-epoch", "1", "--accounts", "1"])
            .args(["--prune-history", &STATES_KEPT.to_string()])
            .args(["--chain-id", &options.chain_id.to_string(), "--gas-limit", &BLOCK_GAS.to_string()])
            .args([
                "--number",
                &options.first_block.to_string(),
                "--timestamp",
                &options.first_unix.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let stdout = process.stdout.take().ok_or_else(|| failed("it has no output".to_owned()))?;
        let mut lines = BufReader::new(stdout).lines();
        let address =
            listening_address(&mut lines).await.ok_or_else(|| failed("it ended at once".to_owned()))?;
        // Read on, or the node would wait for ever once the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            url: format!("http://{address}"),
            http: reqwest::Client::new(),
            sent: AtomicU64::new(0),
            _process: process,
        })
    }

    /// Where the node answers JSON-RPC.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks any method.
    ///
    /// # Errors
    /// When the node does not answer, refuses, or answers with something else than a `T`.
    pub async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, RehearsalError> {
        let unreachable = |error: reqwest::Error| RehearsalError::Unreachable {
            method: method.to_owned(),
            reason: error.to_string(),
        };
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self.http.post(&self.url).json(&request).send().await.map_err(unreachable)?;
        let mut answer: Value = response.json().await.map_err(unreachable)?;
        if !answer["error"].is_null() {
            let (reason, data) = (answer["error"].to_string(), answer["error"]["data"].take());
            let data = serde_json::from_value(data).ok();
            return Err(RehearsalError::Refused { method: method.to_owned(), reason, data });
        }
        serde_json::from_value(answer["result"].take())
            .map_err(|error| RehearsalError::Answer { method: method.to_owned(), reason: error.to_string() })
    }

    /// Sends a transaction from any account; it waits for the next block. Gives its hash.
    ///
    /// # Errors
    /// When the node refuses it.
    pub async fn send(
        &self,
        from: Address,
        to: Option<Address>,
        data: &Bytes,
    ) -> Result<B256, RehearsalError> {
        // Signatures are made up for accounts without a key, so two accounts with equal nonces could send
        // transactions of equal hashes: a gas limit of its own tells each from all others.
        let enough = if to.is_some() { TRANSACTION_GAS } else { CREATION_GAS };
        let gas = enough + self.sent.fetch_add(1, Ordering::Relaxed);
        let transaction = json!({
            "from": from, "to": to, "data": data,
            "gas": U256::from(gas), "maxFeePerGas": U256::from(GAS_PRICE_MAX), "maxPriorityFeePerGas": "0x0",
        });
        self.ask("eth_sendTransaction", json!([transaction])).await
    }

    /// Makes a block of all that waits, at this time.
    ///
    /// # Errors
    /// When the time is not after the last block's.
    pub async fn mine_at(&self, unix: u64) -> Result<(), RehearsalError> {
        self.ask::<Value>("evm_setNextBlockTimestamp", json!([unix])).await?;
        self.ask::<Value>("evm_mine", json!([])).await.map(drop)
    }

    /// Replaces the newest `depth` blocks by as many empty ones.
    ///
    /// # Errors
    /// When there are not so many.
    pub async fn reorg(&self, depth: u64) -> Result<(), RehearsalError> {
        self.ask::<Value>("anvil_reorg", json!([depth, []])).await.map(drop)
    }

    /// Gives an account ether to pay gas with.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn fund(&self, account: Address) -> Result<(), RehearsalError> {
        let balance = U256::from(10_u64).pow(U256::from(24));
        self.ask::<Value>("anvil_setBalance", json!([account, balance])).await.map(drop)
    }

    /// What a contract answers at the newest block.
    ///
    /// # Errors
    /// When it reverts.
    pub async fn call(&self, to: Address, data: Bytes) -> Result<Bytes, RehearsalError> {
        self.ask("eth_call", json!([{ "to": to, "data": data }, "latest"])).await
    }

    /// The newest block's height.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn block_number(&self) -> Result<u64, RehearsalError> {
        let number: U256 = self.ask("eth_blockNumber", json!([])).await?;
        Ok(number.saturating_to())
    }
}

async fn listening_address(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix("Listening on ") {
            return Some(address.trim().to_owned());
        }
    }
    None
}
