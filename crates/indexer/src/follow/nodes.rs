//! Keeps what is known of the nodes, for whoever only reads the database, and for the next process.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::nodes::{self, NodeRow};

use super::Follower;

/// While nothing new is known, the rows are written so often.
const PAUSE_SECONDS: u64 = 10;

/// What was written last.
#[derive(Default)]
pub(super) struct NodesKept {
    at: UnixSeconds,
    learnt: Vec<Learnt>,
}

/// What is written as soon as it changes: how a node stands, and its limits.
type Learnt = (String, String, [Option<u64>; 3]);

impl Follower {
    /// Writes the rows when something was learnt, and now and then where this process goes on. Trouble with it stops
    /// nothing.
    pub(super) async fn keep_nodes(&mut self, goes_on: bool) {
        let now = (self.options.now)();
        let rows = self.source.nodes();
        let learnt: Vec<Learnt> = rows.iter().map(learnt).collect();
        let is_plain = |(_, standing, limits): &Learnt| standing == "good" && *limits == [None; 3];
        let is_news =
            learnt != self.nodes.learnt && !(self.nodes.learnt.is_empty() && learnt.iter().all(is_plain));
        let is_due = goes_on && now.since(self.nodes.at) >= PAUSE_SECONDS;
        if rows.is_empty() || !(is_news || is_due) {
            return;
        }
        let rows: Vec<NodeRow> = rows.into_iter().map(|row| NodeRow { seen_at: now, ..row }).collect();
        match nodes::record(&self.db, self.options.chain_id, &rows).await {
            Ok(()) => self.nodes = NodesKept { at: now, learnt },
            Err(error) => tracing::debug!(%error, "what is known of the nodes is not kept"),
        }
    }
}

fn learnt(row: &NodeRow) -> Learnt {
    let limits = [row.requests_per_second_max, row.range_blocks_max, row.batch_max];
    (row.name.clone(), row.standing.clone(), limits)
}
