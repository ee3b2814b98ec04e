//! The story: two weeks of a campaign, a day before and two days after, from one seed.
//!
//! Days are made of busy stretches, two seconds a block, with quiet hours between them in which the next
//! block simply comes later. Within a stretch, chance decides who swaps and which liquidity provider does
//! what ([`crowd`]); what must happen once and in order is a scene of a certain day ([`scenes`]). Other pools live beside
//! it, by a chance of their own ([`venues`]).

mod config;
mod crowd;
mod scenes;
mod venues;

use std::collections::BTreeMap;
use std::sync::Arc;

use accrual_rewards::unit::Tick;
use alloy::primitives::Address;

use crate::anvil::Anvil;
use crate::contracts::abi;
use crate::error::RehearsalError;
use crate::npm::Npm;
use crate::rng::Rng;
use crate::stage::{Mined, Pool, Stage, Transaction, WeightedPool, account};
use venues::Venues;

/// 2025-06-05T17:00:00Z.
const CAMPAIGN_START_UNIX: u64 = 1_749_142_800;
const CAMPAIGN_DAYS: u64 = 14;
const DAYS_AFTER: u64 = 2;
const DAY_SECONDS: u64 = 86_400;
/// About two rTKN for a rUSD.
const CENTRE: Tick = Tick(283_200);
/// Nobody's range reaches farther from the centre than this.
const RANGES_REACH: i32 = 4800;
const SPACING: i32 = 60;
const SIDE_FEE_PPM: u32 = 500;
const FEE_PPM: u32 = 3000;
const STRETCHES_A_DAY: u64 = 8;
const STRETCH_BLOCKS: u64 = 36;

/// What was played, for the recording.
#[derive(Debug)]
pub struct Played {
    /// The stage after the last block.
    pub stage: Stage,
    /// The pool that the campaigns are about, and another that the same position manager serves.
    pub pools: [Pool; 2],
    /// The last block of the campaign.
    pub campaign_last_block: u64,
    /// The rehearsal's part of an accrual configuration.
    pub config_toml: String,
    /// The contracts of the pools beside, which are asked for what they say of themselves.
    pub beside: Vec<Address>,
    /// The weighted pool, in Balancer's Vault.
    pub weighted: WeightedPool,
    /// Swaps that were meant to go through and did not, as on any chain.
    pub reverted: usize,
}

/// Plays the whole story on a fresh node.
///
/// # Errors
/// When the node ends or refuses, or the contracts forbid something the story needs.
pub async fn play(anvil: Arc<Anvil>, npm: &Npm, seed: u64) -> Result<Played, RehearsalError> {
    let mut story = Story::open(anvil, npm, seed).await?;
    story.wait_until(CAMPAIGN_START_UNIX - DAY_SECONDS - 3 * 3600);
    story.open_venues().await?;
    story.day_before().await?;
    for day in 0..CAMPAIGN_DAYS {
        story.day(day).await?;
    }
    let campaign_last_block = story.last_block;
    for day in CAMPAIGN_DAYS..CAMPAIGN_DAYS + DAYS_AFTER {
        story.day(day).await?;
    }
    story.last_blocks().await?;
    Ok(Played {
        config_toml: config::config_toml(&story),
        beside: story.venues.contracts(),
        weighted: story.venues.weighted.clone(),
        campaign_last_block,
        reverted: story.reverted,
        pools: [story.pool, story.side_pool],
        stage: story.stage,
    })
}

/// An NFT as its events tell it.
#[derive(Debug, Clone, Copy)]
struct Held {
    owner: Address,
    liquidity: u128,
}

/// The story so far.
struct Story {
    stage: Stage,
    pool: Pool,
    side_pool: Pool,
    venues: Venues,
    rng: Rng,
    people: Vec<Address>,
    traders: Vec<Address>,
    /// Every NFT that was not burned, of both pools.
    nfts: BTreeMap<u64, Held>,
    next_id: u64,
    /// Where the pool stands.
    tick: Tick,
    /// Where those who swap believe it should stand.
    believed: Tick,
    last_block: u64,
    reverted: usize,
}

impl Story {
    async fn open(anvil: Arc<Anvil>, npm: &Npm, seed: u64) -> Result<Self, RehearsalError> {
        let mut stage = Stage::set_up(anvil, npm).await?;
        let pool = stage.open_pool(FEE_PPM, CENTRE).await?;
        let side_pool = stage.open_pool(SIDE_FEE_PPM, CENTRE).await?;
        let people: Vec<_> = (1..=52).map(|number| account(&format!("provider {number}"))).collect();
        let traders: Vec<_> = (1..=12).map(|number| account(&format!("trader {number}"))).collect();
        stage.enroll(&people).await?;
        stage.enroll(&traders).await?;
        let venues = Venues::open(&mut stage, &pool, seed).await?;
        Ok(Self {
            stage,
            pool,
            side_pool,
            venues,
            rng: Rng::new(seed),
            people,
            traders,
            nfts: BTreeMap::new(),
            next_id: 1,
            tick: CENTRE,
            believed: CENTRE,
            last_block: 0,
            reverted: 0,
        })
    }

    /// The pool lives before the campaign does: a third of the people are there already.
    async fn day_before(&mut self) -> Result<(), RehearsalError> {
        for number in 0..18 {
            let act = self.new_position(self.people[number]);
            self.block(&[act]).await?;
        }
        let side_mints: Vec<_> = (18..22).map(|number| self.side_position(self.people[number])).collect();
        self.block(&side_mints).await?;
        for hour in [3, 7, 12, 17, 23] {
            self.wait_until(CAMPAIGN_START_UNIX - DAY_SECONDS + hour * 3600);
            self.stretch().await?;
        }
        Ok(())
    }

    async fn day(&mut self, day: u64) -> Result<(), RehearsalError> {
        let midnight = CAMPAIGN_START_UNIX + day * DAY_SECONDS;
        self.wait_until(midnight);
        self.answer_feeds(true).await?;
        if day == CAMPAIGN_DAYS / 2 {
            self.someone_unstakes().await?;
        }
        self.believed = self.near_centre(1500);
        let every = DAY_SECONDS / STRETCHES_A_DAY;
        for part in 0..STRETCHES_A_DAY {
            let begins = midnight + part * every + self.rng.between(0, every / 2);
            self.wait_until(begins);
            if part == 1 {
                self.scene(day).await?;
            }
            self.stretch().await?;
            self.quiet_hours(midnight + (part + 1) * every).await?;
        }
        Ok(())
    }

    /// The end of the recording is quiet: an indexer that waits for more sees only empty blocks.
    async fn last_blocks(&mut self) -> Result<(), RehearsalError> {
        for _ in 0..5 {
            self.block(&[]).await?;
        }
        Ok(())
    }

    /// A minute or so of blocks.
    async fn stretch(&mut self) -> Result<(), RehearsalError> {
        let busy = self.rng.chance(12);
        self.answer_feeds(false).await?;
        for _ in 0..self.rng.between(STRETCH_BLOCKS - 6, STRETCH_BLOCKS + 6) {
            let swaps = match () {
                () if busy => self.rng.between(1, 4),
                () if self.rng.chance(40) => self.rng.between(1, 2),
                () => 0,
            };
            let mut acts = self.crowd_acts(swaps);
            acts.extend(self.venue_acts().await?);
            self.block(&acts).await?;
        }
        Ok(())
    }

    /// Hardly anything happens until then: at most one block with one swap.
    async fn quiet_hours(&mut self, until: u64) -> Result<(), RehearsalError> {
        if self.stage.now + 1200 < until && self.rng.chance(50) {
            let somewhen = self.rng.between(self.stage.now + 600, until - 600);
            self.wait_until(somewhen);
            let acts = self.crowd_acts(1);
            self.block(&acts).await?;
        }
        Ok(())
    }

    /// The next block comes at this time at the earliest. Blocks keep to odd seconds, as Base's do.
    fn wait_until(&mut self, unix: u64) {
        let last = (unix | 1) - 2;
        self.stage.now = self.stage.now.max(last);
    }

    /// Makes the next block and learns from its events.
    async fn block(&mut self, acts: &[Transaction]) -> Result<Mined, RehearsalError> {
        let mined = self.stage.play(acts).await?;
        self.last_block = mined.number;
        self.reverted += mined.receipts.iter().filter(|receipt| !receipt.status()).count();
        for transfer in mined.events::<abi::Manager::Transfer>(self.stage.manager) {
            let id: u64 = transfer.tokenId.saturating_to();
            if self.venues.nfts.contains(&id) {
                self.next_id = self.next_id.max(id + 1);
                continue;
            }
            if transfer.to.is_zero() {
                self.nfts.remove(&id);
            } else {
                self.nfts.entry(id).or_insert(Held { owner: transfer.to, liquidity: 0 }).owner = transfer.to;
                self.next_id = self.next_id.max(id + 1);
            }
        }
        for event in mined.events::<abi::Manager::IncreaseLiquidity>(self.stage.manager) {
            self.change_liquidity(event.tokenId.saturating_to(), |held| held + event.liquidity);
        }
        for event in mined.events::<abi::Manager::DecreaseLiquidity>(self.stage.manager) {
            self.change_liquidity(event.tokenId.saturating_to(), |held| held - event.liquidity);
        }
        if let Some(swap) = mined.events::<abi::Pool::Swap>(self.pool.address).last() {
            self.tick = Tick(swap.tick.as_i32());
        }
        Ok(mined)
    }

    fn change_liquidity(&mut self, id: u64, change: impl FnOnce(u128) -> u128) {
        // An NFT that was burned later in the same block is gone already.
        if let Some(held) = self.nfts.get_mut(&id) {
            held.liquidity = change(held.liquidity);
        }
    }

    fn near_centre(&mut self, reach: u64) -> Tick {
        let offset = i32::try_from(self.rng.between(0, 2 * reach)).expect("a reach is a few thousand ticks");
        let reach = i32::try_from(reach).expect("a reach is a few thousand ticks");
        Tick(CENTRE.0 - reach + offset)
    }
}
