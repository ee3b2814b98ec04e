//! The chain's ends, from a node that is not behind.

use accrual_store::Header;
use serde_json::json;

use super::RpcSource;
use super::health::{Choice, Standing};
use super::question::{Question, Trouble, parse};
use super::wire::LightHeader;
use crate::source::{Heads, SourceError};

impl RpcSource {
    /// The chain's ends at the best node that is not behind; at the one that is least behind, when all are.
    pub(super) async fn heads_of_the_best(&self) -> Result<Heads, SourceError> {
        let mut best: Option<Heads> = None;
        for _ in self.nodes.iter() {
            let (place, heads) = match (self.heads_somewhere().await, &best) {
                (Ok(found), _) => found,
                (Err(_), Some(_)) => break,
                (Err(error), None) => return Err(error),
            };
            let (node, head) = (&self.nodes[place], heads.latest.number.0);
            node.shown(heads.latest);
            let stored = self.stored().map_or(0, |stored| stored.number.0);
            let newest = self.newest_shown().max(stored);
            let is_behind = self.nodes.len() > 1 && self.is_behind(head, newest);
            if best.as_ref().is_none_or(|best| best.latest.number < heads.latest.number) {
                best = Some(heads);
            }
            if !is_behind {
                break;
            }
            node.stands(Standing::Behind { head, newest });
        }
        Ok(best.expect("there is a node, and it answered or its error was told"))
    }

    /// The chain's ends at one node, and which one.
    async fn heads_somewhere(&self) -> Result<(usize, Heads), SourceError> {
        let tags = ["latest", "safe", "finalized"].map(|tag| json!(tag));
        let question = Question::header(&tags[0]);
        let once = async |place: usize| {
            let answer = self.ask_once(&self.nodes[place], &question).await?;
            let latest = parse::<Option<LightHeader>>(&answer)?;
            latest.ok_or_else(|| Trouble::Wrong { what: "it knows no newest block".to_owned() })
        };
        let mut is_refused = false;
        loop {
            if let Choice::Ask(place) = self.choose(&question, &[]) {
                match self.try_batch::<LightHeader>(place, &tags).await {
                    Ok(headers) => {
                        let mut headers = headers.into_iter().map(|header| header.map(Header::from));
                        if let Some(latest) = headers.next().flatten() {
                            let mut number = || headers.next().flatten().map(|header| header.number);
                            return Ok((place, Heads { latest, safe: number(), finalized: number() }));
                        }
                    }
                    Err(refused) => is_refused |= refused,
                }
            }
            // This waits until a node is back. One that refuses the whole batch knows no "safe"; one that was only away
            // is asked for all three again, once.
            let (place, latest) = self.ask_with(&question, &once).await?;
            if is_refused {
                return Ok((place, Heads { latest: Header::from(latest), safe: None, finalized: None }));
            }
            is_refused = true;
        }
    }
}
