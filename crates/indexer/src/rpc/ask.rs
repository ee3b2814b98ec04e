//! Puts a question to one node after the other until one answers.

use std::future::Future;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::RpcSource;
use super::health::{Choice, Need, Standing, choose};
use super::node::Node;
use super::question::{Question, Trouble, parse};
use crate::plan::Suggestion;
use crate::source::SourceError;

/// Rounds over all nodes while none has the block yet.
const ROUNDS_WHILE_BEHIND: u32 = 5;
const PAUSE_WHILE_BEHIND: Duration = Duration::from_millis(100);
/// What a node that takes fewer blocks than asked for weighs more than one that takes them all.
const TOO_NARROW: u64 = 1_000_000;

/// What came of a question so far.
#[derive(Default)]
struct Tries {
    /// Nodes that will not answer it otherwise if they are asked again now.
    passed: Vec<usize>,
    last: Option<SourceError>,
    /// One has not got the block yet, so that it may be asked again soon.
    is_early: bool,
    rounds: u32,
}

impl Tries {
    fn pass(&mut self, place: usize, error: SourceError) {
        self.passed.push(place);
        self.last = Some(error);
    }
}

impl RpcSource {
    /// One question, and the answer as what was asked for.
    pub(super) async fn ask<T: DeserializeOwned + Send>(
        &self,
        question: &Question,
    ) -> Result<T, SourceError> {
        let once = async |place: usize| parse(&self.ask_once(&self.nodes[place], question).await?);
        self.ask_with(question, once).await.map(|(_, answer)| answer)
    }

    /// One question by `once`, which asks the node with that place one time; the node that answered, and its answer.
    pub(super) async fn ask_with<T, F>(
        &self,
        question: &Question,
        once: impl Fn(usize) -> F + Send + Sync,
    ) -> Result<(usize, T), SourceError>
    where
        T: Send,
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        self.ask_past(question, Vec::new(), once).await
    }

    /// The same without the nodes that are `passed`.
    pub(super) async fn ask_past<T, F>(
        &self,
        question: &Question,
        passed: Vec<usize>,
        once: impl Fn(usize) -> F + Send + Sync,
    ) -> Result<(usize, T), SourceError>
    where
        T: Send,
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let mut tries = Tries { passed: passed.clone(), ..Tries::default() };
        loop {
            let place = match self.choose(question, &tries.passed) {
                Choice::Ask(place) => place,
                Choice::Wait(until) => {
                    sleep_until(until).await;
                    continue;
                }
                Choice::Nobody => {
                    self.all_passed(question, &passed, &mut tries).await?;
                    continue;
                }
            };
            self.refuse_too_wide(place, question)?;
            let node = &self.nodes[place];
            node.keep_pace().await;
            let begun = Instant::now();
            let asked = match self.introduce(place, question).await {
                Ok(true) => once(place).await,
                Ok(false) => continue,
                Err(trouble) => Err(trouble),
            };
            node.count(asked.as_ref().map_or_else(Trouble::as_str, |_| "answered"));
            match asked {
                Ok(answer) => {
                    node.record().health.answered(begun.elapsed());
                    return Ok((place, answer));
                }
                Err(trouble) => self.bear(place, question, trouble, &mut tries)?,
            }
        }
    }

    /// The node to ask now.
    pub(super) fn choose(&self, question: &Question, passed: &[usize]) -> Choice {
        let (now, newest) = (Instant::now(), self.newest_shown());
        // A single node is asked whatever is thought of it.
        let need = if self.nodes.len() == 1 { Need::default() } else { question.need };
        let left = self.nodes.iter().enumerate().filter(|(place, _)| !passed.contains(place));
        let candidate = |(place, node): (usize, &Node)| {
            let record = node.record();
            let narrow = match (question.blocks, record.range_blocks_max) {
                (Some((_, width)), Some(most)) if width > most => TOO_NARROW,
                _ => 0,
            };
            (place, record.health.fit(&need, now), record.health.score(newest).saturating_add(narrow))
        };
        let candidates: Vec<_> = left.map(candidate).collect();
        let choice = choose(&candidates, self.current.load(Ordering::Relaxed));
        if let Choice::Ask(place) = choice {
            self.current.store(place, Ordering::Relaxed);
        }
        choice
    }

    /// What the node has said that it never takes need not be asked of it.
    fn refuse_too_wide(&self, place: usize, question: &Question) -> Result<(), SourceError> {
        let node = &self.nodes[place];
        let Some(most) = node.record().range_blocks_max else { return Ok(()) };
        match question.blocks {
            Some((_, width)) if width > most => {
                let message = format!("it takes {most} blocks at most, as it said before");
                // Another node may take more, so with several the limit is this question's alone.
                let alone = self.nodes.len() == 1;
                let suggestion = if alone { Suggestion::WidthMax(most) } else { Suggestion::WidthNow(most) };
                Err(SourceError::TooWide { url: node.name.clone(), message, suggestion: Some(suggestion) })
            }
            _ => Ok(()),
        }
    }

    /// Of several nodes each is asked once for its chain, before anything else; whether it is the right one.
    pub(super) async fn introduce(&self, place: usize, question: &Question) -> Result<bool, Trouble> {
        let node = &self.nodes[place];
        let Some(expected) = self.options.chain_id else { return Ok(true) };
        let is_known = self.nodes.len() == 1 || node.record().health.chain_id.is_some();
        if is_known || question.method == "eth_chainId" {
            return Ok(true);
        }
        let found = self.ask_chain_id(node).await?;
        node.record().health.chain_id = Some(found);
        if found != expected {
            node.stands(Standing::OtherChain { found, expected });
        }
        Ok(found == expected)
    }

    pub(super) async fn ask_chain_id(&self, node: &Node) -> Result<u64, Trouble> {
        let answer = self.ask_once(node, &Question::new("eth_chainId", json!([]))).await?;
        let id: alloy::primitives::U64 = parse(&answer)?;
        Ok(id.to())
    }

    pub(super) async fn ask_once(&self, node: &Node, question: &Question) -> Result<Box<RawValue>, Trouble> {
        let limit = self.options.request_timeout;
        let answer = async {
            let client = node.client().await?;
            client.request::<_, Box<RawValue>>(question.method, question.params.clone()).await
        };
        let result = match timeout(limit, answer).await {
            Ok(result) => result,
            Err(_) => return Err(question.timed_out(limit)),
        };
        self.read(question, result)
    }

    pub(super) fn read(
        &self,
        question: &Question,
        result: Result<Box<RawValue>, TransportError>,
    ) -> Result<Box<RawValue>, Trouble> {
        if matches!(result, Ok(_) | Err(RpcError::ErrorResp(_) | RpcError::NullResp)) {
            self.note_answer();
        }
        match result {
            Ok(answer) => Ok(answer),
            Err(RpcError::NullResp) => Ok(RawValue::NULL.to_owned()),
            Err(error) => Err(question.trouble(error)),
        }
    }

    /// Takes a trouble up: the next node, a pause, or the end.
    fn bear(
        &self,
        place: usize,
        question: &Question,
        trouble: Trouble,
        tries: &mut Tries,
    ) -> Result<(), SourceError> {
        let (node, method) = (&self.nodes[place], question.method);
        let url = node.name.clone();
        match trouble {
            Trouble::TooWide { message, suggestion } => {
                self.learn_range(node, question, suggestion);
                return Err(SourceError::TooWide { url, message, suggestion });
            }
            Trouble::Refused { code, message } => {
                let is_final = question.is_contracts_word(code, &message);
                let error = SourceError::Refused { url, method, code, message };
                if is_final {
                    return Err(error);
                }
                tries.pass(place, error);
            }
            Trouble::Wrong { what } => {
                node.failed(&what);
                tries.pass(place, SourceError::BadAnswer { url, method, what });
            }
            Trouble::Behind { message } => {
                tries.is_early = true;
                tries.pass(place, SourceError::Refused { url, method, code: -32000, message });
            }
            Trouble::Absent => {
                let message = "it has no such block".to_owned();
                tries.pass(place, SourceError::Refused { url, method, code: -32000, message });
            }
            Trouble::Pruned { message } => {
                let block = question.oldest().unwrap_or_default();
                node.pruned(block, question.need.state_at.is_some());
                tries.pass(place, SourceError::Pruned { url, method, block, message });
            }
            Trouble::Busy { wait } => node.refused(wait),
            Trouble::Unreachable { reason } => {
                self.check_patience(node, &reason)?;
                node.failed(&reason);
            }
        }
        Ok(())
    }

    /// No node is left to ask: round again while one has not got the block yet, else the last error.
    async fn all_passed(
        &self,
        question: &Question,
        passed: &[usize],
        tries: &mut Tries,
    ) -> Result<(), SourceError> {
        if tries.is_early && tries.rounds < ROUNDS_WHILE_BEHIND {
            sleep(PAUSE_WHILE_BEHIND * 2_u32.pow(tries.rounds)).await;
            *tries = Tries { rounds: tries.rounds + 1, passed: passed.to_vec(), ..Tries::default() };
            return Ok(());
        }
        Err(tries.last.take().unwrap_or_else(|| self.none_fits(question)))
    }

    fn none_fits(&self, question: &Question) -> SourceError {
        let against = |node: &Node| {
            let (standing, reason) = node.record().health.state();
            format!("{}: {}", node.name, reason.unwrap_or_else(|| standing.to_owned()))
        };
        let is_pruned = |node: &&Node| {
            let health = &node.record().health;
            question.need.logs.is_some_and(|(first, _)| first < health.logs_from)
                || question.need.state_at.is_some_and(|at| at < health.state_from)
        };
        let nodes: Vec<String> = self.nodes.iter().map(against).collect();
        match self.nodes.iter().find(is_pruned) {
            Some(node) => SourceError::Pruned {
                url: node.name.clone(),
                method: question.method,
                block: question.oldest().unwrap_or_default(),
                message: nodes.join("; "),
            },
            None => SourceError::NoneFits { what: question.what(), nodes: nodes.join("; ") },
        }
    }

    /// A limit that the node named holds for the next question too.
    fn learn_range(&self, node: &Node, question: &Question, suggestion: Option<Suggestion>) {
        if let (Some(Suggestion::WidthMax(most)), Some((_, width))) = (suggestion, question.blocks) {
            // Some nodes count the blocks between the ends and refuse the very width they name.
            let most = most.min(width.saturating_sub(1)).max(1);
            let mut record = node.record();
            record.range_blocks_max = Some(record.range_blocks_max.map_or(most, |known| known.min(most)));
        }
    }

    pub(super) fn note_answer(&self) {
        *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn check_patience(&self, node: &Node, reason: &str) -> Result<(), SourceError> {
        let Some(patience) = self.options.patience else { return Ok(()) };
        let answered_at = *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner);
        if answered_at.elapsed() < patience {
            return Ok(());
        }
        let (url, reason) = (node.name.clone(), reason.to_owned());
        Err(SourceError::Unreachable { url, reason, seconds: patience.as_secs() })
    }
}

/// Whether a node refused a batch as such, and did not just fail to answer.
pub(super) fn is_refused(error: &TransportError) -> bool {
    match error {
        RpcError::Transport(TransportErrorKind::HttpError(error)) => {
            (400..500).contains(&error.status) && error.status != 429
        }
        RpcError::Transport(TransportErrorKind::MissingBatchResponse(_)) => true,
        RpcError::Transport(_) => false,
        _ => true,
    }
}
