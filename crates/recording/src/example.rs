//! A small made-up chain for tests: its hashes are only names.

use alloy_primitives::{Address, B256, Bytes};

use crate::model::{Answer, Block, Call, Code, Header, Log, Meta, Recording, Transaction};

pub(crate) const FIRST: u64 = 100;
pub(crate) const COUNT: u64 = 40;
pub(crate) const FIRST_UNIX: u64 = 1_000_000;
/// Long enough that safe, final and newest blocks differ.
pub(crate) const BLOCK_SECONDS: u64 = 60;

/// `0x..01`, `0x..02` and so on.
pub(crate) fn address(number: u8) -> Address {
    Address::with_last_byte(number)
}

/// `0x..01`, `0x..02` and so on.
pub(crate) fn word(number: u64) -> B256 {
    alloy_primitives::U256::from(number).into()
}

/// Blocks 100 to 139. Each has two transactions with two logs each: of contracts 1 and 2 (topics 1 and the block's
/// number), of contract 3 (topics 2, 7 and 8) and, without any topic, of contract 1.
pub(crate) fn recording() -> Recording {
    Recording {
        meta: Meta {
            chain_id: 8453,
            seed: 7,
            title: "An example".to_owned(),
            rehearsal: Some("Nothing here is real.".to_owned()),
            config_toml: String::new(),
            tools: vec!["a pencil".to_owned()],
        },
        blocks: (0..COUNT).map(block).collect(),
        calls: vec![
            call(None, Answer::Returned(vec![1].into())),
            call(Some(FIRST + 3), Answer::Returned(vec![3].into())),
            Call { data: vec![9].into(), ..call(Some(FIRST + 3), Answer::Reverted(vec![7].into())) },
        ],
        codes: vec![Code { address: address(1), code: vec![0x60, 0x00].into() }],
    }
}

fn block(position: u64) -> Block {
    let number = FIRST + position;
    let header = Header {
        hash: word(1000 + number),
        parent_hash: word(1000 + number - 1),
        number,
        timestamp: FIRST_UNIX + position * BLOCK_SECONDS,
        gas_used: 50,
        ..Header::default()
    };
    let log = |contract, topics: &[u64]| Log {
        address: address(contract),
        topics: topics.iter().map(|topic| word(*topic)).collect(),
        data: Bytes::from(vec![contract]),
    };
    let transactions = vec![
        Transaction {
            hash: word(2000 + number),
            succeeded: true,
            gas_used: 20,
            logs: vec![log(1, &[1, number]), log(2, &[1, number])],
            ..Transaction::default()
        },
        Transaction {
            hash: word(3000 + number),
            succeeded: true,
            gas_used: 30,
            logs: vec![log(3, &[2, 7, 8]), log(1, &[])],
            ..Transaction::default()
        },
    ];
    Block { header, transactions }
}

fn call(at_block: Option<u64>, answer: Answer) -> Call {
    Call { to: address(1), data: vec![8].into(), at_block, answer }
}
