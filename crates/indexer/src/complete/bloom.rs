//! What a question asks of a block's bloom.
//!
//! A bloom has 2,048 bits; each address and topic of a log sets three of them, picked by its hash.

use alloy::primitives::{B256, Bloom, keccak256};

use crate::source::{LogQuery, RawLog};

/// A question, as bits of a bloom.
pub(super) struct BloomTest<'a> {
    query: &'a LogQuery,
    addresses: Vec<Bits>,
    topics: [Vec<Bits>; 4],
}

/// The three bits that a word sets: the byte, and the bit in it.
#[derive(Debug, Clone, Copy)]
struct Bits([(usize, u8); 3]);

impl Bits {
    fn of(word: &[u8]) -> Self {
        let hash = keccak256(word);
        let bit = |place: usize| {
            let bit = (usize::from(hash[place]) << 8 | usize::from(hash[place + 1])) & 0x7ff;
            (255 - bit / 8, 1_u8 << (bit % 8))
        };
        Self([bit(0), bit(2), bit(4)])
    }

    fn are_in(&self, bloom: &Bloom) -> bool {
        self.0.iter().all(|(byte, bit)| bloom.0[*byte] & bit != 0)
    }
}

impl<'a> BloomTest<'a> {
    pub(super) fn of(query: &'a LogQuery) -> Self {
        let topics = |place: usize| query.topics[place].iter().map(|topic| Bits::of(&topic[..])).collect();
        Self {
            query,
            addresses: query.addresses.iter().map(|address| Bits::of(&address[..])).collect(),
            topics: [topics(0), topics(1), topics(2), topics(3)],
        }
    }

    /// Whether the block can hold a log that was asked for: `false` is a proof that it holds none.
    pub(super) fn may_match(&self, bloom: &Bloom) -> bool {
        let any = |bits: &[Bits]| bits.iter().any(|bits| bits.are_in(bloom));
        any(&self.addresses) && self.topics.iter().all(|topics| topics.is_empty() || any(topics))
    }

    /// Whether the bloom speaks of something that was asked for and is in none of the block's logs that came, or does not
    /// speak of one that did.
    pub(super) fn doubts(&self, bloom: &Bloom, found: &[&RawLog]) -> bool {
        if !self.may_match(bloom) {
            return !found.is_empty();
        }
        self.lacks_an_emitter(bloom, found) || (1..4).any(|place| self.lacks_a_topic(place, bloom, found))
    }

    /// An address and a signature that are both in the bloom, and of which no log came together.
    fn lacks_an_emitter(&self, bloom: &Bloom, found: &[&RawLog]) -> bool {
        let signatures: Vec<B256> = self.present(0, bloom).copied().collect();
        let addresses = self.query.addresses.iter().zip(&self.addresses);
        addresses.filter(|(_, bits)| bits.are_in(bloom)).any(|(address, _)| {
            let came = |signature: Option<&B256>| {
                found.iter().any(|log| {
                    log.address == *address
                        && signature.is_none_or(|signature| log.topics.first() == Some(signature))
                })
            };
            if self.topics[0].is_empty() {
                !came(None)
            } else {
                !signatures.iter().all(|one| came(Some(one)))
            }
        })
    }

    /// A topic of this place that is in the bloom and in no log that came.
    fn lacks_a_topic(&self, place: usize, bloom: &Bloom, found: &[&RawLog]) -> bool {
        self.present(place, bloom).any(|topic| !found.iter().any(|log| log.topics.get(place) == Some(topic)))
    }

    /// The topics of this place that were asked for and are in the bloom.
    fn present<'b>(&'b self, place: usize, bloom: &'b Bloom) -> impl Iterator<Item = &'b B256> {
        let topics = self.query.topics[place].iter().zip(&self.topics[place]);
        topics.filter(|(_, bits)| bits.are_in(bloom)).map(|(topic, _)| topic)
    }
}

#[cfg(test)]
mod tests {
    use accrual_rewards::unit::BlockNumber;
    use alloy::primitives::{Address, BloomInput, Bytes};

    use super::*;
    use crate::source::BlockRange;

    const POOL: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);
    const SWAP: B256 = B256::repeat_byte(0x51);
    const MINT: B256 = B256::repeat_byte(0x52);
    const ID: B256 = B256::repeat_byte(0x61);

    fn log(address: Address, topics: &[B256]) -> RawLog {
        RawLog {
            address,
            topics: topics.to_vec(),
            data: Bytes::new(),
            block_number: 7,
            block_hash: B256::ZERO,
            block_timestamp: None,
            transaction_hash: B256::ZERO,
            log_index: 0,
            removed: false,
        }
    }

    fn bloom(logs: &[RawLog]) -> Bloom {
        let mut bloom = Bloom::ZERO;
        logs.iter().for_each(|log| bloom.accrue_raw_log(log.address, &log.topics));
        bloom
    }

    fn query(ids: &[B256]) -> LogQuery {
        let blocks = BlockRange { first: BlockNumber(7), last: BlockNumber(7) };
        LogQuery { addresses: vec![POOL], topics: [vec![SWAP, MINT], ids.to_vec(), vec![], vec![]], blocks }
    }

    #[test]
    fn bits_are_those_of_the_yellow_paper() {
        for word in [&POOL[..], &SWAP[..], b"anything"] {
            let expected = Bloom::from(BloomInput::Raw(word));
            assert!(Bits::of(word).are_in(&expected));
            let set: u32 = expected.0.iter().map(|byte| byte.count_ones()).sum();
            let distinct: std::collections::BTreeSet<_> = Bits::of(word).0.into_iter().collect();
            assert_eq!(usize::try_from(set).unwrap(), distinct.len());
        }
    }

    #[test]
    fn what_a_bloom_shows_and_what_it_cannot() {
        let (swap, mint) = (log(POOL, &[SWAP]), log(POOL, &[MINT, ID]));
        let foreign = log(OTHER, &[B256::repeat_byte(9)]);
        struct Case<'a> {
            name: &'a str,
            in_block: &'a [RawLog],
            came: &'a [&'a RawLog],
            ids: &'a [B256],
            doubted: bool,
        }
        let cases = [
            Case {
                name: "nothing of ours",
                in_block: std::slice::from_ref(&foreign),
                came: &[],
                ids: &[],
                doubted: false,
            },
            Case {
                name: "all came",
                in_block: &[swap.clone(), mint.clone()],
                came: &[&swap, &mint],
                ids: &[],
                doubted: false,
            },
            Case {
                name: "the only one is missing",
                in_block: std::slice::from_ref(&swap),
                came: &[],
                ids: &[],
                doubted: true,
            },
            Case {
                name: "one kind is missing",
                in_block: &[swap.clone(), mint.clone()],
                came: &[&swap],
                ids: &[],
                doubted: true,
            },
            Case {
                name: "one of two alike is missing",
                in_block: &[swap.clone(), swap.clone()],
                came: &[&swap],
                ids: &[],
                doubted: false,
            },
            Case {
                name: "an id is missing",
                in_block: std::slice::from_ref(&mint),
                came: &[],
                ids: &[ID],
                doubted: true,
            },
            Case {
                name: "another id",
                in_block: std::slice::from_ref(&mint),
                came: &[],
                ids: &[B256::ZERO],
                doubted: false,
            },
            Case {
                name: "one came that is not there",
                in_block: std::slice::from_ref(&foreign),
                came: &[&swap],
                ids: &[],
                doubted: true,
            },
        ];
        for case in cases {
            let query = query(case.ids);
            let test = BloomTest::of(&query);
            assert_eq!(test.doubts(&bloom(case.in_block), case.came), case.doubted, "{}", case.name);
        }
    }
}
