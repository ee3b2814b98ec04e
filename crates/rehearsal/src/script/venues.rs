//! The other pools, beside the one that the crowd is about: a pair with a gauge and a vault, a weighted pool in Balancer's
//! Vault with a gauge, and a gauge and a vault over the crowd's own pool; and the feeds that price them.
//!
//! They have a chance of their own, so that the crowd's story is what it was without them.

use std::collections::BTreeSet;

use alloy::primitives::{Address, U256};

use super::{CENTRE, Story};
use crate::contracts::abi;
use crate::error::RehearsalError;
use crate::rng::Rng;
use crate::stage::{Pair, Pool, PriceFeed, Stage, Transaction, WeightedPool, account, range, tkn, usd};

const ETHER: u128 = 1_000_000_000_000_000_000;
/// What a rWETH is worth when the story begins: 2600 USD, and about 5200 rTKN.
const ETHER_CENTS: i64 = 260_000;
const TKN_PER_ETHER: u128 = 5200;
const ETHER_PERCENT: u64 = 5;
const PEOPLE: usize = 10;
/// Of a hundred blocks of a busy stretch, so many have something to do with these pools.
const ACTS_PER_CENT: u64 = 9;

/// The contracts, and who deals with them.
pub(super) struct Venues {
    pub(super) weth: Address,
    pub(super) pair: Pair,
    pub(super) weighted: WeightedPool,
    pub(super) nft_gauge: Address,
    pub(super) range_vault: Address,
    pub(super) ether_feed: PriceFeed,
    pub(super) dollar_feed: PriceFeed,
    pub(super) sequencer_feed: PriceFeed,
    pub(super) people: Vec<Address>,
    pub(super) stakers: Vec<Address>,
    /// NFTs that the crowd must leave alone.
    pub(super) nfts: BTreeSet<u64>,
    ether_cents: i64,
    rng: Rng,
}

impl Venues {
    pub(super) async fn open(stage: &mut Stage, pool: &Pool, seed: u64) -> Result<Self, RehearsalError> {
        let weth = stage.open_token("Rehearsal Ether", "rWETH", 18).await?;
        let pair = stage.open_pair(weth, stage.tkn).await?;
        let balancer = stage.open_balancer().await?;
        let parts = [(weth, ETHER_PERCENT), (stage.tkn, 100 - ETHER_PERCENT)];
        let weighted = stage.open_weighted_pool(balancer, parts).await?;
        let nft_gauge = stage.open_nft_gauge(pool).await?;
        let range_vault = stage.open_range_vault(pool, range(CENTRE.0 - 3000, CENTRE.0 + 3000)).await?;
        let ether_feed = stage.open_feed("rETH / USD", 8).await?;
        let dollar_feed = stage.open_feed("rUSD / USD", 8).await?;
        let sequencer_feed = stage.open_feed("the sequencer's state", 0).await?;
        let people: Vec<_> = (1..=PEOPLE).map(|number| account(&format!("holder {number}"))).collect();
        let stakers: Vec<_> = (1..=4).map(|number| account(&format!("staker {number}"))).collect();
        stage.enroll(&people).await?;
        stage.enroll(&stakers).await?;
        let (nfts, ether_cents, rng) = (BTreeSet::new(), ETHER_CENTS, Rng::new(seed ^ 0x0007_e47e));
        let venues = Self {
            weth,
            pair,
            weighted,
            nft_gauge,
            range_vault,
            ether_feed,
            dollar_feed,
            sequencer_feed,
            people,
            stakers,
            nfts,
            ether_cents,
            rng,
        };
        venues.fill_purses(stage).await?;
        Ok(venues)
    }

    async fn fill_purses(&self, stage: &mut Stage) -> Result<(), RehearsalError> {
        let mut acts =
            vec![stage.answer(self.sequencer_feed, 0), stage.answer(self.dollar_feed, 100_000_000)];
        for person in &self.people {
            acts.push(stage.purse(self.weth, *person));
            acts.extend(stage.allow_pair(&self.pair, *person));
            acts.extend(stage.allow_weighted(&self.weighted, *person));
            acts.push(stage.allow(self.pair.address, *person, self.pair.gauge));
            acts.push(stage.allow(self.pair.address, *person, self.pair.vault));
            acts.push(stage.allow(self.weighted.address, *person, self.weighted.gauge));
        }
        acts.extend(self.stakers.iter().map(|staker| stage.allow_gauge(self.nft_gauge, *staker)));
        for some in acts.chunks(40) {
            stage.play(some).await?;
        }
        Ok(())
    }

    /// Everything that was deployed for them.
    pub(super) fn contracts(&self) -> Vec<Address> {
        let feeds = [self.ether_feed, self.dollar_feed, self.sequencer_feed];
        let own = [self.weth, self.pair.address, self.pair.gauge, self.pair.vault, self.pair.dealer];
        let weighted = [self.weighted.address, self.weighted.vault, self.weighted.gauge];
        let crowd = [self.nft_gauge, self.range_vault];
        let feeds = feeds.into_iter().flat_map(|feed| [feed.proxy, feed.aggregator]);
        own.into_iter().chain(weighted).chain(crowd).chain(feeds).collect()
    }

    /// So much of both tokens, in a pair's order: the price is the story's.
    fn both(&self, tokens: [Address; 2], ether_units: u128, tkn_units: u128) -> [u128; 2] {
        tokens.map(|token| if token == self.weth { ether_units } else { tkn_units })
    }

    fn pair_units(&self, ether_units: u128) -> [u128; 2] {
        self.both(self.pair.tokens, ether_units, ether_units * TKN_PER_ETHER)
    }

    fn weighted_units(&self, ether_units: u128) -> [u128; 2] {
        let tkn_units =
            ether_units * TKN_PER_ETHER * u128::from(100 - ETHER_PERCENT) / u128::from(ETHER_PERCENT);
        self.both(self.weighted.tokens, ether_units, tkn_units)
    }
}

impl Story {
    /// The first liquidity, the first stakes, and an NFT that was sent to the gauge without a word.
    pub(super) async fn open_venues(&mut self) -> Result<(), RehearsalError> {
        let (people, stakers) = (self.venues.people.clone(), self.venues.stakers.clone());
        let init =
            self.stage.weighted_init(&self.venues.weighted, people[0], self.venues.weighted_units(ETHER));
        let mut acts = vec![init];
        for (number, person) in (1..).zip(&people) {
            let units = self.venues.pair_units(number * ETHER / 2);
            acts.push(self.stage.pair_add(&self.venues.pair, *person, *person, units));
        }
        for person in &people[1..6] {
            let units = self.venues.weighted_units(ETHER / 4);
            acts.push(self.stage.weighted_join(&self.venues.weighted, *person, units));
        }
        self.block(&acts).await?;
        self.answer_feeds(true).await?;
        let first = self.next_id;
        let mints: Vec<_> = (0..)
            .zip(&stakers)
            .map(|(number, staker)| {
                let reach = 1200 + 600 * number;
                let range = range(CENTRE.0 - reach, CENTRE.0 + reach);
                self.stage.mint(&self.pool, *staker, *staker, range, usd(3000), tkn(6000))
            })
            .collect();
        self.venues.nfts.extend(first..first + 4);
        self.block(&mints).await?;
        let gauge = self.venues.nft_gauge;
        let acts = [
            self.stage.stake_nft(gauge, stakers[0], first),
            self.stage.stake_nft(gauge, stakers[1], first + 1),
            self.stage.transfer_nft(stakers[2], gauge, first + 2),
            self.stage.range_deposit(self.venues.range_vault, stakers[3], stakers[3], 2_000_000_000_000_000),
            self.stage.range_deposit(self.venues.range_vault, stakers[3], people[0], 1_000_000_000_000_000),
            self.stage.range_deposit(self.venues.range_vault, stakers[3], people[1], 500_000_000_000_000),
        ];
        self.block(&acts).await.map(drop)
    }

    /// One who had staked takes the NFT back, at half time.
    pub(super) async fn someone_unstakes(&mut self) -> Result<(), RehearsalError> {
        let id = *self.venues.nfts.first().expect("the stakers minted");
        let act = self.stage.unstake_nft(self.venues.nft_gauge, self.venues.stakers[0], id);
        self.block(&[act]).await.map(drop)
    }

    /// The feeds answer anew: ether wanders by up to half a per cent, the dollar stays.
    pub(super) async fn answer_feeds(&mut self, dollar_too: bool) -> Result<(), RehearsalError> {
        let step = i64::try_from(self.venues.rng.between(0, 2600)).expect("a few thousand") - 1300;
        self.venues.ether_cents = (self.venues.ether_cents + step).clamp(220_000, 300_000);
        let mut acts = vec![self.stage.answer(self.venues.ether_feed, self.venues.ether_cents * 1_000_000)];
        if dollar_too {
            acts.push(self.stage.answer(self.venues.dollar_feed, 100_000_000));
        }
        self.block(&acts).await.map(drop)
    }

    /// What happens to these pools in a block, if anything.
    pub(super) async fn venue_acts(&mut self) -> Result<Vec<Transaction>, RehearsalError> {
        if !self.venues.rng.chance(ACTS_PER_CENT) {
            return Ok(Vec::new());
        }
        let kind = self.venues.rng.between(0, 99);
        let person = *self.venues.rng.pick(&self.venues.people);
        let part = U256::from(self.venues.rng.between(5, 60));
        let units = u128::from(self.venues.rng.between(1, 90)) * ETHER / 1000;
        let act = if self.venues.rng.chance(55) {
            self.pair_act(kind, person, part, units).await?
        } else {
            self.weighted_act(kind, person, part, units).await?
        };
        // Somebody may have taken before what this one counts on.
        Ok(vec![act.or_revert()])
    }

    async fn pair_act(
        &mut self,
        kind: u64,
        person: Address,
        part: U256,
        units: u128,
    ) -> Result<Transaction, RehearsalError> {
        let pair = self.venues.pair.clone();
        let held = self.part_of(pair.address, person, part).await?;
        let (stage, other) = (&self.stage, self.venues.people[9]);
        Ok(match kind {
            0..60 => {
                let ether_in = kind.is_multiple_of(2);
                let zero_for_one = (pair.tokens[0] == self.venues.weth) == ether_in;
                stage.pair_swap(
                    &pair,
                    person,
                    zero_for_one,
                    if ether_in { units } else { units * TKN_PER_ETHER },
                )
            }
            60..72 => stage.pair_add(&pair, person, person, self.venues.pair_units(units * 10)),
            72..78 => stage.pair_remove(&pair, person, held),
            78..88 => stage.stake(pair.gauge, person, person, held),
            88..90 => stage.stake(pair.gauge, person, other, held),
            90..94 => stage.unstake(pair.gauge, person, self.part_of(pair.gauge, person, part).await?),
            94..97 => stage.vault_deposit(pair.vault, person, person, held),
            97 => stage.vault_withdraw(pair.vault, person, self.part_of(pair.vault, person, part).await?),
            98 => stage.send_shares(pair.address, person, other, held),
            _ => stage.pair_sync(&pair, person),
        })
    }

    async fn weighted_act(
        &mut self,
        kind: u64,
        person: Address,
        part: U256,
        units: u128,
    ) -> Result<Transaction, RehearsalError> {
        let pool = self.venues.weighted.clone();
        let held = self.part_of(pool.address, person, part).await?;
        let stage = &self.stage;
        Ok(match kind {
            0..58 => {
                let ether_in = kind.is_multiple_of(2);
                let zero_for_one = (pool.tokens[0] == self.venues.weth) == ether_in;
                // A swap of exact output names what goes out.
                let (units, given_out) = (units / 20, kind.is_multiple_of(5));
                let in_ether = ether_in != given_out;
                let units = if in_ether { units } else { units * TKN_PER_ETHER };
                stage.weighted_swap(&pool, person, zero_for_one, given_out, units)
            }
            58..72 => stage.weighted_join(&pool, person, self.venues.weighted_units(units)),
            72..76 => stage.weighted_exit(&pool, person, held),
            76..79 => stage.weighted_exit_single(&pool, person, 1, held),
            79..92 => stage.stake(pool.gauge, person, person, held),
            92..97 => {
                let staked = self.part_of(pool.gauge, person, part).await?;
                stage.unstake(pool.gauge, person, staked)
            }
            _ => stage.send_shares(pool.address, person, self.venues.people[8], held),
        })
    }

    /// So many hundredths of what somebody holds of a token.
    async fn part_of(&self, token: Address, of: Address, hundredths: U256) -> Result<U256, RehearsalError> {
        let held = self.stage.read(token, &abi::Token::balanceOfCall { account: of }).await?;
        Ok(held * hundredths / U256::from(100))
    }
}
