//! What was folded in and never written is not gone on with: not even where the database did not answer when it was asked
//! where it stands, and the block left the chain meanwhile.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower};
use accrual_indexer::source::{Heads, LogQuery, LogSource, RawLog, SourceError};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::series::{Hours, pool_points};
use accrual_store::{Header, checkpoints};
use accrual_tests::db::{Fresh, on_each_engine};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use async_trait::async_trait;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const SHARE: Address = Address::repeat_byte(0x10);
const HOLDER: Address = Address::repeat_byte(0xa1);
const TRUNK: u8 = 1;
const BRANCH: u8 = 2;
/// A full hour, which falls between blocks 4 and 5.
const HOUR: u64 = 1_750_003_200;
const LIMIT: Duration = Duration::from_secs(30);

/// A node, and the chain that it shows: of each block which branch it is of.
#[derive(Clone, Default)]
struct Node(Arc<Mutex<Chain>>);

#[derive(Default)]
struct Chain {
    blocks: Vec<u8>,
    /// Logs of this block are not told.
    silent: Option<u64>,
    refusals: u32,
}

impl Chain {
    fn header(&self, number: u64) -> Option<Header> {
        let hash = |number: u64| {
            let place = usize::try_from(number.checked_sub(1)?).ok()?;
            Some(B256::from(U256::from(1_000 * u64::from(*self.blocks.get(place)?) + number)))
        };
        Some(Header {
            number: BlockNumber(number),
            hash: hash(number)?,
            parent_hash: hash(number - 1).unwrap_or_default(),
            at: UnixSeconds(HOUR + 20 * number - 90),
        })
    }

    fn newest(&self) -> Header {
        self.header(self.blocks.len().try_into().unwrap()).expect("a chain with a block")
    }

    /// Shares come to be in block 4 of the trunk, and nowhere else.
    fn minted(&self) -> Option<RawLog> {
        let header = self.header(4).filter(|_| self.blocks[3] == TRUNK)?;
        let word = |account: Address| account.into_word();
        Some(RawLog {
            address: SHARE,
            topics: vec![keccak256("Transfer(address,address,uint256)"), B256::ZERO, word(HOLDER)],
            data: B256::from(U256::from(1_000)).to_vec().into(),
            block_number: 4,
            block_hash: header.hash,
            block_timestamp: Some(header.at.0),
            transaction_hash: header.hash,
            log_index: 0,
            removed: false,
        })
    }
}

impl Node {
    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl LogSource for Node {
    async fn chain_id(&self) -> Result<u64, SourceError> {
        Ok(8453)
    }
    async fn heads(&self) -> Result<Heads, SourceError> {
        Ok(Heads { latest: self.chain().newest(), safe: None, finalized: None })
    }
    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        let chain = self.chain();
        Ok(numbers.iter().map(|number| chain.header(number.0)).collect())
    }
    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        let mut chain = self.chain();
        if chain.silent == Some(query.blocks.first.0) {
            chain.refusals += 1;
            let (url, reason) = ("node".to_owned(), "it says nothing".to_owned());
            return Err(SourceError::Unreachable { url, reason, seconds: 1 });
        }
        Ok(chain.minted().into_iter().filter(|log| query.matches(log)).collect())
    }
    async fn call(
        &self,
        _: Address,
        input: Bytes,
        _: Option<BlockNumber>,
    ) -> Result<Option<Bytes>, SourceError> {
        let is_supply = input.starts_with(&keccak256("totalSupply()")[..4]);
        Ok(is_supply.then(|| B256::ZERO.to_vec().into()))
    }
    async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
        Ok(false)
    }
    async fn wait_for_block(&self) {
        sleep(Duration::from_millis(20)).await;
    }
}

fn pool() -> Pool {
    Pool {
        id: "shares".parse().unwrap(),
        venue: Venue::Erc20,
        address: SHARE,
        position_manager: None,
        created_block: BlockNumber(1),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: PoolFacts::default(),
    }
}

/// A block to a range, so that block 4 is folded in before block 5 is asked for.
fn options() -> FollowOptions {
    FollowOptions {
        chain_id: 8453,
        finality: Finality::Confirmations(100),
        log_range_blocks_max: 1,
        block_seconds: None,
        ranges_in_flight_max: 1,
        completeness: Completeness::Off,
        commit_events_max: 1_000,
        snapshot_events: 1_000,
        now: || UnixSeconds(HOUR),
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, holds).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"));
}

async fn until_stored(fresh: &Fresh, header: Header) {
    let is_stored = async || {
        let stored = checkpoints::get(&fresh.db, &pool().id).await.unwrap();
        stored.is_some_and(|stored| (stored.number, stored.hash) == (header.number, header.hash))
    };
    until("a block is stored", is_stored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_written_is_not_gone_on_with() {
    on_each_engine(async |fresh| {
        let node = Node::default();
        node.chain().blocks = vec![TRUNK; 3];
        let opened = Follower::open(node.clone(), fresh.db.clone(), vec![pool()], vec![], options()).await;
        let (mut follower, shutdown) = (opened.unwrap(), CancellationToken::new());
        let stop = shutdown.clone().drop_guard();
        let following = tokio::spawn(async move { follower.follow(&shutdown, &|_| {}).await });
        let third = node.chain().newest();
        until_stored(fresh, third).await;

        // Block 4 is folded in, block 5 cannot be read, and then the database does not say where it stands.
        fresh.raw("alter table checkpoints rename to checkpoints_away").await;
        {
            let mut chain = node.chain();
            (chain.blocks, chain.silent) = (vec![TRUNK; 5], Some(5));
        }
        until("block 5 is asked for", async || node.chain().refusals > 0).await;
        sleep(Duration::from_millis(300)).await;
        {
            let mut chain = node.chain();
            (chain.blocks, chain.silent) = ([[TRUNK; 3], [BRANCH; 3]].concat(), None);
        }
        fresh.raw("alter table checkpoints_away rename to checkpoints").await;
        let newest = node.chain().newest();
        until_stored(fresh, newest).await;

        let all = Hours { from: UnixSeconds(0), to: UnixSeconds(u64::MAX) };
        let hours = pool_points(&fresh.db, &pool().id, all, 1, 10).await.unwrap();
        assert!(hours.is_empty(), "nobody ever had a share of this chain: {hours:?}");
        drop(stop);
        following.await.unwrap();
    })
    .await;
}
