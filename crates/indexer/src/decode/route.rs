//! Who reads which log: one address may be a pool, a gauge and a feed's aggregator at once, of several pools.
//!
//! Each log is decoded once, when it comes. What concentrated pools and position managers say waits for
//! [`crate::decode::join`]; everything else is an event as it stands.

use std::ops::Deref;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, WrapperFacts};
use alloy::primitives::{Address, Bytes};
use hashbrown::HashMap;

use crate::decode::uniswap_v3::{self, ManagerLog, PoolLog};
use crate::decode::{
    DecodeError, Told, aerodrome, balancer, feed, interest, shares_moved, slipstream, wrapper,
};
use crate::source::RawLog;

/// A log with what it says. Boxed: many are put in order more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLog(Box<Said>);

/// A log, and what was read in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The log.
    pub log: RawLog,
    /// What it says as a concentrated pool's.
    pub pool: Option<PoolLog>,
    /// What it says as a position manager's, which few do.
    pub manager: Option<Box<ManagerLog>>,
    /// What it says to single pools, by their places in the list.
    pub events: Vec<(usize, PoolEvent)>,
}

impl Deref for ReadLog {
    type Target = Said;

    fn deref(&self) -> &Said {
        &self.0
    }
}

impl Said {
    /// Whether two copies of a log were read as the same.
    pub(crate) fn means_the_same(&self, other: &Self) -> bool {
        (self.pool, &self.manager, &self.events) == (other.pool, &other.manager, &other.events)
    }

    fn says_something(&self) -> bool {
        self.pool.is_some() || self.manager.is_some() || !self.events.is_empty()
    }
}

/// What an address is to one pool.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// The pool itself, or its share token.
    Pool(usize),
    Vault(usize),
    Wrapper(usize, WrapperFacts),
    Aggregator(usize, Address),
    /// A position manager, for all pools alike.
    Manager,
}

/// Which addresses speak to which of some pools.
pub struct Routes {
    pools: Vec<Pool>,
    roles: HashMap<Address, Vec<Role>>,
    /// By place: the first pool with the same contract and manager. What is joined for it is for all of them.
    leads: Vec<usize>,
}

impl Routes {
    /// The routes to `pools`, which know their facts.
    pub fn new(pools: &[Pool]) -> Self {
        let mut routes = Self { pools: pools.to_vec(), roles: HashMap::new(), leads: leads(pools) };
        for (place, pool) in pools.iter().enumerate() {
            if pool.venue != Venue::BalancerV3 {
                routes.add(pool.address, Role::Pool(place));
            }
            if matches!(pool.venue, Venue::BalancerV2 | Venue::BalancerV3) {
                routes.add(interest::vault(pool), Role::Vault(place));
            }
            for wrapper in &pool.facts.wrappers {
                routes.add(wrapper.address, Role::Wrapper(place, *wrapper));
            }
            for feed in &pool.facts.feeds {
                for aggregator in &feed.aggregators {
                    routes.add(*aggregator, Role::Aggregator(place, feed.feed));
                }
            }
        }
        for manager in pools.iter().filter_map(manager_of) {
            let roles = routes.roles.entry(manager).or_default();
            if !roles.iter().any(|role| matches!(role, Role::Manager)) {
                roles.push(Role::Manager);
            }
        }
        routes
    }

    fn add(&mut self, address: Address, role: Role) {
        self.roles.entry(address).or_default().push(role);
    }

    /// The pools.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The places of all pools that stand for the same contract and manager as the one at `lead`.
    pub fn members(&self, lead: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.leads.len()).filter(move |place| self.leads[*place] == lead)
    }

    /// The places of the concentrated pools at `address` to join for, one for each manager.
    pub fn concentrated(&self, address: Address) -> impl Iterator<Item = usize> + '_ {
        let roles = self.roles.get(&address).into_iter().flatten();
        let places = roles.filter_map(|role| match role {
            Role::Pool(place) => Some(*place),
            _ => None,
        });
        places.filter(|place| self.leads[*place] == *place && self.pools[*place].venue.is_concentrated())
    }

    /// Reads logs as [`Self::take`] does.
    ///
    /// # Errors
    /// One carries a known topic with content that does not parse.
    pub fn read_all(&self, logs: Vec<RawLog>) -> Result<Vec<ReadLog>, DecodeError> {
        logs.into_iter().filter_map(|log| self.take(log).transpose()).collect()
    }

    /// Reads a log, and keeps what it says and where, if it says something: many wait for their turn at once.
    ///
    /// # Errors
    /// It carries a known topic with content that does not parse.
    pub fn take(&self, log: RawLog) -> Result<Option<ReadLog>, DecodeError> {
        let mut read = self.read(log)?;
        (read.0.log.topics, read.0.log.data) = (Vec::new(), Bytes::new());
        Ok(read.says_something().then_some(read))
    }

    /// Reads a log for everybody whom it may concern.
    ///
    /// # Errors
    /// It carries a known topic with content that does not parse.
    pub fn read(&self, log: RawLog) -> Result<ReadLog, DecodeError> {
        let mut read = Said { log, pool: None, manager: None, events: Vec::new() };
        for role in self.roles.get(&read.log.address).into_iter().flatten() {
            match *role {
                Role::Manager => read.manager = uniswap_v3::manager_log(&read.log)?.map(Box::new),
                Role::Pool(place) if self.pools[place].venue.is_concentrated() => {
                    if read.pool.is_none() {
                        read.pool = concentrated_log(self.pools[place].venue, &read.log)?;
                    }
                }
                Role::Pool(place) => self.note(&mut read, place, shares_log)?,
                Role::Vault(place) => self.note(&mut read, place, vault_log)?,
                Role::Wrapper(place, wrapper) => self.note(&mut read, place, |pool, log| {
                    wrapper::wrapper_event(wrapper, pool.position_manager, log)
                })?,
                Role::Aggregator(place, feed) => {
                    self.note(&mut read, place, |_, log| feed::feed_event(feed, log))?;
                }
            }
        }
        Ok(ReadLog(Box::new(read)))
    }

    fn note(
        &self,
        read: &mut Said,
        place: usize,
        tell: impl Fn(&Pool, &RawLog) -> Told,
    ) -> Result<(), DecodeError> {
        let event = tell(&self.pools[place], &read.log)?;
        read.events.extend(event.map(|event| (place, event)));
        Ok(())
    }
}

/// By place: the first pool with the same contract and manager.
pub fn leads(pools: &[Pool]) -> Vec<usize> {
    let mut first = HashMap::new();
    let lead = |(place, pool): (usize, &Pool)| {
        *first.entry((pool.address, pool.venue.is_concentrated(), pool.position_manager)).or_insert(place)
    };
    pools.iter().enumerate().map(lead).collect()
}

/// The position manager of a concentrated pool.
fn manager_of(pool: &Pool) -> Option<Address> {
    pool.position_manager.filter(|_| pool.venue.is_concentrated())
}

fn concentrated_log(venue: Venue, log: &RawLog) -> Result<Option<PoolLog>, DecodeError> {
    match venue {
        Venue::AerodromeCl => slipstream::pool_log(log),
        _ => uniswap_v3::pool_log(log),
    }
}

/// A log of a pool whose shares are its own token.
fn shares_log(pool: &Pool, log: &RawLog) -> Told {
    match pool.venue {
        Venue::AerodromeBasic => aerodrome::pool_event(log),
        Venue::BalancerV2 => balancer::v2_pool_event(log),
        _ => shares_moved(log),
    }
}

fn vault_log(pool: &Pool, log: &RawLog) -> Told {
    match pool.venue {
        Venue::BalancerV2 => balancer::v2_vault_event(pool, log),
        _ => balancer::v3_vault_event(pool, log),
    }
}
