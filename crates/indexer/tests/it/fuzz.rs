//! Whatever a node sends, it is read, left out or refused; nothing panics, and the same log always means the same.

use accrual_indexer::decode::join::{self, KnownIds};
use accrual_indexer::decode::route::Routes;
use accrual_indexer::decode::{aerodrome, balancer, token, uniswap_v3, wrapper};
use accrual_indexer::plan::{Planner, Suggestion};
use accrual_indexer::refusal::{self, Refusal};
use accrual_indexer::source::RawLog;
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, ToldBy, WrapperKind};
use accrual_rewards::unit::UnixSeconds;
use alloy::primitives::{Address, B256};
use alloy::sol_types::SolEvent;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::rig::*;

fn pools() -> Vec<Pool> {
    let at = |byte, pool: Pool| Pool { address: Address::repeat_byte(byte), ..pool };
    vec![
        with_feed(pool(Venue::UniswapV3)),
        at(1, wrapped(Venue::AerodromeCl, WrapperKind::ClGauge, ToldBy::Nfts)),
        at(2, wrapped(Venue::AerodromeBasic, WrapperKind::Erc20Gauge, ToldBy::Deposits)),
        at(3, wrapped(Venue::BalancerV2, WrapperKind::Erc20Gauge, ToldBy::Transfers)),
        at(4, wrapped(Venue::BalancerV3, WrapperKind::Erc20Vault, ToldBy::Stakes)),
        at(5, pool(Venue::Erc20)),
    ]
}

fn addresses() -> Vec<Address> {
    let pools = (1..=5).map(Address::repeat_byte);
    pools.chain([POOL, MANAGER, VAULT, GAUGE, AGGREGATOR, TOKEN0]).collect()
}

fn signatures() -> Vec<B256> {
    let mut topics = uniswap_v3::POOL_TOPICS.to_vec();
    topics.extend(aerodrome::TOPICS);
    topics.extend(balancer::V2_POOL_TOPICS);
    topics.extend(balancer::V2_VAULT_TOPICS);
    topics.extend(balancer::V3_VAULT_TOPICS);
    for told_by in [ToldBy::Nfts, ToldBy::Transfers, ToldBy::Deposits, ToldBy::Stakes] {
        topics.extend(wrapper::topics(told_by));
    }
    topics.extend([
        uniswap_v3::manager::IncreaseLiquidity::SIGNATURE_HASH,
        uniswap_v3::manager::DecreaseLiquidity::SIGNATURE_HASH,
        uniswap_v3::manager::Collect::SIGNATURE_HASH,
        B256::repeat_byte(9),
    ]);
    topics
}

/// A word as it stands in topics and data: small numbers, addresses and ids are as likely as noise.
fn word() -> impl Strategy<Value = B256> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(B256::from),
        (0_u64..400).prop_map(|number| B256::from(u(number))),
        select(addresses()).prop_map(|address| address.into_word()),
        Just(POOL_ID),
        Just(B256::repeat_byte(0xff)),
    ]
}

fn any_log() -> impl Strategy<Value = RawLog> {
    let bytes = prop_oneof![vec(word(), 0..12).prop_map(|words| words.concat()), vec(any::<u8>(), 0..200),];
    (select(addresses()), select(signatures()), vec(word(), 0..4), bytes, any::<bool>()).prop_map(
        |(address, signature, mut topics, data, bare)| {
            topics.insert(0, signature);
            raw(address, if bare && topics.len() == 1 { Vec::new() } else { topics }, data)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(logs in vec(any_log(), 1..8)) {
        let pools = pools();
        let routes = Routes::new(&pools);
        let mut read = Vec::new();
        for (mut log, index) in logs.into_iter().zip(0..) {
            log.log_index = index;
            let once = routes.read(log.clone());
            prop_assert_eq!(&once, &routes.read(log));
            read.extend(once);
        }
        let mut known = KnownIds::default();
        for (manager, id, place) in join::learn(&routes, &read) {
            known.insert(manager, id, place);
        }
        let _ = join::events(&routes, &known, &read, |_| UnixSeconds(1));
    }

    #[test]
    fn unknown_signatures_are_left_out(address in select(addresses()), topic in any::<[u8; 32]>(), data in vec(any::<u8>(), 0..99)) {
        prop_assume!(!signatures().contains(&B256::from(topic)));
        let pools = pools();
        let read = Routes::new(&pools).read(raw(address, vec![B256::from(topic)], data)).unwrap();
        prop_assert!(read.events.is_empty() && read.pool.is_none() && read.manager.is_none());
    }

    #[test]
    fn a_changed_word_is_another_event_or_refused(place in 0_usize..9, noise in word()) {
        let added = balancer::v3_vault::LiquidityAdded {
            pool: POOL, liquidityProvider: ANN, kind: 1, totalSupply: u(90),
            amountsAddedRaw: vec![u(4), u(0)], swapFeeAmountsRaw: vec![u(1), u(0)],
        };
        let log = log(VAULT, &added);
        let mut data = log.data.to_vec();
        prop_assume!(data[place * 32..][..32] != noise[..]);
        data[place * 32..][..32].copy_from_slice(noise.as_slice());
        let changed = RawLog { data: data.into(), ..log.clone() };
        let pool = || pool(Venue::BalancerV3);
        if let Ok(events) = read_one(pool(), vec![changed]) {
            prop_assert_ne!(events, read_one(pool(), vec![log]).unwrap());
        }
    }

    #[test]
    fn a_transfer_of_any_form_moves_shares_or_is_refused(topics in vec(word(), 0..4), words in 0_usize..3) {
        let mut all = vec![token::Transfer::SIGNATURE_HASH];
        all.extend(topics);
        let log = raw(Address::repeat_byte(5), all.clone(), vec![0; words * 32]);
        let pools = pools();
        let read = Routes::new(&pools).read(log);
        match (all.len(), words) {
            (4, _) => prop_assert!(read.unwrap().events.is_empty()),
            (3, 1) => prop_assert!(read.is_err() || read.unwrap().events.len() == 1),
            _ => prop_assert!(read.is_err()),
        }
    }

    /// Whatever a node says when it refuses, the next question is smaller, never nothing, and in the end there is none.
    #[test]
    fn no_refusal_asks_for_more_or_for_nothing(
        code in prop_oneof![any::<i64>(), select(vec![-32000, -32005, -32600, -32602, 429])],
        words in prop_oneof![
            any::<String>(),
            "(range|limit|results|max) [0-9,]{0,30} (blocks|to|-) ?(0x)?[0-9a-f]{0,20}",
        ],
        first in any::<u64>(),
        width in 1_u64..50_000,
    ) {
        let refusal = refusal::read(code, &words, first, width);
        if let Refusal::TooWide(suggestion) = refusal {
            if let Some(Suggestion::WidthNow(now)) = suggestion {
                prop_assert!(1 <= now && now < width);
            }
            let mut planner = Planner::new(50_000);
            let mut asked = planner.width();
            while planner.refused(asked, suggestion) {
                prop_assert!(1 <= planner.width() && planner.width() < asked);
                asked = planner.width();
            }
            prop_assert_eq!(asked, 1);
        }
    }

    /// A log as JSON, with a field of another form, or without one.
    #[test]
    fn a_nodes_json_is_a_log_or_refused(
        field in select(vec!["address", "topics", "data", "blockNumber", "blockHash", "blockTimestamp", "transactionHash", "logIndex", "removed"]),
        value in prop_oneof![
            Just(serde_json::Value::Null),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
            "0x[0-9a-f]{0,80}".prop_map(serde_json::Value::from),
            Just(serde_json::json!([[]])),
        ],
        is_gone in any::<bool>(),
    ) {
        let mut json = serde_json::json!({
            "address": POOL, "topics": [POOL_ID], "data": "0x01", "blockNumber": "0x7", "blockHash": POOL_ID,
            "blockTimestamp": "0x1", "transactionHash": POOL_ID, "logIndex": "0x0", "removed": false,
        });
        prop_assert!(serde_json::from_value::<RawLog>(json.clone()).is_ok());
        let fields = json.as_object_mut().unwrap();
        if is_gone { fields.remove(field); } else { fields.insert(field.to_owned(), value); }
        if let Ok(log) = serde_json::from_value::<RawLog>(json) {
            let _ = Routes::new(&pools()).read(log);
        }
    }
}
