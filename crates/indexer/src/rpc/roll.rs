//! The roll call: of several nodes, which can be believed.
//!
//! Every so often each node is asked for its chain and its newest block, and all for a block that they share. One that
//! is of another chain, behind, or on a fork is said by name and left alone until a later call clears it.

use std::collections::BTreeMap;
use std::time::Duration;

use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use alloy::primitives::B256;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::RpcSource;
use super::health::Standing;
use super::question::{Question, Trouble, parse};
use super::wire::{LightHeader, quantity};

const EVERY: Duration = Duration::from_secs(10);
/// A node that takes longer is asked at the next call.
const WAIT_MAX: Duration = Duration::from_secs(3);

impl RpcSource {
    /// Calls the roll when it is time to. With a single node there is nothing to hold it against.
    pub(super) async fn call_roll(&self) {
        if self.nodes.len() == 1 {
            return;
        }
        let Ok(mut called_at) = self.roll_called_at.try_lock() else { return };
        if called_at.is_some_and(|at: Instant| at.elapsed() < EVERY) {
            return;
        }
        *called_at = Some(Instant::now());
        let heads = join_all((0..self.nodes.len()).map(|place| self.present(place))).await;
        let stored = self.stored().map(|stored| stored.number.0);
        let newest = heads.iter().flatten().map(|head| head.number.0).chain(stored).max().unwrap_or(0);
        let mut level = Vec::new();
        for (place, head) in heads.into_iter().enumerate() {
            let Some(head) = head else { continue };
            if self.is_behind(head.number.0, newest) {
                self.nodes[place].stands(Standing::Behind { head: head.number.0, newest });
            } else {
                level.push((place, head));
            }
        }
        self.hold_together(&level).await;
    }

    /// Whether so old a newest block is too old.
    pub(super) fn is_behind(&self, head: u64, newest: u64) -> bool {
        newest.saturating_sub(head) > self.options.behind_blocks_max
    }

    /// A node's newest block, when it is of the right chain and answers in time.
    async fn present(&self, place: usize) -> Option<Header> {
        let node = &self.nodes[place];
        let asked = async {
            // One that was of another chain may be mended by now.
            if matches!(node.record().health.standing, Standing::OtherChain { .. }) {
                node.record().health.chain_id = None;
            }
            let question = Question::header(&json!("latest"));
            match self.introduce(place, &question).await {
                Ok(true) => self.header_at(place, &json!("latest")).await,
                Ok(false) => Ok(None),
                Err(trouble) => Err(trouble),
            }
        };
        let head = match timeout(WAIT_MAX, asked).await {
            Ok(Ok(head)) => head?,
            Ok(Err(Trouble::Unreachable { reason })) => {
                node.failed(&reason);
                return None;
            }
            Ok(Err(_)) => return None,
            Err(_) => {
                node.failed(&format!("no answer to the roll call within {} s", WAIT_MAX.as_secs()));
                return None;
            }
        };
        node.shown(head);
        Some(head)
    }

    async fn header_at(&self, place: usize, tag: &Value) -> Result<Option<Header>, Trouble> {
        let answer = self.ask_once(&self.nodes[place], &Question::header(tag)).await?;
        Ok(parse::<Option<LightHeader>>(&answer)?.map(Header::from))
    }

    /// Holds nodes that are level against each other at the newest block that all have.
    async fn hold_together(&self, level: &[(usize, Header)]) {
        let Some(common) = level.iter().map(|(_, head)| head.number).min() else { return };
        let hashes = self.hashes_at(level, common).await;
        let ours = match self.stored() {
            Some(stored) if is_tied(&hashes) => {
                let there = self.hashes_at(level, stored.number).await;
                there.into_iter().filter(|(_, hash)| *hash == stored.hash).map(|(place, _)| place).collect()
            }
            _ => Vec::new(),
        };
        let Some(believed) = believed(&hashes, &ours) else { return };
        for (place, has) in hashes {
            let fork = Standing::OnAFork { number: common.0, has, others: believed };
            self.nodes[place].stands(if has == believed { Standing::Good } else { fork });
        }
    }

    async fn hashes_at(&self, level: &[(usize, Header)], at: BlockNumber) -> Vec<(usize, B256)> {
        let asked = level.iter().map(async |(place, head)| {
            if head.number == at {
                return Some((*place, head.hash));
            }
            let found = timeout(WAIT_MAX, self.header_at(*place, &json!(quantity(at)))).await;
            Some((*place, found.ok()?.ok()??.hash))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// How many have each hash.
fn votes(hashes: &[(usize, B256)]) -> BTreeMap<B256, usize> {
    let mut votes = BTreeMap::new();
    for (_, hash) in hashes {
        *votes.entry(*hash).or_default() += 1;
    }
    votes
}

fn is_tied(hashes: &[(usize, B256)]) -> bool {
    let votes = votes(hashes);
    let most = votes.values().max();
    votes.values().filter(|count| Some(*count) == most).count() > 1
}

/// The hash that most have; of several with as many, that of a node in `ours`, which have the block that is stored; else
/// that of the node that the configuration names first.
fn believed(hashes: &[(usize, B256)], ours: &[usize]) -> Option<B256> {
    let votes = votes(hashes);
    let most = votes.values().max().copied()?;
    let leading = || hashes.iter().filter(|(_, hash)| votes[hash] == most);
    let ours = leading().find(|(place, _)| ours.contains(place));
    ours.or_else(|| leading().min_by_key(|(place, _)| *place)).map(|(_, hash)| *hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_are_believed_then_who_has_ours_then_the_first() {
        let [a, b, c] = [1, 2, 3].map(B256::repeat_byte);
        type Case<'a> = (&'a str, &'a [(usize, B256)], &'a [usize], Option<B256>);
        let cases: [Case<'_>; 6] = [
            ("nobody", &[], &[], None),
            ("all alike", &[(0, a), (1, a)], &[], Some(a)),
            ("two of three", &[(0, a), (1, b), (2, b)], &[0], Some(b)),
            ("one each, the second has ours", &[(0, a), (1, b)], &[1], Some(b)),
            ("one each, both have ours", &[(0, a), (1, b)], &[0, 1], Some(a)),
            ("one each, nothing is stored", &[(2, c), (0, a), (1, b)], &[], Some(a)),
        ];
        for (name, hashes, ours, expected) in cases {
            assert_eq!(believed(hashes, ours), expected, "{name}");
        }
        assert!(is_tied(&[(0, a), (1, b)]) && !is_tied(&[(0, a), (1, b), (2, b)]) && !is_tied(&[(0, a)]));
    }
}
