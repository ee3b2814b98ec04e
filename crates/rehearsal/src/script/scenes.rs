//! What must happen once and in order, each on its day of the campaign.

use accrual_rewards::unit::{Tick, TickRange};
use alloy::primitives::Address;

use super::{CENTRE, RANGES_REACH, SPACING, Story};
use crate::error::RehearsalError;
use crate::stage::{Swap, range, tkn, usd};

/// More than any pool of the story holds, so that a swap goes on to its limit.
const WHALE_DOLLARS: u64 = 1_000_000_000;
const HELD_LIQUIDITY: u128 = 3_000_000_000_000_000;

impl Story {
    /// The scene of a day; days without one stay with the crowd.
    pub(super) async fn scene(&mut self, day: u64) -> Result<(), RehearsalError> {
        match day {
            0 => self.several_mints_at_once().await,
            1 => self.positions_without_nft().await,
            2 => self.liquidity_for_the_manager().await,
            3 => self.nfts_change_hands().await,
            4 => self.exactly_on_a_tick().await,
            5 => self.short_lives().await,
            6 => self.price_leaves_everybody().await,
            7 => self.protocol_fee_on().await,
            8 => self.flashes().await,
            9 => self.strangers_and_pokes().await,
            10 => self.nfts_end().await,
            11 => self.exactly_on_a_tick().await,
            12 => self.protocol_fee_off().await,
            13 => self.short_lives().await,
            _ => self.someone_leaves().await,
        }
    }

    /// One transaction mints for three people, two of them in one range; then one person for another.
    async fn several_mints_at_once(&mut self) -> Result<(), RehearsalError> {
        let (range, wider) = (self.around(600), self.around(1800));
        let [ann, bob, cem] = self.three(20);
        let mints = [(ann, range), (bob, range), (cem, wider)].map(|(recipient, range)| {
            self.stage.mint(&self.pool, ann, recipient, range, usd(2500), tkn(5000))
        });
        let multicall = self.stage.multicall(ann, &mints);
        self.block(&[multicall]).await?;
        let gift = self.stage.mint(&self.pool, ann, cem, range, usd(700), tkn(1400));
        let blocked = self.stage.mint(&self.pool, bob, bob, wider, usd(9000), tkn(18_000));
        self.block(&[gift, blocked]).await.map(drop)
    }

    /// A contract holds two positions straight in the pool, one of a range that NFTs have too.
    async fn positions_without_nft(&mut self) -> Result<(), RehearsalError> {
        let holder = self.stage.holder;
        let acts = [
            self.stage.pool_mint(&self.pool, self.people[30], holder, self.held_range(), HELD_LIQUIDITY),
            self.stage.pool_mint(&self.pool, self.people[30], holder, self.around(1200), HELD_LIQUIDITY / 2),
            self.stage.pool_mint(
                &self.pool,
                self.people[30],
                self.people[31],
                self.held_range(),
                HELD_LIQUIDITY / 3,
            ),
            self.stage.grow_observations(&self.pool, self.people[30], 50),
        ];
        self.block(&acts).await.map(drop)
    }

    /// A third party adds liquidity that the manager owns and no NFT stands for, between two mints of the range.
    async fn liquidity_for_the_manager(&mut self) -> Result<(), RehearsalError> {
        let [ann, bob, cem] = self.three(24);
        let (range, manager) = (self.around(900), self.stage.manager);
        let acts = [
            self.stage.mint(&self.pool, ann, ann, range, usd(1000), tkn(2000)),
            self.stage.pool_mint(&self.pool, cem, manager, range, HELD_LIQUIDITY / 7),
            self.stage.mint(&self.pool, bob, bob, range, usd(1000), tkn(2000)),
        ];
        self.block(&acts).await.map(drop)
    }

    /// To oneself, to somebody else, and on while empty, where a new owner fills it again.
    async fn nfts_change_hands(&mut self) -> Result<(), RehearsalError> {
        let [ann, bob, cem] = self.three(27);
        let mint = self.stage.mint(&self.pool, ann, ann, self.around(1200), usd(3000), tkn(6000));
        let id = self.next_id;
        self.block(&[mint]).await?;
        self.block(&[self.stage.transfer_nft(ann, ann, id)]).await?;
        self.block(&[self.stage.transfer_nft(ann, bob, id)]).await?;
        self.stretch().await?;
        let empty = self.stage.decrease(bob, id, self.nfts[&id].liquidity);
        self.block(&[empty]).await?;
        self.block(&[self.stage.transfer_nft(bob, cem, id)]).await?;
        self.stretch().await?;
        let increase = self.stage.increase(cem, id, usd(2000), tkn(4000));
        let (there, back) = (self.stage.transfer_nft(cem, ann, id), self.stage.transfer_nft(ann, cem, id));
        self.block(&[increase, there, back]).await.map(drop)
    }

    /// Swaps that stop on the end of a range, from both sides, and go on from there.
    async fn exactly_on_a_tick(&mut self) -> Result<(), RehearsalError> {
        for up in [false, true, true, false, false] {
            let boundary = self.next_boundary(up);
            let mint = {
                let beside = range(boundary.0, boundary.0 + 2 * SPACING);
                self.stage.mint(&self.pool, self.people[35], self.people[35], beside, usd(300), tkn(600))
            };
            self.block(&[mint]).await?;
            self.whale(boundary).await?;
            self.block(&[]).await?;
            // A little on, so that the next one does not begin where it must end.
            self.whale(Tick(boundary.0 + if up { 7 } else { -7 })).await?;
        }
        Ok(())
    }

    /// Liquidity that lives for one block, with an NFT and without, and for one transaction.
    async fn short_lives(&mut self) -> Result<(), RehearsalError> {
        let [ann, bob, cem] = self.three(37);
        let (tight, id) = (self.around(120), self.next_id);
        let mint = self.stage.mint(&self.pool, ann, ann, tight, usd(50_000), tkn(100_000));
        let liquidity = self.stage.preview_mint(&mint).await?;
        let swap = self.stage.swap(&self.pool, bob, Swap::exact_in(0, usd(40)));
        let decrease = self.stage.decrease(ann, id, liquidity);
        self.block(&[mint, swap, decrease, self.stage.collect(ann, id)]).await?;

        let (holder, tight) = (self.stage.holder, self.around(180));
        let acts = [
            self.stage.pool_mint(&self.pool, cem, holder, tight, HELD_LIQUIDITY),
            self.stage.swap(&self.pool, bob, Swap::exact_in(1, tkn(90))),
            self.stage.pool_burn(&self.pool, cem, tight, HELD_LIQUIDITY),
            self.stage.pool_collect(&self.pool, cem, tight),
        ];
        self.block(&acts).await?;
        self.block(&[self.stage.pass_through(&self.pool, cem, self.around(240), HELD_LIQUIDITY)])
            .await
            .map(drop)
    }

    /// For some hours the price is where nobody has liquidity, above and then below, and people act meanwhile.
    async fn price_leaves_everybody(&mut self) -> Result<(), RehearsalError> {
        for side in [1, -1] {
            let outside = CENTRE.0 + side * (RANGES_REACH + 900);
            self.whale(Tick(outside)).await?;
            self.wait_until(self.stage.now + 3600);
            // Moves through nothing: no amounts, but a price.
            self.whale(Tick(outside + side * 30)).await?;
            let collects: Vec<_> =
                self.nfts.iter().take(4).map(|(id, held)| self.stage.collect(held.owner, *id)).collect();
            self.block(&collects).await?;
            let person = self.people[40];
            let mint = self.stage.mint(&self.pool, person, person, self.held_range(), usd(4000), tkn(8000));
            self.block(&[mint]).await?;
            self.wait_until(self.stage.now + 7200);
        }
        self.whale(CENTRE).await
    }

    async fn protocol_fee_on(&mut self) -> Result<(), RehearsalError> {
        self.block(&[self.stage.set_fee_protocol(&self.pool, 4, 6)]).await.map(drop)
    }

    async fn flashes(&mut self) -> Result<(), RehearsalError> {
        let [ann, bob, _] = self.three(44);
        let acts = [
            self.stage.flash(&self.pool, ann, usd(900), 0, 0),
            self.stage.flash(&self.pool, bob, usd(400), tkn(800), 1_234_567),
        ];
        self.block(&acts).await?;
        // Within a block, the order of a swap and a flash matters to the growth of fees.
        let swap = self.stage.swap(&self.pool, bob, Swap::exact_in(0, usd(75)));
        let flash = self.stage.flash(&self.pool, ann, 0, tkn(500), 0);
        self.block(&[swap, flash]).await.map(drop)
    }

    /// Strangers add to NFTs of others; pokes by the manager and by the contract; the contract goes.
    async fn strangers_and_pokes(&mut self) -> Result<(), RehearsalError> {
        let stranger = self.people[47];
        let ids: Vec<_> = self.nfts.keys().copied().take(3).collect();
        let increases: Vec<_> =
            ids.iter().map(|id| self.stage.increase(stranger, *id, usd(150), tkn(300))).collect();
        self.block(&increases).await?;
        let held = self.held_range();
        self.block(&[self.stage.pool_burn(&self.pool, stranger, held, 0)]).await?;
        self.stretch().await?;
        let acts = [
            self.stage.pool_burn(&self.pool, stranger, held, HELD_LIQUIDITY / 2),
            self.stage.pool_collect(&self.pool, stranger, held),
        ];
        self.block(&acts).await.map(drop)
    }

    /// Emptied, collected and burned in three blocks; and a failed attempt to burn one that is not empty.
    async fn nfts_end(&mut self) -> Result<(), RehearsalError> {
        let of_use = |(id, held): (&u64, &super::Held)| (held.liquidity > 0).then_some((*id, *held));
        let ended: Vec<_> = self.nfts.iter().filter_map(of_use).take(3).collect();
        for (id, held) in ended {
            self.block(&[self.stage.burn_nft(held.owner, id).or_revert()]).await?;
            self.block(&[self.stage.decrease(held.owner, id, held.liquidity)]).await?;
            self.block(&[self.stage.collect(held.owner, id)]).await?;
            self.block(&[self.stage.burn_nft(held.owner, id)]).await?;
        }
        Ok(())
    }

    async fn protocol_fee_off(&mut self) -> Result<(), RehearsalError> {
        let acts = [self.stage.collect_protocol(&self.pool), self.stage.set_fee_protocol(&self.pool, 0, 10)];
        self.block(&acts).await?;
        self.stretch().await?;
        self.block(&[self.stage.set_fee_protocol(&self.pool, 0, 0)]).await.map(drop)
    }

    /// The campaign is over, and so are some positions.
    async fn someone_leaves(&mut self) -> Result<(), RehearsalError> {
        for (id, held) in self.nfts.clone().into_iter().take(6) {
            self.block(&[self.leave(id, held)]).await?;
        }
        Ok(())
    }

    /// Somebody swaps until the price is there.
    async fn whale(&mut self, until: Tick) -> Result<(), RehearsalError> {
        let swap = if until > self.tick {
            Swap::exact_in(1, tkn(WHALE_DOLLARS))
        } else {
            Swap::exact_in(0, usd(WHALE_DOLLARS))
        };
        let act = self.stage.swap(&self.pool, self.traders[0], swap.until(until));
        self.block(&[act]).await.map(drop)
    }

    fn around(&self, half_width: i32) -> TickRange {
        let middle = self.tick.0.div_euclid(SPACING) * SPACING;
        range(middle - half_width, middle + half_width)
    }

    /// Where the contract holds its lasting position.
    fn held_range(&self) -> TickRange {
        range(CENTRE.0 - 2400, CENTRE.0 + 2400)
    }

    fn three(&self, from: usize) -> [Address; 3] {
        [self.people[from], self.people[from + 1], self.people[from + 2]]
    }
}
