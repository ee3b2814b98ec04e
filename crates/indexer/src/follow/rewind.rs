//! Back to the newest block that is still on the chain, or to one that a person names.

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::BlockNumber;
use accrual_store::{Db, Header, blocks, chain, commit};

use super::Follower;
use crate::error::IndexError;
use crate::fork::{Search, search};
use crate::source::Heads;

/// Headers that are compared at once.
const STEP: u32 = 64;

impl Follower {
    /// If our newest block left the chain: back to the newest block that both have.
    pub(super) async fn rewind_if_forked(&mut self, heads: &Heads) -> Result<(), IndexError> {
        let Some(newest) = self.state.newest_checkpoint() else { return Ok(()) };
        let probe = newest.number.min(heads.latest.number);
        let stored = blocks::at_or_before(&self.db, self.options.chain_id, probe).await?;
        let Some(stored) = stored else { return Ok(()) };
        let theirs = self.source.headers(&[stored.number]).await?.pop().flatten();
        if theirs.is_some_and(|theirs| theirs.hash == stored.hash) {
            if heads.latest.number < newest.number {
                return Err(IndexError::NodeBehind { head: heads.latest.number, stored: newest.number });
            }
            return Ok(());
        }
        let fork = self.find_fork(stored.number).await?;
        let is_unchanged = blocks::get(&self.db, self.options.chain_id, stored.number).await? == Some(stored);
        if !is_unchanged {
            // Another worker saw it too, and was first.
            return self.reload().await;
        }
        tracing::warn!(from = newest.number.0, to = fork.number.0, "the chain changed: rewinding");
        let db = self.db.under(self.state.all_leases());
        commit::rewind(&db, self.options.chain_id, &self.pools_of_chain().await?, &fork).await?;
        metrics::counter!("accrual_index_rewinds_total").increment(1);
        self.reload().await
    }

    async fn find_fork(&self, mut from: BlockNumber) -> Result<Header, IndexError> {
        let chain_id = self.options.chain_id;
        let finality = self.options.finality;
        let settled = chain::get(&self.db, chain_id).await?.map_or(BlockNumber(0), |row| {
            finality.block(row.latest_number, row.safe_number, row.finalized_number)
        });
        loop {
            let stored = blocks::descending_from(&self.db, chain_id, from, STEP).await?;
            let numbers: Vec<BlockNumber> = stored.iter().map(|header| header.number).collect();
            let chain = self.source.headers(&numbers).await?;
            match (search(&stored, &chain, settled), stored.last()) {
                // Blocks that cannot have left the chain lie above it. Their headers were not kept by earlier versions.
                (Search::Fork(fork), _) if fork.number < settled => {
                    return Err(IndexError::FinalBlockChanged {
                        number: settled,
                        stored: "blocks above it that left the chain".to_owned(),
                        found: "other ones".to_owned(),
                        repair: go_back_to(fork.number),
                    });
                }
                (Search::Fork(fork), _) => return Ok(fork),
                (Search::FinalChanged { stored, found }, _) => {
                    return Err(self.final_changed(&stored, found).await?);
                }
                (Search::Older, Some(oldest)) if oldest.number.0 > 0 => from = oldest.number.previous(),
                (Search::Older, _) => {
                    return Err(IndexError::FinalBlockChanged {
                        number: from,
                        stored: "other blocks".to_owned(),
                        found: "no such block".to_owned(),
                        repair: anew(),
                    });
                }
            }
        }
    }

    /// The sentence for a block that cannot have left the chain, with the command that repairs: back to the newest block
    /// that both have, however deep.
    async fn final_changed(&self, stored: &Header, found: Option<Header>) -> Result<IndexError, IndexError> {
        let (number, mut from) = (stored.number, stored.number);
        let mut both = None;
        while both.is_none() {
            let older = blocks::descending_from(&self.db, self.options.chain_id, from, STEP).await?;
            let Some(oldest) = older.last() else { break };
            let numbers: Vec<BlockNumber> = older.iter().map(|header| header.number).collect();
            let chain = self.source.headers(&numbers).await?;
            let same = |(ours, theirs): &(&Header, &Option<Header>)| {
                theirs.is_some_and(|theirs| theirs.hash == ours.hash)
            };
            both = older.iter().zip(&chain).find(same).map(|(ours, _)| ours.number);
            if oldest.number.0 == 0 {
                break;
            }
            from = oldest.number.previous();
        }
        let repair = both.map_or_else(anew, go_back_to);
        let found = found.map_or("no such block".to_owned(), |found| found.hash.to_string());
        Ok(IndexError::FinalBlockChanged { number, stored: stored.hash.to_string(), found, repair })
    }
}

fn go_back_to(both: BlockNumber) -> String {
    format!(
        "forget what was read above block {both}, which both have, and read it again: `accrual index --rewind-to {both}`"
    )
}

fn anew() -> String {
    "nothing that is stored can be trusted: read the pools anew into another database (database.url)"
        .to_owned()
}

/// Forgets what was read of `pools` above the newest stored block at or below `number`, final or not, and answers that
/// block. The node is not asked: a person has said so.
///
/// # Errors
/// [`IndexError::NothingBelow`], or the database's own.
pub async fn rewind_to(
    db: &Db,
    chain_id: u64,
    pools: &[PoolId],
    number: BlockNumber,
) -> Result<Header, IndexError> {
    let Some(to) = blocks::at_or_before(db, chain_id, number).await? else {
        let oldest = blocks::at_or_after(db, chain_id, number).await?;
        let oldest = oldest.map_or(BlockNumber(0), |oldest| oldest.number);
        return Err(IndexError::NothingBelow { asked: number, oldest });
    };
    commit::rewind(db, chain_id, pools, &to).await?;
    Ok(to)
}
