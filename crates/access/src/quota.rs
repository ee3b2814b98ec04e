//! How many of a month's calls a server reserves, before it serves them.
//!
//! Servers share a month through the database. One that reserves before it serves can count too many calls (those that it
//! reserved and never served), and never too few. A block lasts for two minutes of the plan's greatest rate, so that a
//! minute without the database stops nobody; near the end blocks shrink to a quarter of what is left, so that the last
//! calls are not lost between servers.

/// The next block: 0 when all are reserved.
pub fn next_block(allowed: u64, reserved: u64, calls_per_minute: u32) -> u64 {
    let left = allowed.saturating_sub(reserved);
    let block = u64::from(calls_per_minute).saturating_mul(2).max(1);
    block.min((left / 4).max(1)).min(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks() {
        let cases = [
            (5_000, 0, 20, 40),
            (500_000, 0, 600, 1_200),
            (5_000, 4_840, 20, 40),
            (5_000, 4_844, 20, 39),
            (5_000, 4_997, 20, 1),
            (5_000, 4_999, 20, 1),
            (5_000, 5_000, 20, 0),
            (5_000, 5_001, 20, 0),
            (3, 0, 20, 1),
            (5_000, 0, 0, 1),
        ];
        for (allowed, reserved, rate, expected) in cases {
            assert_eq!(next_block(allowed, reserved, rate), expected, "{allowed} {reserved} {rate}");
        }
    }

    proptest! {
        /// Servers reserve, serve and die at random: never more is served than is allowed, and what is lost is what the
        /// dead had reserved.
        #[test]
        fn never_more_than_allowed(
            allowed in 0_u64..500,
            rate in 1_u32..20,
            steps in proptest::collection::vec((0_usize..3, any::<u8>()), 1..800),
        ) {
            let (mut held, mut reserved, mut served, mut lost) = ([0_u64; 3], 0, 0, 0);
            for (server, what) in steps {
                if what < 5 {
                    lost += std::mem::take(&mut held[server]);
                    continue;
                }
                if held[server] == 0 {
                    let block = next_block(allowed, reserved, rate);
                    reserved += block;
                    held[server] = block;
                }
                if held[server] > 0 {
                    held[server] -= 1;
                    served += 1;
                }
            }
            prop_assert!(served <= allowed);
            prop_assert_eq!(served + lost + held.iter().sum::<u64>(), reserved);
        }
    }
}
