//! What is asked of a node for pools of every venue at once.

use std::collections::BTreeSet;

use accrual_indexer::decode::{balancer, feed, interest, token};
use accrual_indexer::source::BlockRange;
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, ToldBy, WrapperKind};
use accrual_rewards::unit::BlockNumber;
use alloy::primitives::Address;
use alloy::sol_types::SolEvent;

use crate::rig::*;

const BLOCKS: BlockRange = BlockRange { first: BlockNumber(1), last: BlockNumber(9) };

#[test]
fn all_venues_take_two_questions() {
    let at = |byte, venue| Pool { address: Address::repeat_byte(byte), ..pool(venue) };
    let pools = [
        with_feed(at(1, Venue::UniswapV3)),
        with_feed(wrapped(Venue::AerodromeBasic, WrapperKind::Erc20Gauge, ToldBy::Deposits)),
        at(2, Venue::BalancerV2),
        Pool { vault: None, ..at(3, Venue::BalancerV3) },
        at(4, Venue::Erc20),
    ];
    let questions = interest::questions(&pools, &BTreeSet::new(), BLOCKS);
    assert_eq!(questions.len(), 2);
    let [ours, vaults] = [&questions[0], &questions[1]];
    let named =
        [Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(4), POOL, GAUGE, AGGREGATOR];
    assert_eq!(ours.addresses.len(), named.len());
    assert!(named.iter().all(|address| ours.addresses.contains(address)));
    assert!(ours.topics[0].contains(&token::Transfer::SIGNATURE_HASH));
    assert!(ours.topics[0].contains(&feed::aggregator::AnswerUpdated::SIGNATURE_HASH));
    assert!(ours.topics[1..].iter().all(Vec::is_empty));
    assert_eq!(vaults.addresses, [VAULT, balancer::V3_VAULT]);
    assert_eq!(vaults.topics[1].len(), 2);
    assert!(vaults.topics[1].contains(&POOL_ID));
    assert!(vaults.topics[1].contains(&Address::repeat_byte(3).into_word()));
}

#[test]
fn nobody_is_asked_about_what_is_not_followed() {
    let vaults = interest::questions(&[pool(Venue::BalancerV3)], &BTreeSet::new(), BLOCKS);
    assert_eq!(vaults.len(), 1, "the pool's own transfers only repeat the Vault's");
    assert_eq!(vaults[0].addresses, [VAULT]);
    assert_eq!(interest::questions(&[], &BTreeSet::new(), BLOCKS), []);
}
