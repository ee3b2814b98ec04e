//! Decodes the logs of Merkl's Distributor: new trees, disputes, and what was claimed (`facts/merkl.md` 3.5).

use accrual_rewards::distributor::{Claimed, DistributorEvent, TreeEvent};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy::primitives::B256;
use alloy::sol_types::SolEvent;

use crate::decode::{DecodeError, parse};
use crate::source::RawLog;

/// The events and views of the Distributor that are read.
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod abi {
    alloy::sol! {
        event TreeUpdated(bytes32 merkleRoot, bytes32 ipfsHash, uint48 endOfDisputePeriod);
        event Disputed(string reason);
        event DisputeResolved(bool valid);
        event Revoked();
        event DisputePeriodUpdated(uint48 _disputePeriod);
        event EpochDurationUpdated(uint32 newEpochDuration);
        event Claimed(address indexed user, address indexed token, uint256 amount);
        function getMerkleRoot() external view returns (bytes32);
    }
}

/// Topics of the logs that may change the root.
pub const TREE_TOPICS: [B256; 6] = [
    abi::TreeUpdated::SIGNATURE_HASH,
    abi::Disputed::SIGNATURE_HASH,
    abi::DisputeResolved::SIGNATURE_HASH,
    abi::Revoked::SIGNATURE_HASH,
    abi::DisputePeriodUpdated::SIGNATURE_HASH,
    abi::EpochDurationUpdated::SIGNATURE_HASH,
];

/// The topic of a claim; its third names the token.
pub const CLAIM_TOPIC: B256 = abi::Claimed::SIGNATURE_HASH;

/// No reason of a dispute is kept longer, since anybody may write one.
const REASON_CHARS_MAX: usize = 500;

/// Reads a log of the Distributor; `None` for one of another kind.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn distributor_event(log: &RawLog) -> Result<Option<DistributorEvent>, DecodeError> {
    let event = match log.topics.first().copied() {
        Some(abi::TreeUpdated::SIGNATURE_HASH) => {
            let abi::TreeUpdated { merkleRoot: root, endOfDisputePeriod, .. } = parse(log, "TreeUpdated")?;
            TreeEvent::Updated { root, dispute_ends_at: UnixSeconds(endOfDisputePeriod.to()) }
        }
        Some(abi::Disputed::SIGNATURE_HASH) => TreeEvent::Disputed { reason: reason(log)? },
        Some(abi::DisputeResolved::SIGNATURE_HASH) => {
            let is_valid = parse::<abi::DisputeResolved>(log, "DisputeResolved")?.valid;
            TreeEvent::DisputeResolved { is_valid }
        }
        Some(abi::Revoked::SIGNATURE_HASH) => {
            parse::<abi::Revoked>(log, "Revoked")?;
            TreeEvent::Revoked
        }
        Some(abi::DisputePeriodUpdated::SIGNATURE_HASH) => {
            let epochs = parse::<abi::DisputePeriodUpdated>(log, "DisputePeriodUpdated")?._disputePeriod;
            TreeEvent::PeriodChanged { epochs: epochs.to() }
        }
        Some(abi::EpochDurationUpdated::SIGNATURE_HASH) => {
            let seconds = parse::<abi::EpochDurationUpdated>(log, "EpochDurationUpdated")?.newEpochDuration;
            TreeEvent::EpochChanged { seconds: seconds.into() }
        }
        Some(CLAIM_TOPIC) => {
            let abi::Claimed { user: account, token, amount } = parse(log, "Claimed")?;
            return Ok(Some(DistributorEvent::Claimed(Claimed { account, token, amount: Amount(amount) })));
        }
        _ => return Ok(None),
    };
    Ok(Some(DistributorEvent::Tree(event)))
}

/// The disputer's own words: any bytes, so that nobody stops us by writing some that are no text.
fn reason(log: &RawLog) -> Result<String, DecodeError> {
    let bytes = alloy::sol_types::abi::decode_params::<(alloy::sol_types::abi::token::PackedSeqToken<'_>,)>(
        &log.data,
    )
    .map_err(|error| DecodeError::new(log, "Disputed", error.to_string()))?
    .0;
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    Ok(String::from_utf8_lossy(bytes.0).chars().take(REASON_CHARS_MAX).map(printable).collect())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::aliases::U48;
    use alloy::primitives::{Address, Bytes, U256, b256};

    use super::*;

    fn log(event: &impl SolEvent) -> RawLog {
        let data = event.encode_log_data();
        RawLog {
            address: Address::repeat_byte(1),
            topics: data.topics().to_vec(),
            data: data.data,
            block_number: 7,
            block_hash: B256::repeat_byte(2),
            block_timestamp: None,
            transaction_hash: B256::repeat_byte(3),
            log_index: 4,
            removed: false,
        }
    }

    #[test]
    fn topics_are_those_of_the_published_abi() {
        let published = [
            b256!("23aa2e4f757a7bd974085d3e11439a843b137b30905e3ffd51b2097c34aef62e"),
            b256!("5eca00b8ed745eee61451333090bfa56aa1f2a9e696a2aebe5f1f5b6cef6f2ff"),
            b256!("8015c5005d9ad5d85ca80d3f894f08e0159277704c54166e5cff108800fa80cd"),
            b256!("44825a4b2df8acb19ce4e1afba9aa850c8b65cdb7942e2078f27d0b0960efee6"),
        ];
        assert_eq!(TREE_TOPICS[..4], published);
        assert_eq!(CLAIM_TOPIC, b256!("f7a40077ff7a04c7e61f6f26fb13774259ddf1b6bce9ecf26a8276cdd3992683"));
    }

    #[test]
    fn each_log_comes_back_as_what_it_means() {
        let (root, account, token) = (B256::repeat_byte(9), Address::repeat_byte(5), Address::repeat_byte(6));
        let claimed = Claimed { account, token, amount: Amount(U256::MAX) };
        let cases = [
            (
                log(&abi::TreeUpdated {
                    merkleRoot: root,
                    ipfsHash: B256::ZERO,
                    endOfDisputePeriod: U48::from(1_749_142_800_u64),
                }),
                Some(DistributorEvent::Tree(TreeEvent::Updated {
                    root,
                    dispute_ends_at: UnixSeconds(1_749_142_800),
                })),
            ),
            (
                log(&abi::Disputed { reason: "a leaf\nfalls".to_owned() }),
                Some(DistributorEvent::Tree(TreeEvent::Disputed {
                    reason: "a leaf\u{fffd}falls".to_owned(),
                })),
            ),
            (
                log(&abi::DisputeResolved { valid: true }),
                Some(DistributorEvent::Tree(TreeEvent::DisputeResolved { is_valid: true })),
            ),
            (log(&abi::Revoked {}), Some(DistributorEvent::Tree(TreeEvent::Revoked))),
            (
                log(&abi::DisputePeriodUpdated { _disputePeriod: U48::from(2) }),
                Some(DistributorEvent::Tree(TreeEvent::PeriodChanged { epochs: 2 })),
            ),
            (
                log(&abi::EpochDurationUpdated { newEpochDuration: 60 }),
                Some(DistributorEvent::Tree(TreeEvent::EpochChanged { seconds: 60 })),
            ),
            (
                log(&abi::Claimed { user: account, token, amount: U256::MAX }),
                Some(DistributorEvent::Claimed(claimed)),
            ),
            (RawLog { topics: vec![B256::repeat_byte(8)], ..log(&abi::Revoked {}) }, None),
            (RawLog { topics: vec![], ..log(&abi::Revoked {}) }, None),
        ];
        for (log, expected) in cases {
            assert_eq!(distributor_event(&log), Ok(expected), "{log:?}");
        }
    }

    #[test]
    fn words_that_are_no_text_do_not_stop_us() {
        let mut broken = log(&abi::Disputed { reason: "x".repeat(600) });
        let mut data = broken.data.to_vec();
        data[64] = 0xff;
        broken.data = data.into();
        let Ok(Some(DistributorEvent::Tree(TreeEvent::Disputed { reason }))) = distributor_event(&broken)
        else {
            panic!("a dispute is a dispute");
        };
        assert!(reason.starts_with("\u{fffd}xx") && reason.chars().count() == REASON_CHARS_MAX);
    }

    #[test]
    fn what_does_not_parse_is_named() {
        let tree = log(&abi::TreeUpdated {
            merkleRoot: B256::ZERO,
            ipfsHash: B256::ZERO,
            endOfDisputePeriod: U48::ZERO,
        });
        let claim = log(&abi::Claimed { user: Address::ZERO, token: Address::ZERO, amount: U256::ZERO });
        let (cut, long) = (tree.data.slice(..64), Bytes::from([&tree.data[..], &[0; 32]].concat()));
        let dirty = Bytes::from([&[0xff; 72][..], &[0; 24]].concat());
        let cases = [
            (RawLog { data: cut, ..tree.clone() }, "TreeUpdated"),
            (RawLog { data: long, ..tree.clone() }, "TreeUpdated"),
            (RawLog { data: dirty, ..tree }, "TreeUpdated"),
            (RawLog { topics: claim.topics[..2].to_vec(), ..claim.clone() }, "Claimed"),
            (RawLog { data: Bytes::new(), ..log(&abi::Disputed { reason: String::new() }) }, "Disputed"),
            (
                RawLog { data: vec![0xff; 32].into(), ..log(&abi::DisputeResolved { valid: true }) },
                "DisputeResolved",
            ),
        ];
        for (log, event) in cases {
            let error = distributor_event(&log).unwrap_err();
            assert_eq!(error.event, event);
            assert!(error.to_string().starts_with("log 4 of block 7"), "{error}");
        }
    }
}
