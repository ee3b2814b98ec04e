//! A pool with its campaigns: the one thing that the indexer, the API and the reports fold events into.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::accrue::{CampaignAccrual, Figures, FiguresError};
use crate::campaign::Campaign;
use crate::event::PlacedEvent;
use crate::id::{CampaignId, PoolId, PositionKey, Venue};
use crate::ledger::concentrated::ConcentratedLedger;
use crate::ledger::{Fault, LedgerError, Place, PositionIndex};
use crate::unit::{BlockNumber, UnixSeconds};

/// A pool to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its short name.
    pub id: PoolId,
    /// What kind of contract it is.
    pub venue: Venue,
    /// Its address.
    pub address: Address,
    /// The contract whose NFTs stand for positions in it.
    pub position_manager: Option<Address>,
    /// Where its events begin.
    pub created_block: BlockNumber,
}

/// A pool's ledger and the accruals of its campaigns, after some event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolTracker {
    pool: Pool,
    ledger: ConcentratedLedger,
    campaigns: Vec<CampaignAccrual>,
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
        let campaigns = campaigns.into_iter().filter(own).map(CampaignAccrual::new).collect();
        Self {
            pool,
            ledger: ConcentratedLedger::default(),
            campaigns,
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
        let error = |fault| LedgerError { place: Place::of(&self.pool.id, event), fault: Box::new(fault) };
        self.check_order(event).map_err(error)?;
        let change = self.ledger.apply(&event.event).map_err(error)?;
        for campaign in &mut self.campaigns {
            campaign.apply(event.block_at, &change);
        }
        if self.last_block() != Some(event.block_number) {
            self.events_before_last_block = self.events;
        }
        self.last =
            Some(LastEvent { block: event.block_number, log_index: event.log_index, at: event.block_at });
        self.events += 1;
        Ok(())
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

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What the events add up to.
    pub fn ledger(&self) -> &ConcentratedLedger {
        &self.ledger
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
        self.campaign(id).map(|accrual| accrual.figures(at))
    }

    /// The full name of a position.
    pub fn key(&self, position: PositionIndex) -> PositionKey {
        let holding = self.ledger.positions()[position.as_usize()].holding;
        PositionKey { venue: self.pool.venue, pool: self.pool.address, holding }
    }
}
