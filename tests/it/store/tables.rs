//! What goes into a table comes out of it.

use accrual_rewards::pool::{Pool, PoolFacts, ToldBy, WrapperFacts};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::{ChainRow, PoolRow, StoreError, TokenRow};
use accrual_store::{blocks, chain, dump, pools, rebuild, tokens};
use accrual_tests::db::on_each_engine;
use alloy::primitives::{Address, B256, U256};

use super::samples::{CHAIN, header, header_on, pool, pool_row};

#[tokio::test]
async fn chain_keeps_what_the_node_said_last() {
    on_each_engine(async |fresh| {
        let first = ChainRow {
            chain_id: CHAIN,
            latest_number: BlockNumber(10),
            latest_hash: B256::repeat_byte(0xfe),
            latest_at: UnixSeconds(20),
            safe_number: None,
            finalized_number: Some(BlockNumber(3)),
            seen_at: UnixSeconds(21),
        };
        let second = ChainRow { safe_number: Some(BlockNumber(9)), finalized_number: None, ..first };
        assert_eq!(chain::get(&fresh.db, CHAIN).await.unwrap(), None);
        for row in [first, second] {
            chain::record(&fresh.db, &row).await.unwrap();
            assert_eq!(chain::get(&fresh.db, CHAIN).await.unwrap(), Some(row));
        }
        assert_eq!(chain::get(&fresh.db, CHAIN + 1).await.unwrap(), None);
        let far = ChainRow { latest_number: BlockNumber(u64::MAX), ..first };
        let error = chain::record(&fresh.db, &far).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { value: u64::MAX, .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_pool_id_stands_for_one_pool() {
    on_each_engine(async |fresh| {
        let stored = pool_row("b");
        let others = [PoolRow { position_manager: None, ..pool_row("a") }, pool_row("B"), stored.clone()];
        for row in &others {
            pools::register(&fresh.db, row).await.unwrap();
            pools::register(&fresh.db, row).await.unwrap();
        }
        let listed: Vec<_> = pools::list(&fresh.db).await.unwrap().into_iter().map(|row| row.pool).collect();
        assert_eq!(listed, [pool("B"), pool("a"), pool("b")]);
        assert!(pools::list(&fresh.db).await.unwrap().contains(&stored));
        let changed = [
            ("chain", PoolRow { chain_id: 1, ..stored.clone() }),
            ("address", PoolRow { address: Address::ZERO, ..stored.clone() }),
            ("position manager", PoolRow { position_manager: None, ..stored.clone() }),
            ("created block", PoolRow { created_block: BlockNumber(101), ..stored.clone() }),
        ];
        let before = fresh.dump().await;
        for (property, row) in changed {
            let error = pools::register(&fresh.db, &row).await.unwrap_err();
            assert!(matches!(error, StoreError::PoolChanged { what, .. } if what == property), "{error}");
            assert!(error.to_string().contains("choose another id or another database"), "{error}");
        }
        assert_eq!(fresh.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_pools_tokens_come_later_and_change_nothing_else() {
    on_each_engine(async |fresh| {
        let (one, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        pools::register(&fresh.db, &pool_row("a")).await.unwrap();
        pools::register(&fresh.db, &pool_row("b")).await.unwrap();
        pools::set_tokens(&fresh.db, &pool("b"), one, other).await.unwrap();
        let told = PoolRow { token0: Some(one), token1: Some(other), ..pool_row("b") };
        assert_eq!(pools::list(&fresh.db).await.unwrap(), [pool_row("a"), told.clone()]);
        pools::register(&fresh.db, &pool_row("b")).await.unwrap();
        assert_eq!(pools::list(&fresh.db).await.unwrap()[1], told, "registering again keeps the tokens");
        let error = pools::set_tokens(&fresh.db, &pool("c"), one, other).await.unwrap_err();
        assert!(matches!(error, StoreError::UnknownPool { .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_a_pool_says_of_itself_is_kept_for_its_contract() {
    on_each_engine(async |fresh| {
        let row = pool_row("a");
        let asked = Pool {
            id: row.pool.clone(),
            venue: row.venue,
            address: row.address,
            position_manager: row.position_manager,
            created_block: row.created_block,
            vault: None,
            feeds: Vec::new(),
            wrappers: Vec::new(),
            facts: PoolFacts::default(),
        };
        let facts = PoolFacts {
            tokens: vec![Address::repeat_byte(1)],
            decimals: vec![None],
            weights_e18: vec![Amount(U256::MAX)],
            wrappers: vec![WrapperFacts { address: Address::repeat_byte(2), told_by: ToldBy::Deposits }],
            ..PoolFacts::default()
        };
        let error = pools::set_facts(&fresh.db, &row.pool, &facts).await.unwrap_err();
        assert!(matches!(error, StoreError::UnknownPool { .. }), "{error}");
        pools::register(&fresh.db, &row).await.unwrap();
        assert_eq!(pools::facts(&fresh.db, &asked).await.unwrap(), None);
        pools::set_facts(&fresh.db, &row.pool, &facts).await.unwrap();
        assert_eq!(pools::facts(&fresh.db, &asked).await.unwrap(), Some(facts.clone()));
        assert_eq!(rebuild::with_facts(&fresh.db, &asked).await.unwrap(), Pool { facts, ..asked.clone() });
        let elsewhere = Pool { address: Address::repeat_byte(3), ..asked.clone() };
        assert_eq!(pools::facts(&fresh.db, &elsewhere).await.unwrap(), None);
        fresh.raw("update pools set facts = '{' where pool_id = 'a'").await;
        let error = pools::facts(&fresh.db, &asked).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { table: "pools", .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn tokens_are_completed_and_never_changed() {
    on_each_engine(async |fresh| {
        let token = |byte, symbol: Option<&str>, decimals| TokenRow {
            chain_id: CHAIN,
            address: Address::repeat_byte(byte),
            symbol: symbol.map(str::to_owned),
            decimals,
        };
        let steps = [
            (token(2, None, None), token(2, None, None)),
            (token(2, Some("USD₮0"), None), token(2, Some("USD₮0"), None)),
            (token(2, None, Some(6)), token(2, Some("USD₮0"), Some(6))),
            (token(2, Some("OTHER"), Some(18)), token(2, Some("USD₮0"), Some(6))),
        ];
        for (learnt, stored) in steps {
            tokens::learn(&fresh.db, std::slice::from_ref(&learnt)).await.unwrap();
            assert_eq!(tokens::list(&fresh.db, CHAIN).await.unwrap(), [stored], "{learnt:?}");
        }
        tokens::learn(&fresh.db, &[token(1, None, Some(0))]).await.unwrap();
        tokens::learn(&fresh.db, &[TokenRow { chain_id: 1, ..token(0, None, None) }]).await.unwrap();
        let listed: Vec<_> = tokens::list(&fresh.db, CHAIN).await.unwrap();
        assert_eq!(listed.iter().map(|token| token.decimals).collect::<Vec<_>>(), [Some(0), Some(6)]);

        fresh.raw("update tokens set decimals = 300 where decimals = 6").await;
        let error = tokens::list(&fresh.db, CHAIN).await.unwrap_err();
        assert!(matches!(&error, StoreError::Damaged { what, .. } if what.contains("300")), "{error}");
    })
    .await;
}

#[tokio::test]
async fn blocks_are_found_by_height_and_by_time() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        for number in [10, 12, 20] {
            blocks::insert(db, CHAIN, &header(number)).await.unwrap();
            blocks::insert(db, CHAIN, &header(number)).await.unwrap();
        }
        // Stored are 10, 12 and 20; a block's time is twice its height.
        let cases = [
            // height: at, at or before, at or after; time twice that: newest not later, first later
            (9, None, None, Some(10), None, Some(10)),
            (10, Some(10), Some(10), Some(10), Some(10), Some(12)),
            (11, None, Some(10), Some(12), Some(10), Some(12)),
            (12, Some(12), Some(12), Some(12), Some(12), Some(20)),
            (20, Some(20), Some(20), Some(20), Some(20), None),
            (21, None, Some(20), None, Some(20), None),
        ];
        for (asked, at, before, after, not_later, later) in cases {
            let (number, time) = (BlockNumber(asked), UnixSeconds(2 * asked));
            let found = [
                blocks::get(db, CHAIN, number).await.unwrap(),
                blocks::at_or_before(db, CHAIN, number).await.unwrap(),
                blocks::at_or_after(db, CHAIN, number).await.unwrap(),
                blocks::newest_at_or_before_time(db, CHAIN, time).await.unwrap(),
                blocks::after_time(db, CHAIN, time).await.unwrap(),
            ];
            assert_eq!(
                found,
                [at, before, after, not_later, later].map(|number| number.map(header)),
                "{asked}"
            );
        }
        let down = blocks::descending_from(db, CHAIN, BlockNumber(u64::MAX), 2).await.unwrap();
        assert_eq!(down, [header(20), header(12)]);
        assert_eq!(blocks::descending_from(db, CHAIN, BlockNumber(11), 9).await.unwrap(), [header(10)]);
        assert_eq!(blocks::at_or_after(db, CHAIN + 1, BlockNumber(0)).await.unwrap(), None);

        let error = blocks::insert(db, CHAIN, &header_on(1, 12)).await.unwrap_err();
        assert!(matches!(error, StoreError::BlockChanged { number: BlockNumber(12), .. }), "{error}");
        assert_eq!(blocks::get(db, CHAIN, BlockNumber(12)).await.unwrap(), Some(header(12)));
    })
    .await;
}

#[tokio::test]
async fn dump_knows_its_tables_only() {
    on_each_engine(async |fresh| {
        for number in [9, 10, 100] {
            blocks::insert(&fresh.db, CHAIN, &header(number)).await.unwrap();
        }
        let rows = dump::table(&fresh.db, "blocks").await.unwrap();
        let numbers: Vec<_> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(numbers, ["9", "10", "100"], "by value, not by text");
        let error = dump::table(&fresh.db, "blocks; drop table blocks").await.unwrap_err();
        assert!(matches!(error, StoreError::UnknownTable { .. }), "{error}");
    })
    .await;
}
