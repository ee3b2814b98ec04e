//! A pool with its campaigns: the one thing that the indexer, the API and the reports fold events into.

mod many;

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::accrue::{CampaignAccrual, Earned, Earnings, Figures, FiguresError, Shape, Sums, When};
use crate::campaign::Campaign;
use crate::event::{PlacedEvent, PoolEvent};
use crate::id::{CampaignId, Holding, PositionKey};
use crate::ledger::{Change, Fault, Ledger, LedgerError, Place, PositionIndex, pooled};
use crate::minimum;
use crate::ownership::{Move, Ownership, StakeIndex};
use crate::pool::WrapperKind;
use crate::price::{FeedAnswer, PriceLog};
use crate::unit::{BlockNumber, UnixSeconds};

pub use crate::pool::Pool;

/// A pool's ledger and the accruals of its campaigns, after some event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolTracker {
    pool: Pool,
    ledger: Ledger,
    ownership: Ownership,
    campaigns: Vec<CampaignAccrual>,
    prices: PriceLog,
    feeds: BTreeMap<Address, FeedAnswer>,
    last: Option<LastEvent>,
    events: u64,
    events_before_last_block: u64,
}

/// The place of the newest event folded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LastEvent {
    block: BlockNumber,
    log_index: u32,
    at: UnixSeconds,
}

impl PoolTracker {
    /// A pool before its first event. Campaigns of other pools are left out.
    pub fn new(pool: Pool, campaigns: impl IntoIterator<Item = Campaign>) -> Self {
        let own = |campaign: &Campaign| campaign.pool == pool.id;
        let shape = if pool.venue.is_concentrated() { Shape::Concentrated } else { Shape::Pooled };
        let has_vaults = pool.wrappers.iter().any(|wrapper| wrapper.kind == WrapperKind::Erc20Vault);
        let accrual = if has_vaults { CampaignAccrual::new } else { CampaignAccrual::without_vaults };
        let mut campaigns: Vec<CampaignAccrual> =
            campaigns.into_iter().filter(own).map(|campaign| accrual(campaign, shape)).collect();
        if !pool.venue.is_concentrated() {
            let start = Move::Pool(Change::Price(Arc::new(pooled::EVERYTHING)));
            campaigns.iter_mut().for_each(|campaign| campaign.apply(When::default(), &start));
        }
        Self {
            ledger: Ledger::new(&pool),
            ownership: Ownership::new(pool.wrappers.clone()),
            pool,
            campaigns,
            prices: PriceLog::default(),
            feeds: BTreeMap::new(),
            last: None,
            events: 0,
            events_before_last_block: 0,
        }
    }

    /// Folds one event in.
    ///
    /// # Errors
    /// The event contradicts what was folded in before. The tracker must not be used afterwards.
    pub fn apply(&mut self, event: &PlacedEvent) -> Result<(), LedgerError> {
        self.leave_out_small_stakes(event.block_at);
        let mut moves = Vec::new();
        self.moves(event, &mut moves)?;
        let when = When::of(event);
        for campaign in &mut self.campaigns {
            moves.iter().for_each(|one| campaign.apply(when, one));
        }
        Ok(())
    }

    /// Folds one event into all but the campaigns; adds to `moves` what it means for them.
    fn moves(&mut self, event: &PlacedEvent, moves: &mut Vec<Move>) -> Result<(), LedgerError> {
        let folded = self.check_order(event).and_then(|()| self.fold(event, moves));
        folded.map_err(|fault| LedgerError {
            place: Place::of(&self.pool.id, event),
            fault: Box::new(fault),
        })?;
        self.note_prices(event);
        if self.last_block() != Some(event.block_number) {
            self.events_before_last_block = self.events;
        }
        self.last =
            Some(LastEvent { block: event.block_number, log_index: event.log_index, at: event.block_at });
        self.events += 1;
        Ok(())
    }

    fn fold(&mut self, event: &PlacedEvent, moves: &mut Vec<Move>) -> Result<(), Fault> {
        self.ownership.begin(event.block_number)?;
        let change = self.ledger.apply(&event.event)?;
        self.ownership.follow(change, moves)?;
        let ledger = &self.ledger;
        let find = |holding: &Holding| ledger.concentrated()?.find(holding).map(|(position, _)| position);
        self.ownership.apply(&event.event, find, moves)
    }

    /// Before runs that are over at `now` are paid: says which stakes are worth too little for them.
    fn leave_out_small_stakes(&mut self, now: UnixSeconds) {
        for index in 0..self.campaigns.len() {
            let accrual = &self.campaigns[index];
            let Some(minimum) = &accrual.campaign().value_min_usd else { continue };
            let Some(ends_at) = accrual.run_ends_at().filter(|ends_at| *ends_at <= now) else { continue };
            let small = minimum::below(self, minimum, ends_at);
            self.campaigns[index].leave_out(&small);
        }
    }

    fn check_order(&self, event: &PlacedEvent) -> Result<(), Fault> {
        let Some(last) = self.last else { return Ok(()) };
        let later = (last.block, last.log_index) < (event.block_number, event.log_index);
        let same_block = last.block == event.block_number;
        if later && last.at <= event.block_at && (!same_block || last.at == event.block_at) {
            return Ok(());
        }
        Err(Fault::OutOfOrder { block: last.block, log_index: last.log_index, at: last.at })
    }

    /// Keeps what later prices are made of.
    fn note_prices(&mut self, event: &PlacedEvent) {
        self.prices.observe(event.block_at, self.ledger.price_x192());
        if let PoolEvent::PriceAnswered { feed, answer, updated_at } = event.event {
            let facts = self.pool.facts.feeds.iter().find(|facts| facts.feed == feed);
            let decimals = facts.map(|facts| facts.decimals);
            self.feeds.insert(feed, FeedAnswer { answer, decimals, updated_at });
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What the events add up to.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Who stands behind the holders.
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// How many events are folded in.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many events were folded in before the block of the newest one.
    pub fn events_before_last_block(&self) -> u64 {
        self.events_before_last_block
    }

    /// The block of the newest event folded in.
    pub fn last_block(&self) -> Option<BlockNumber> {
        self.last.map(|last| last.block)
    }

    /// The time of the block of the newest event folded in.
    pub fn last_at(&self) -> Option<UnixSeconds> {
        self.last.map(|last| last.at)
    }

    /// The pool's prices of the last day.
    pub fn prices(&self) -> &PriceLog {
        &self.prices
    }

    /// What each feed answered last, by the feed as the configuration names it.
    pub fn feeds(&self) -> &BTreeMap<Address, FeedAnswer> {
        &self.feeds
    }

    /// The pool's campaigns.
    pub fn campaigns(&self) -> &[CampaignAccrual] {
        &self.campaigns
    }

    /// One campaign's accrual.
    pub fn campaign(&self, id: &CampaignId) -> Option<&CampaignAccrual> {
        self.campaigns.iter().find(|accrual| accrual.campaign().id == *id)
    }

    /// One campaign's figures at `at`; `None` when it is not one of this pool's.
    ///
    /// # Errors
    /// `at` is before the newest event folded in.
    pub fn figures(&self, id: &CampaignId, at: UnixSeconds) -> Option<Result<Figures, FiguresError>> {
        let accrual = self.campaign(id)?;
        let Some(minimum) = &accrual.campaign().value_min_usd else { return Some(accrual.figures(at)) };
        let mut accrual = accrual.clone();
        let looked_at = accrual.run_ends_at().map_or(at, |ends_at| ends_at.min(at));
        accrual.leave_out(&minimum::below(self, minimum, looked_at));
        Some(accrual.figures(at))
    }

    /// The sums of the same figures, and in `known`, which is of this campaign and this tracker, what each account has
    /// earned; what has not changed since it was last brought up to date is not counted again.
    ///
    /// # Errors
    /// As [`PoolTracker::figures`].
    pub fn earnings(
        &self,
        id: &CampaignId,
        at: UnixSeconds,
        known: &mut Earnings,
    ) -> Option<Result<Sums, FiguresError>> {
        let accrual = self.campaign(id)?;
        if accrual.campaign().value_min_usd.is_none() {
            return Some(accrual.earnings(at, known));
        }
        let told = self.figures(id, at)?.map(|figures| {
            known.take(&figures.rows);
            figures.sums()
        });
        Some(told)
    }

    /// The full name of the position that a stake is a part of.
    pub fn stake_key(&self, stake: StakeIndex) -> PositionKey {
        self.key(self.ownership.stakes()[stake.as_usize()].position)
    }

    /// The wrappers between a position's holder and the account that earned with it, the holder's first.
    pub fn via(&self, earned: &Earned) -> Vec<Address> {
        self.ownership.via(earned.stake, earned.through, earned.account)
    }

    /// The full name of a position.
    pub fn key(&self, position: PositionIndex) -> PositionKey {
        let holding = self.ledger.positions()[position.as_usize()].holding;
        PositionKey { venue: self.pool.venue, pool: self.pool.address, holding }
    }
}
