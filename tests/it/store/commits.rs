//! Batches are kept whole or not at all, and taken back without a trace.

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::unit::{BlockNumber, Liquidity, SqrtPriceX96, Tick};
use accrual_store::{BlockRef, Checkpoint, Extension, Header, Pack, PoolExtension, StoreError};
use accrual_store::{blocks, checkpoints, commit, events, snapshots};
use accrual_tests::db::{Fresh, on_each_engine};
use alloy::primitives::U256;

use super::samples::{CHAIN, every_kind, extend, flash, header, header_on, placed, pool, register, snapshot};

#[tokio::test]
async fn events_of_every_kind_are_read_in_order_by_page() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b"]).await;
        let placed: Vec<PlacedEvent> = every_kind()
            .into_iter()
            .zip(0..)
            .map(|(event, i)| placed(100 + u64::from(i / 3), 9 + i % 3, event))
            .collect();
        // Three batches, so three packs, of which the last holds two blocks.
        let cut = |number| placed.partition_point(|event| event.block_number.0 <= number);
        let parts = [
            (None, 100, 0..cut(100)),
            (Some(100), 101, cut(100)..cut(101)),
            (Some(101), 105, cut(101)..placed.len()),
        ];
        for (after, through, part) in parts {
            let after = after.map(|number| header(number).block());
            extend(db, "a", after, header(through), &placed[part]).await.unwrap();
        }
        extend(db, "b", None, header(105), &[flash(101, 0)]).await.unwrap();
        for packs in [1, 2, 3, 100] {
            assert_eq!(read(fresh, "a", BlockNumber(u64::MAX), packs).await, placed, "{packs} a page");
        }
        let low: Vec<_> = placed.iter().filter(|event| event.block_number.0 <= 101).cloned().collect();
        assert_eq!(read(fresh, "a", BlockNumber(101), 2).await, low);
        assert_eq!(events::count(db, &pool("a")).await.unwrap(), 8);
        assert_eq!(events::count(db, &pool("b")).await.unwrap(), 1);
        assert_eq!(events::count(db, &pool("c")).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn liquidity_past_64_bits_is_read_as_it_was_stored() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        let liquidity = Liquidity(u128::MAX);
        let (amount0, amount1, sqrt_price_x96) = Default::default();
        let swap =
            placed(101, 0, PoolEvent::Swapped { amount0, amount1, sqrt_price_x96, liquidity, tick: Tick(0) });
        let first = PoolEvent::Initialized { sqrt_price_x96: SqrtPriceX96(U256::from(1)), tick: Tick(0) };
        let stored = [placed(100, 0, first), swap];
        extend(&fresh.db, "a", None, header(101), &stored).await.unwrap();
        assert_eq!(read(fresh, "a", BlockNumber(101), 10).await, stored);
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_many_statements_is_whole() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        // Past the parameter limit of either engine, and divisible by none of the statement sizes.
        let many: Vec<_> = (0..12_347).map(|i| flash(100 + u64::from(i / 4), i % 4)).collect();
        let packs = Pack::of(&many);
        let through = header(4_000);
        let headers: Vec<Header> = (100..4_000).map(header).collect();
        let pools =
            [PoolExtension { pool: &pool("a"), after: None, packs: &packs, snapshots: &[], series: None }];
        let batch = Extension { chain_id: CHAIN, through, headers: &headers, pools: &pools };
        commit::extend(&fresh.db, &batch).await.unwrap();
        assert_eq!(read(fresh, "a", BlockNumber(4_000), 5_000).await, many);
        let down = blocks::descending_from(&fresh.db, CHAIN, BlockNumber(4_000), 9_999).await.unwrap();
        assert_eq!(down.len(), headers.len() + 1);
    })
    .await;
}

#[tokio::test]
async fn pools_move_on_together_and_are_remembered() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b"]).await;
        let (a, b, through) = (pool("a"), pool("b"), header(110));
        let (events, states) = (Pack::of(&[flash(110, 0)]), [snapshot(105, b"old"), snapshot(110, b"new")]);
        let pools = [
            PoolExtension { pool: &b, after: None, packs: &[], snapshots: &[], series: None },
            PoolExtension { pool: &a, after: None, packs: &events, snapshots: &states, series: None },
        ];
        let headers = [header(104), header(105), through];
        commit::extend(db, &Extension { chain_id: CHAIN, through, headers: &headers, pools: &pools })
            .await
            .unwrap();

        let stands = |pool| Checkpoint {
            pool,
            number: through.number,
            hash: through.hash,
            at: through.at,
            rewinds: 0,
        };
        assert_eq!(checkpoints::all(db).await.unwrap(), [stands(a.clone()), stands(b.clone())]);
        assert_eq!(checkpoints::get(db, &a).await.unwrap(), Some(stands(a.clone())));
        assert_eq!(checkpoints::get(db, &pool("c")).await.unwrap(), None);
        for (at_most, expected) in [(104, None), (109, Some(&states[0])), (999, Some(&states[1]))] {
            let found = snapshots::newest(db, &a, "f1", BlockNumber(at_most)).await.unwrap();
            assert_eq!(found.as_ref(), expected);
        }
        assert_eq!(snapshots::newest(db, &a, "f2", BlockNumber(999)).await.unwrap(), None);
        assert!(snapshots::put(db, &a, &snapshot(110, b"newer")).await.unwrap());
        assert!(
            !snapshots::put(db, &a, &snapshot(111, b"above")).await.unwrap(),
            "nothing above the checkpoint"
        );
        let newest = snapshots::newest(db, &a, "f1", BlockNumber(999)).await.unwrap();
        assert_eq!(newest, Some(snapshot(110, b"newer")));
        // In several rows, and then in one.
        for length in [1_000_000_u32, 3] {
            let state: Vec<u8> = (0..length).map(|byte| (byte % 251) as u8).collect();
            assert!(snapshots::put(db, &a, &snapshot(110, &state)).await.unwrap());
            let found = snapshots::newest(db, &a, "f1", BlockNumber(999)).await.unwrap();
            assert_eq!(found, Some(snapshot(110, &state)));
        }
        snapshots::delete_all(db, &a).await.unwrap();
        assert_eq!(snapshots::newest(db, &a, "f1", BlockNumber(999)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_lost_its_place_is_turned_away() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a", "b"]).await;
        extend(&fresh.db, "a", None, header(110), &[flash(105, 0)]).await.unwrap();
        let before = fresh.dump().await;
        let cases: [(&str, &str, Option<BlockRef>); 4] = [
            ("begins again", "a", None),
            ("stands lower", "a", Some(header(109).block())),
            ("stands on a fork", "a", Some(header_on(1, 110).block())),
            ("never began", "b", Some(header(110).block())),
        ];
        for (name, id, after) in cases {
            let error = extend(&fresh.db, id, after, header(120), &[flash(115, 0)]).await.unwrap_err();
            assert!(matches!(error, StoreError::CheckpointMoved { .. }), "{name}: {error}");
            assert!(error.to_string().contains("another accrual index is writing"), "{error}");
            assert_eq!(fresh.dump().await, before, "{name}");
        }
        extend(&fresh.db, "a", Some(header(110).block()), header(120), &[flash(115, 0)]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_two_writers_one_wins() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        extend(&fresh.db, "a", None, header(110), &[]).await.unwrap();
        let after = Some(header(110).block());
        let (low, high) = ([flash(115, 0)], [flash(115, 1)]);
        let (one, other) = tokio::join!(
            extend(&fresh.db, "a", after, header(120), &low),
            extend(&fresh.db, "a", after, header(121), &high),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let lost = one.and(other).unwrap_err();
        assert!(matches!(lost, StoreError::CheckpointMoved { .. }), "{lost}");
        assert_eq!(events::count(&fresh.db, &pool("a")).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b"]).await;
        blocks::insert(db, CHAIN, &header_on(1, 108)).await.unwrap();
        let before = fresh.dump().await;
        let (a, b, stranger) = (pool("a"), pool("b"), pool("stranger"));
        let good = Pack::of(&(0..2_000).map(|i| flash(105, i)).collect::<Vec<_>>());
        let twice = Pack::of(&[flash(106, 1), flash(106, 1)]);
        let cases = [
            ("an event's place is taken", &b, &twice[..], header(107)),
            ("nobody registered the pool", &stranger, &[], header(107)),
            ("another block is stored", &b, &[], header(108)),
        ];
        for (name, second, packs, last) in cases {
            let pools = [
                PoolExtension {
                    pool: &a,
                    after: None,
                    packs: &good,
                    snapshots: &[snapshot(105, b"a")],
                    series: None,
                },
                PoolExtension { pool: second, after: None, packs, snapshots: &[], series: None },
            ];
            let batch = Extension {
                chain_id: CHAIN,
                through: header(110),
                headers: &[header(105), last],
                pools: &pools,
            };
            let error = commit::extend(db, &batch).await.unwrap_err();
            match name {
                "nobody registered the pool" => {
                    assert!(matches!(error, StoreError::UnknownPool { .. }), "{error}")
                }
                "another block is stored" => {
                    assert!(matches!(error, StoreError::BlockChanged { .. }), "{error}")
                }
                _ => {
                    assert!(matches!(error, StoreError::Damaged { table: "event_packs", .. }), "{error}");
                    assert!(error.to_string().contains("block 106, log 1"), "{error}");
                }
            }
            assert_eq!(fresh.dump().await, before, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_run_through_a_fork_equals_one_that_never_saw_it() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b", "low"]).await;
        extend(db, "low", None, header(103), &[flash(102, 0)]).await.unwrap();
        extend(db, "a", None, header(105), &[flash(105, 0)]).await.unwrap();
        extend(db, "b", None, header(105), &[]).await.unwrap();
        let before = without_rewinds(fresh).await;

        let fork = header_on(1, 109);
        extend(db, "a", Some(header(105).block()), fork, &[flash(106, 0), flash(109, 3)]).await.unwrap();
        extend(db, "b", Some(header(105).block()), fork, &[flash(107, 0)]).await.unwrap();
        assert_ne!(without_rewinds(fresh).await, before);
        let pools = [pool("a"), pool("b"), pool("low"), pool("unknown")];
        commit::rewind(db, CHAIN, &pools, &header(105)).await.unwrap();

        assert_eq!(without_rewinds(fresh).await, before);
        let rewinds: Vec<u64> =
            checkpoints::all(db).await.unwrap().iter().map(|stands| stands.rewinds).collect();
        assert_eq!(rewinds, [1, 1, 0], "a pool that stood below stays");
        extend(db, "a", Some(header(105).block()), header(109), &[flash(106, 0)]).await.unwrap();

        let error = commit::rewind(db, CHAIN, &pools, &header_on(1, 105)).await.unwrap_err();
        assert!(matches!(error, StoreError::BlockChanged { .. }), "{error}");
        assert_eq!(checkpoints::get(db, &pool("a")).await.unwrap().unwrap().block(), header(109).block());
    })
    .await;
}

#[tokio::test]
async fn a_rewind_into_a_pack_keeps_what_lies_below() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        let low: Vec<_> = (0..700).map(|i| flash(101 + u64::from(i / 100), i % 100)).collect();
        extend(db, "a", None, header(110), &low).await.unwrap();
        for to in [109, 106, 105, 101, 100] {
            commit::rewind(db, CHAIN, &[pool("a")], &header(to)).await.unwrap();
            let kept: Vec<_> = low.iter().filter(|event| event.block_number.0 <= to).cloned().collect();
            assert_eq!(read(fresh, "a", BlockNumber(u64::MAX), 1).await, kept, "to {to}");
            assert_eq!(events::count(db, &pool("a")).await.unwrap(), kept.len() as u64);
        }
        extend(db, "a", Some(header(100).block()), header(120), &[flash(101, 0)]).await.unwrap();
        assert_eq!(events::count(db, &pool("a")).await.unwrap(), 1);
    })
    .await;
}

async fn without_rewinds(fresh: &Fresh) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut tables = fresh.dump().await;
    for (name, rows) in &mut tables {
        if *name == "checkpoints" {
            rows.iter_mut().for_each(|row| row.truncate(4));
        }
    }
    tables
}

/// All events of a pool, read in pages of so many packs.
async fn read(fresh: &Fresh, id: &str, through: BlockNumber, packs: u32) -> Vec<PlacedEvent> {
    let mut all: Vec<PlacedEvent> = Vec::new();
    loop {
        let after = all.last().map(|last| last.block_number);
        let page = events::page(&fresh.db, &pool(id), after, through, packs).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
