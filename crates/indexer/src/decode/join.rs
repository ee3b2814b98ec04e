//! Joins the logs of pools and of their position managers into events.
//!
//! A position manager's logs name neither pool nor range. But `mint` and `increaseLiquidity` emit the pool's `Mint`
//! and then the manager's `IncreaseLiquidity` with the same three numbers, and `decreaseLiquidity` the same with
//! `Burn` and `DecreaseLiquidity` (`facts/protocols.md` 1.4). So within a transaction each manager log takes the
//! newest unmatched pool log with equal numbers: newest first, because a token's transfer hook can nest calls.

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::Holding;
use accrual_rewards::pool::{Pool, Wrapper, WrapperKind};
use accrual_rewards::unit::{BlockNumber, TickRange, UnixSeconds};
use alloy::primitives::{Address, U256};
use hashbrown::HashMap;

use crate::decode::DecodeError;
use crate::decode::route::{ReadLog, Routes, Said};
use crate::decode::uniswap_v3::{Flow, ManagerLog, PoolLog};
use crate::source::RawLog;

/// Which NFTs stand for positions in which of our pools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownIds(HashMap<Address, HashMap<U256, usize>>);

impl KnownIds {
    /// Notes that `id` of `manager` stands for a position in the pool with that place in the list; of pools that stand
    /// for one contract, the first.
    pub fn insert(&mut self, manager: Address, id: U256, pool: usize) {
        self.0.entry(manager).or_default().insert(id, pool);
    }

    /// The pool that `id` of `manager` belongs to.
    pub fn pool(&self, manager: Address, id: U256) -> Option<usize> {
        self.0.get(&manager)?.get(&id).copied()
    }

    /// The NFTs of one pool, by its place in the list.
    pub fn in_pool(&self, pool: usize) -> Vec<(Address, U256)> {
        let nfts =
            self.0.iter().flat_map(|(manager, ids)| ids.iter().map(|(id, place)| (*manager, *id, *place)));
        nfts.filter(|(_, _, place)| *place == pool).map(|(manager, id, _)| (manager, id)).collect()
    }

    /// How many NFTs of one manager are known.
    pub fn count(&self, manager: Address) -> usize {
        self.0.get(&manager).map_or(0, HashMap::len)
    }

    /// The ids of one manager, ascending.
    pub fn of(&self, manager: Address) -> Vec<U256> {
        let mut ids: Vec<U256> = self.0.get(&manager).into_iter().flat_map(HashMap::keys).copied().collect();
        ids.sort_unstable();
        ids
    }
}

/// The token ids that `logs`, in chain order, show to stand for positions in our pools: by an `IncreaseLiquidity` beside
/// a pool's `Mint`, or a `DecreaseLiquidity` beside its `Burn`. Each with the place of the first pool of that contract.
pub fn learn(routes: &Routes, logs: &[ReadLog]) -> Vec<(Address, U256, usize)> {
    let mut learnt = Vec::new();
    for transaction in logs.chunk_by(same_transaction) {
        let mut unmatched = Unmatched::default();
        for read in transaction {
            let Said { log, pool, manager, .. } = &**read;
            for (place, read) in pool.iter().flat_map(|read| each_lead(routes, log, read)) {
                if let Some((side, manager, flow)) = waits_for_manager(&routes.pools()[place], read) {
                    unmatched.push(side, manager, flow, place);
                }
            }
            let (side, id, flow) = match manager.as_deref() {
                Some(ManagerLog::Increase { id, flow }) => (Side::Mint, *id, *flow),
                Some(ManagerLog::Decrease { id, flow }) => (Side::Burn, *id, *flow),
                _ => continue,
            };
            let place = unmatched.take(side, log.address, flow);
            learnt.extend(place.map(|place| (log.address, id, place)));
        }
    }
    learnt
}

/// The events of each pool, in the order of the pools, from all `logs` in chain order.
///
/// `time` gives a log's block time; `known` holds every id that [`learn`] has found up to these logs.
///
/// # Errors
/// A manager's log without the pool's beside it or the other way round.
pub fn events(
    routes: &Routes,
    known: &KnownIds,
    logs: &[ReadLog],
    time: impl Fn(&RawLog) -> UnixSeconds,
) -> Result<Vec<Vec<PlacedEvent>>, DecodeError> {
    let pools = routes.pools().len();
    let room = logs.len().checked_div(pools).unwrap_or_default();
    let mut events: Vec<Vec<PlacedEvent>> = (0..pools).map(|_| Vec::with_capacity(room)).collect();
    let mut transaction = Transaction { routes, known, joined: Vec::new(), unmatched: Unmatched::default() };
    for logs in logs.chunk_by(same_transaction) {
        transaction.unmatched = Unmatched::default();
        for log in logs {
            transaction.take_up(log)?;
        }
        for joined in transaction.joined.drain(..) {
            let (log, reader) = (joined.log, joined.reader);
            let event = place(log, time(log), joined.finish()?)?;
            match reader {
                Reader::One(pool) => events[pool].push(event),
                Reader::All(lead) => {
                    routes.members(lead).for_each(|pool| events[pool].push(event.clone()));
                }
            }
        }
    }
    Ok(events)
}

fn each_lead<'a>(
    routes: &'a Routes,
    log: &RawLog,
    read: &'a PoolLog,
) -> impl Iterator<Item = (usize, &'a PoolLog)> {
    routes.concentrated(log.address).map(move |place| (place, read))
}

fn same_transaction(a: &ReadLog, b: &ReadLog) -> bool {
    let transaction = |read: &ReadLog| (read.log.block_number, read.log.transaction_hash);
    transaction(a) == transaction(b)
}

/// Liquidity that moves through the pool's manager, which says so in a log of its own. Anybody may add some in the
/// manager's name; that has no NFT and no such log. A poke takes nothing and has none either. What is staked moves in
/// the gauge's name, and the manager speaks of it all the same.
fn waits_for_manager(pool: &Pool, log: &PoolLog) -> Option<(Side, Address, Flow)> {
    let manager = pool.position_manager?;
    match *log {
        PoolLog::Mint { sender, flow, .. } if sender == manager => Some((Side::Mint, manager, flow)),
        PoolLog::Burn { owner, flow, .. } if is_managed(pool, owner) && flow.liquidity.0 > 0 => {
            Some((Side::Burn, manager, flow))
        }
        _ => None,
    }
}

/// Whether an owner that the pool names stands for holders of NFTs: the manager, or a gauge that it staked them in.
fn is_managed(pool: &Pool, owner: Address) -> bool {
    let is_gauge = |wrapper: &Wrapper| wrapper.kind == WrapperKind::ClGauge && wrapper.address == owner;
    pool.position_manager == Some(owner) || pool.wrappers.iter().any(is_gauge)
}

/// One transaction's events as they come together. A pool's log that waits for its manager's has its place in the list
/// already, since the liquidity moves there and not at the manager's log.
struct Transaction<'a> {
    routes: &'a Routes,
    known: &'a KnownIds,
    joined: Vec<Joined<'a>>,
    unmatched: Unmatched,
}

impl<'a> Transaction<'a> {
    fn take_up(&mut self, read: &'a ReadLog) -> Result<(), DecodeError> {
        let log = &read.log;
        for (pool, event) in &read.events {
            let (reader, what) = (Reader::One(*pool), What::Plain(event.clone()));
            self.joined.push(Joined { log, reader, holding: None, what });
        }
        if let Some(pool_log) = read.pool {
            for lead in self.routes.concentrated(log.address) {
                self.pool_log(log, lead, pool_log);
            }
        }
        read.manager.as_deref().map_or(Ok(()), |manager_log| self.manager_log(log, *manager_log))
    }

    fn pool_log(&mut self, log: &'a RawLog, lead: usize, read: PoolLog) {
        let pool = &self.routes.pools()[lead];
        let waits = waits_for_manager(pool, &read);
        if let Some((side, manager, flow)) = waits {
            self.unmatched.push(side, manager, flow, self.joined.len());
        }
        let held = |owner, range| waits.is_none().then_some(Holding::Own { owner, range });
        let (holding, what) = match read {
            PoolLog::Mint { owner, range, flow, .. } => (held(owner, range), What::Added(range, flow)),
            // A poke settles fees and moves nothing.
            PoolLog::Burn { flow, .. } if flow.liquidity.0 == 0 => return,
            PoolLog::Burn { owner, range, flow } => (held(owner, range), What::Removed(range, flow)),
            // The manager's own Collect says for which NFT.
            PoolLog::Collect { owner, .. } if is_managed(pool, owner) => return,
            other => match plain(other) {
                Some(event) => (None, What::Plain(event)),
                None => return,
            },
        };
        self.joined.push(Joined { log, reader: Reader::All(lead), holding, what });
    }

    fn manager_log(&mut self, log: &'a RawLog, read: ManagerLog) -> Result<(), DecodeError> {
        let manager = log.address;
        let Some(lead) = self.known.pool(manager, read.id()) else { return Ok(()) };
        let holding = Holding::Nft { manager, id: read.id() };
        let event = match read {
            ManagerLog::Increase { flow, .. } => return self.settle(log, Side::Mint, flow, holding),
            // A decrease of nothing burns nothing, and the pool's poke was left out.
            ManagerLog::Decrease { flow, .. } if flow.liquidity.0 == 0 => return Ok(()),
            ManagerLog::Decrease { flow, .. } => return self.settle(log, Side::Burn, flow, holding),
            ManagerLog::Transfer { from, to, .. } => PoolEvent::HolderChanged { holding, from, to },
            ManagerLog::Collect { amount0, amount1, .. } => {
                PoolEvent::Collected { holding, amount0, amount1 }
            }
        };
        let what = What::Plain(event);
        self.joined.push(Joined { log, reader: Reader::All(lead), holding: None, what });
        Ok(())
    }

    /// Names the NFT that a waiting log of the pool belongs to.
    fn settle(&mut self, log: &RawLog, side: Side, flow: Flow, holding: Holding) -> Result<(), DecodeError> {
        let place = self.unmatched.take(side, log.address, flow).ok_or_else(|| {
            let what = format!("there is no {} of the pool beside it", side.pool_event());
            DecodeError::new(log, side.manager_event(), what)
        })?;
        self.joined[place].holding = Some(holding);
        Ok(())
    }
}

/// A pool's event, perhaps still without the position that it belongs to.
struct Joined<'a> {
    log: &'a RawLog,
    reader: Reader,
    holding: Option<Holding>,
    what: What,
}

/// Whose event it is, by place: one pool's, or that of all which stand for the same contract.
#[derive(Clone, Copy)]
enum Reader {
    One(usize),
    All(usize),
}

enum What {
    Added(TickRange, Flow),
    Removed(TickRange, Flow),
    Plain(PoolEvent),
}

impl Joined<'_> {
    fn finish(self) -> Result<PoolEvent, DecodeError> {
        let Self { log, holding, what, .. } = self;
        let missing = |event, beside| {
            DecodeError::new(log, event, format!("the position manager's {beside} is not beside it"))
        };
        Ok(match what {
            What::Plain(event) => event,
            What::Added(range, Flow { liquidity, amount0, amount1 }) => {
                let holding = holding.ok_or_else(|| missing("Mint", "IncreaseLiquidity"))?;
                PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 }
            }
            What::Removed(range, Flow { liquidity, amount0, amount1 }) => {
                let holding = holding.ok_or_else(|| missing("Burn", "DecreaseLiquidity"))?;
                PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 }
            }
        })
    }
}

/// The events that need no other log.
fn plain(log: PoolLog) -> Option<PoolEvent> {
    Some(match log {
        PoolLog::Initialize { sqrt_price_x96, tick } => PoolEvent::Initialized { sqrt_price_x96, tick },
        PoolLog::Swap { amount0, amount1, sqrt_price_x96, liquidity, tick } => {
            PoolEvent::Swapped { amount0, amount1, sqrt_price_x96, liquidity, tick }
        }
        PoolLog::Collect { owner, range, amount0, amount1 } => {
            PoolEvent::Collected { holding: Holding::Own { owner, range }, amount0, amount1 }
        }
        PoolLog::Flash { paid0, paid1 } => PoolEvent::Flashed { paid0, paid1 },
        PoolLog::SetFeeProtocol { denominator0, denominator1 } => {
            PoolEvent::ProtocolFeeChanged { denominator0, denominator1 }
        }
        PoolLog::CollectProtocol { amount0, amount1 } => {
            PoolEvent::ProtocolFeesCollected { amount0, amount1 }
        }
        PoolLog::Mint { .. } | PoolLog::Burn { .. } => return None,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Mint,
    Burn,
}

impl Side {
    fn pool_event(self) -> &'static str {
        match self {
            Self::Mint => "Mint",
            Self::Burn => "Burn",
        }
    }

    fn manager_event(self) -> &'static str {
        match self {
            Self::Mint => "IncreaseLiquidity",
            Self::Burn => "DecreaseLiquidity",
        }
    }
}

/// Pools' logs that wait for their manager's, oldest first, each with whatever it stands for.
#[derive(Default)]
struct Unmatched(Vec<(Side, Address, Flow, usize)>);

impl Unmatched {
    fn push(&mut self, side: Side, manager: Address, flow: Flow, what: usize) {
        self.0.push((side, manager, flow, what));
    }

    fn take(&mut self, side: Side, manager: Address, flow: Flow) -> Option<usize> {
        let newest =
            self.0.iter().rposition(|waiting| (waiting.0, waiting.1, waiting.2) == (side, manager, flow))?;
        Some(self.0.remove(newest).3)
    }
}

fn place(log: &RawLog, block_at: UnixSeconds, event: PoolEvent) -> Result<PlacedEvent, DecodeError> {
    let log_index =
        u32::try_from(log.log_index).map_err(|_| DecodeError::new(log, "log", "its index passes 32 bits"))?;
    Ok(PlacedEvent { block_number: BlockNumber(log.block_number), block_at, log_index, event })
}
