//! Which of our blocks left the chain.

use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;

/// What a look at some stored blocks, newest first, says of the fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// The newest block that both have; what lies above it may leave the chain.
    Fork(Header),
    /// This stored block cannot have left the chain, and yet the node says otherwise.
    FinalChanged {
        /// The block as it is stored.
        stored: Header,
        /// What the node has at its height.
        found: Option<Header>,
    },
    /// All of these blocks left the chain: look at older ones.
    Older,
}

/// Compares `stored` blocks with what the chain has at their heights. Blocks up to `settled` cannot leave it.
pub fn search(stored: &[Header], chain: &[Option<Header>], settled: BlockNumber) -> Search {
    for (ours, theirs) in stored.iter().zip(chain) {
        if theirs.is_some_and(|theirs| theirs.hash == ours.hash) {
            return Search::Fork(*ours);
        }
        if ours.number <= settled {
            return Search::FinalChanged { stored: *ours, found: *theirs };
        }
    }
    Search::Older
}

#[cfg(test)]
mod tests {
    use accrual_rewards::unit::UnixSeconds;
    use alloy::primitives::B256;

    use super::*;

    fn header(number: u64, branch: u8) -> Header {
        let hash = |number: u64| B256::left_padding_from(&[branch, u8::try_from(number).unwrap()]);
        Header {
            number: BlockNumber(number),
            hash: hash(number),
            parent_hash: hash(number - 1),
            at: UnixSeconds(number * 2),
        }
    }

    #[test]
    fn the_fork_is_the_newest_block_on_both() {
        struct Case {
            name: &'static str,
            same_up_to: u64,
            chain_ends: u64,
            settled: u64,
            found: Result<u64, u64>,
        }
        let cases = [
            Case { name: "nothing changed", same_up_to: 9, chain_ends: 9, settled: 9, found: Ok(9) },
            Case { name: "the last three changed", same_up_to: 6, chain_ends: 9, settled: 4, found: Ok(6) },
            Case { name: "down to finality", same_up_to: 6, chain_ends: 9, settled: 6, found: Ok(6) },
            Case { name: "a final block changed", same_up_to: 6, chain_ends: 9, settled: 7, found: Err(7) },
            Case { name: "the chain got shorter", same_up_to: 5, chain_ends: 5, settled: 3, found: Ok(5) },
            Case { name: "a final block is gone", same_up_to: 5, chain_ends: 5, settled: 8, found: Err(8) },
            Case { name: "all changed", same_up_to: 0, chain_ends: 9, settled: 0, found: Err(0) },
        ];
        let stored: Vec<Header> = (1..=9).rev().map(|number| header(number, 1)).collect();
        for case in cases {
            let theirs = |ours: &Header| {
                let branch = if ours.number.0 <= case.same_up_to { 1 } else { 2 };
                (ours.number.0 <= case.chain_ends).then(|| header(ours.number.0, branch))
            };
            let chain: Vec<Option<Header>> = stored.iter().map(theirs).collect();
            let found = match search(&stored, &chain, BlockNumber(case.settled)) {
                Search::Fork(fork) => Ok(fork.number.0),
                Search::FinalChanged { stored, .. } => Err(stored.number.0),
                Search::Older => Err(0),
            };
            assert_eq!(found, case.found, "{}", case.name);
        }
    }
}
