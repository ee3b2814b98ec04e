//! What is stored of Merkl's Distributor: with its place, once, and gone again with the blocks.

use accrual_rewards::distributor::{Claimed, DistributorEvent, TreeEvent};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::distributor::{self, DistributorExtension, Followed, Placed};
use accrual_store::{BlockRef, Db, StoreError, commit};
use accrual_tests::db::on_each_engine;
use alloy::primitives::{Address, B256, U256};

use super::samples::{self, CHAIN, header, header_on, pool, register};

const ANN: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb1);
const TOKEN: Address = Address::repeat_byte(0x70);
const OTHER: Address = Address::repeat_byte(0x71);

fn followed() -> Followed {
    Followed {
        chain_id: CHAIN,
        address: Address::repeat_byte(0xd1),
        first_block: BlockNumber(100),
        tokens: [TOKEN, OTHER].into(),
    }
}

fn placed(number: u64, log_index: u32, event: DistributorEvent) -> Placed<DistributorEvent> {
    Placed { block_number: BlockNumber(number), block_at: UnixSeconds(2 * number), log_index, event }
}

fn updated(number: u64, byte: u8) -> Placed<DistributorEvent> {
    let dispute_ends_at = UnixSeconds(2 * number + 20);
    placed(
        number,
        0,
        DistributorEvent::Tree(TreeEvent::Updated { root: B256::repeat_byte(byte), dispute_ends_at }),
    )
}

fn claimed(
    number: u64,
    log_index: u32,
    account: Address,
    token: Address,
    units: U256,
) -> Placed<DistributorEvent> {
    placed(number, log_index, DistributorEvent::Claimed(Claimed { account, token, amount: Amount(units) }))
}

fn block(number: u64) -> Option<BlockRef> {
    let header = header(number);
    Some(BlockRef { number: header.number, hash: header.hash })
}

async fn extend(
    db: &Db,
    after: Option<BlockRef>,
    through: u64,
    events: &[Placed<DistributorEvent>],
) -> Result<(), StoreError> {
    let pool_rewinds = distributor::pool_rewinds(db, CHAIN).await.unwrap();
    let through = header(through);
    distributor::extend(db, &DistributorExtension { chain_id: CHAIN, after, through, pool_rewinds, events })
        .await
}

fn units(count: u64) -> U256 {
    U256::from(count)
}

#[tokio::test]
async fn every_kind_comes_back_in_chain_order() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        assert_eq!(distributor::get(db, CHAIN).await.unwrap(), None);
        let stand = distributor::register(db, &followed()).await.unwrap();
        assert_eq!((stand.through, stand.rewinds, &stand.followed), (None, 0, &followed()));
        let kinds = [
            TreeEvent::Updated { root: B256::repeat_byte(1), dispute_ends_at: UnixSeconds(9) },
            TreeEvent::Disputed { reason: "it's \"wrong\" \u{1f4a3}".to_owned() },
            TreeEvent::DisputeResolved { is_valid: false },
            TreeEvent::Revoked,
            TreeEvent::PeriodChanged { epochs: 3 },
            TreeEvent::EpochChanged { seconds: 60 },
        ];
        let events: Vec<_> = (0..)
            .zip(&kinds)
            .map(|(log, kind)| placed(105, log, DistributorEvent::Tree(kind.clone())))
            .collect();
        extend(db, None, 110, &events).await.unwrap();
        let stored = distributor::tree_events(db, CHAIN, BlockNumber(110)).await.unwrap();
        assert_eq!(
            stored.iter().map(|placed| &placed.event).collect::<Vec<_>>(),
            kinds.iter().collect::<Vec<_>>()
        );
        assert!(stored.iter().all(|placed| placed.block_at == UnixSeconds(210)));
        assert_eq!(distributor::tree_events(db, CHAIN, BlockNumber(104)).await.unwrap(), []);
        let stand = distributor::get(db, CHAIN).await.unwrap().unwrap();
        assert_eq!((stand.through, stand.at), (block(110), Some(UnixSeconds(220))));
        // To say the same again changes nothing; to say something else begins anew.
        assert_eq!(distributor::register(db, &followed()).await.unwrap(), stand);
        let fewer = Followed { tokens: [TOKEN].into(), ..followed() };
        assert_eq!(distributor::register(db, &fewer).await.unwrap().through, None);
        assert_eq!(distributor::tree_events(db, CHAIN, BlockNumber(110)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn claims_add_up_by_account_and_token_at_any_block() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        distributor::register(db, &followed()).await.unwrap();
        let large = U256::MAX >> 1;
        let events = [
            claimed(101, 3, ANN, TOKEN, units(5)),
            claimed(101, 4, BOB, TOKEN, large),
            claimed(102, 0, ANN, OTHER, units(70)),
            claimed(104, 0, ANN, TOKEN, units(6)),
        ];
        extend(db, None, 104, &events).await.unwrap();
        let cases =
            [(ANN, TOKEN, 100, 0), (ANN, TOKEN, 103, 5), (ANN, TOKEN, 104, 11), (ANN, OTHER, 104, 70)];
        for (account, token, through, expected) in cases {
            let sum = distributor::claimed(db, CHAIN, account, token, BlockNumber(through)).await.unwrap();
            assert_eq!(sum, Amount(units(expected)), "{account} {token} {through}");
        }
        let all = distributor::claimed_by_account(db, CHAIN, TOKEN, BlockNumber(104)).await.unwrap();
        assert_eq!(all, [(ANN, Amount(units(11))), (BOB, Amount(large))].into());
        let one_by_one = distributor::claims_of(db, CHAIN, ANN, BlockNumber(104)).await.unwrap();
        assert_eq!(one_by_one.iter().map(|claim| claim.block_number.0).collect::<Vec<_>>(), [101, 102, 104]);
        let more = [claimed(105, 0, BOB, TOKEN, U256::MAX)];
        extend(db, block(104), 105, &more).await.unwrap();
        let error = distributor::claimed(db, CHAIN, BOB, TOKEN, BlockNumber(105)).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged { .. }) && error.to_string().contains("256 bits"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_was_overtaken_stores_nothing() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        samples::extend(db, "a", None, header(110), &[]).await.unwrap();
        distributor::register(db, &followed()).await.unwrap();
        extend(db, None, 105, &[updated(103, 1)]).await.unwrap();
        let before = fresh.dump().await;
        for after in [None, block(104), block(106)] {
            let error = extend(db, after, 107, &[]).await.unwrap_err();
            assert!(matches!(error, StoreError::DistributorMoved { .. }), "{error}");
            assert!(error.to_string().contains("not at"), "{error}");
        }
        // Read before a rewind of the pools, it is turned away after it, also when its own place did not move.
        let pool_rewinds = distributor::pool_rewinds(db, CHAIN).await.unwrap();
        assert!(before == fresh.dump().await);
        commit::rewind(db, CHAIN, &[pool("a")], &header(107)).await.unwrap();
        let stale = DistributorExtension {
            chain_id: CHAIN,
            after: block(105),
            through: header(110),
            pool_rewinds,
            events: &[updated(109, 2)],
        };
        let error = distributor::extend(db, &stale).await.unwrap_err();
        assert!(error.to_string().contains("rewound"), "{error}");
        assert_eq!(distributor::get(db, CHAIN).await.unwrap().unwrap().through, block(105));
        extend(db, block(105), 107, &[updated(106, 2)]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn it_is_rewound_with_the_pools() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        samples::extend(db, "a", None, header(110), &[]).await.unwrap();
        distributor::register(db, &followed()).await.unwrap();
        let events = [
            updated(101, 1),
            claimed(104, 1, ANN, TOKEN, units(5)),
            updated(108, 2),
            claimed(109, 1, ANN, TOKEN, units(6)),
        ];
        extend(db, None, 110, &events).await.unwrap();
        let live = async |at| {
            distributor::trees_at(db, CHAIN, BlockNumber(110)).await.unwrap().live(UnixSeconds(at))
        };
        assert_eq!(live(300).await, Some(B256::repeat_byte(2)));
        commit::rewind(db, CHAIN, &[pool("a")], &header_on(0, 106)).await.unwrap();
        assert_eq!(live(300).await, Some(B256::repeat_byte(1)));
        let sum = distributor::claimed(db, CHAIN, ANN, TOKEN, BlockNumber(110)).await.unwrap();
        assert_eq!(sum, Amount(units(5)));
        let stand = distributor::get(db, CHAIN).await.unwrap().unwrap();
        assert_eq!((stand.through, stand.rewinds), (block(106), 1));
    })
    .await;
}
