//! A pool of concentrated liquidity, and what its position manager says of it.
//!
//! Its state is the engine's own ledger, so that every log is one that an honest pool would write; what a swap takes in is
//! counted here step by step, as v3-core does.

use accrual_indexer::decode::uniswap_v3::{manager, pool};
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Holding;
use accrual_rewards::ledger::concentrated::{ConcentratedLedger, Price};
use accrual_rewards::math::amounts::{Rounding, amount0, amount1, holdings};
use accrual_rewards::math::bitmap::next_tick;
use accrual_rewards::math::swap::{amount_in, fee_of_net};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::unit::{Amount, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange};
use alloy::primitives::aliases::{I24, U160};
use alloy::primitives::{Address, I256, LogData, U256};
use alloy::sol_types::SolEvent;

use crate::chance::Chance;
use crate::world::{ACCOUNTS, FEES_PPM, MANAGER, POOLS, SPACINGS, Transaction, account};

#[derive(Debug, Clone)]
pub(crate) struct Concentrated {
    address: Address,
    spacing: i32,
    fee_ppm: u32,
    ledger: ConcentratedLedger,
    /// NFTs that were not burnt and are not staked.
    pub(crate) ids: Vec<u64>,
    /// Those in the gauge, each with who put it there.
    pub(crate) staked: Vec<(u64, Address)>,
}

impl Concentrated {
    /// The one at a place of [`POOLS`], before its first price.
    pub(crate) fn new(place: usize) -> Self {
        let facts = PoolFacts {
            tick_spacing: Some(SPACINGS[place]),
            fee_ppm: Some(FEES_PPM[place]),
            ..PoolFacts::default()
        };
        Self {
            address: POOLS[place],
            spacing: SPACINGS[place],
            fee_ppm: FEES_PPM[place],
            ledger: ConcentratedLedger::new(&facts),
            ids: Vec::new(),
            staked: Vec::new(),
        }
    }

    /// Its first price.
    pub(crate) fn initialize(&mut self, tick: i32) -> (Address, LogData) {
        let sqrt_price_x96 = ratio(Tick(tick));
        self.fold(&PoolEvent::Initialized { sqrt_price_x96, tick: Tick(tick) });
        let log = pool::Initialize { sqrtPriceX96: U160::from(sqrt_price_x96.0), tick: i24(tick) };
        (self.address, log.encode_log_data())
    }

    pub(crate) fn has_price(&self) -> bool {
        self.ledger.price().is_some()
    }

    pub(crate) fn fold(&mut self, event: &PoolEvent) {
        self.ledger.apply(event).expect("an honest pool's events never contradict each other");
    }

    fn price(&self) -> Price {
        self.ledger.price().expect("only pools with a price are played")
    }

    /// Around the price, or off it.
    pub(crate) fn range(&self, chance: &mut Chance) -> TickRange {
        let here = self.price().tick.0.div_euclid(self.spacing);
        let offset = |number: u64| i32::try_from(number).expect("offsets are small");
        let lower = here - 14 + offset(chance.between(0, 20));
        let upper = lower + 1 + offset(chance.between(0, 25));
        TickRange { lower: Tick(lower * self.spacing), upper: Tick(upper * self.spacing) }
    }

    pub(crate) fn add(
        &mut self,
        holding: Holding,
        owner: Address,
        range: TickRange,
        liquidity: u128,
    ) -> ((Address, LogData), (U256, U256)) {
        let (amount0, amount1) = self.worth(range, liquidity, Rounding::Up);
        self.fold(&PoolEvent::LiquidityAdded {
            holding,
            range,
            liquidity: Liquidity(liquidity),
            amount0,
            amount1,
        });
        let log = pool::Mint {
            sender: owner,
            owner,
            tickLower: i24(range.lower.0),
            tickUpper: i24(range.upper.0),
            amount: liquidity,
            amount0: amount0.0,
            amount1: amount1.0,
        };
        ((self.address, log.encode_log_data()), (amount0.0, amount1.0))
    }

    pub(crate) fn increase(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, range, _, _) = self.some_nft(chance)?;
        let liquidity = chance.between(1, 1 << 48).into();
        let (mint, (paid0, paid1)) = self.add(nft(id), MANAGER, range, liquidity);
        Some(vec![mint, increased(id, liquidity, paid0, paid1)])
    }

    pub(crate) fn decrease(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, range, held, holder) = self.some_nft(chance)?;
        let part = if chance.permille(400) { held } else { held / 3 };
        if part == 0 {
            return None;
        }
        let mut logs = self.remove(MANAGER, id, range, part);
        if part == held && chance.permille(300) {
            self.ids.retain(|kept| *kept != id);
            self.fold(&PoolEvent::HolderChanged { holding: nft(id), from: holder, to: Address::ZERO });
            logs.push(moved(holder, Address::ZERO, id));
        }
        Some(logs)
    }

    /// Takes a part of an NFT's liquidity out, which the pool holds in the name of `owner`.
    pub(crate) fn remove(&mut self, owner: Address, id: u64, range: TickRange, part: u128) -> Transaction {
        let (amount0, amount1) = self.worth(range, part, Rounding::Down);
        let (holding, liquidity) = (nft(id), Liquidity(part));
        self.fold(&PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 });
        let said = manager::DecreaseLiquidity {
            tokenId: U256::from(id),
            liquidity: part,
            amount0: amount0.0,
            amount1: amount1.0,
        };
        vec![self.burnt(owner, range, part, amount0, amount1), (MANAGER, said.encode_log_data())]
    }

    /// A poke, and what is owed goes out.
    pub(crate) fn collect(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, range, held, holder) = self.some_nft(chance)?;
        if held == 0 {
            return None;
        }
        let none = Amount::ZERO;
        let holding = nft(id);
        self.fold(&PoolEvent::LiquidityRemoved {
            holding,
            range,
            liquidity: Liquidity(0),
            amount0: none,
            amount1: none,
        });
        let (amount0, amount1) = (u128::from(chance.between(0, 900)), u128::from(chance.between(0, 900)));
        let out = pool::Collect {
            owner: MANAGER,
            recipient: holder,
            tickLower: i24(range.lower.0),
            tickUpper: i24(range.upper.0),
            amount0,
            amount1,
        };
        let said = manager::Collect {
            tokenId: U256::from(id),
            recipient: holder,
            amount0: U256::from(amount0),
            amount1: U256::from(amount1),
        };
        Some(vec![
            self.burnt(MANAGER, range, 0, none, none),
            (self.address, out.encode_log_data()),
            (MANAGER, said.encode_log_data()),
        ])
    }

    pub(crate) fn hand_over(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, _, _, from) = self.some_nft(chance)?;
        let to = account(chance.index(ACCOUNTS));
        self.fold(&PoolEvent::HolderChanged { holding: nft(id), from, to });
        Some(vec![moved(from, to, id)])
    }

    fn burnt(
        &self,
        owner: Address,
        range: TickRange,
        part: u128,
        amount0: Amount,
        amount1: Amount,
    ) -> (Address, LogData) {
        let log = pool::Burn {
            owner,
            tickLower: i24(range.lower.0),
            tickUpper: i24(range.upper.0),
            amount: part,
            amount0: amount0.0,
            amount1: amount1.0,
        };
        (self.address, log.encode_log_data())
    }

    /// An NFT that is there and not staked: its id, range, liquidity and holder.
    pub(crate) fn some_nft(&self, chance: &mut Chance) -> Option<(u64, TickRange, u128, Address)> {
        if self.ids.is_empty() {
            return None;
        }
        let id = chance.pick(&self.ids);
        let (range, held, holder) = self.position(id);
        Some((id, range, held, holder))
    }

    /// An NFT's range, liquidity and holder.
    pub(crate) fn position(&self, id: u64) -> (TickRange, u128, Address) {
        let (_, position) = self.ledger.find(&nft(id)).expect("a minted NFT is a position");
        (position.range, position.liquidity.0, position.holder)
    }

    fn worth(&self, range: TickRange, liquidity: u128, rounding: Rounding) -> (Amount, Amount) {
        let Price { sqrt_price_x96, tick } = self.price();
        holdings(Liquidity(liquidity), range, tick, sqrt_price_x96, rounding).expect("amounts are small")
    }

    /// To a price some ticks away, which the trader set as its limit.
    pub(crate) fn swap(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let from = self.price();
        let falls = chance.permille(500);
        let away = i32::try_from(chance.between(0, 130)).expect("it is small");
        let to = Tick(if falls { from.tick.0 - away } else { from.tick.0 + away });
        let (floor, ceiling) = (ratio(to), ratio(Tick(to.0 + 1)));
        let part = U256::from(chance.between(1, 999));
        let limit = SqrtPriceX96(floor.0 + (ceiling.0 - floor.0) * part / U256::from(1000));
        let against = if falls { limit >= from.sqrt_price_x96 } else { limit <= from.sqrt_price_x96 };
        if against {
            return None;
        }
        let (taken, given, liquidity) = self.walk(from, to, limit, falls);
        let signed = |amount: U256| I256::try_from(amount).expect("amounts are small");
        let (amount0, amount1) =
            if falls { (signed(taken), -signed(given)) } else { (-signed(given), signed(taken)) };
        self.fold(&PoolEvent::Swapped {
            amount0: SignedAmount(amount0),
            amount1: SignedAmount(amount1),
            sqrt_price_x96: limit,
            liquidity,
            tick: to,
        });
        let trader = account(0);
        let log = pool::Swap {
            sender: trader,
            recipient: trader,
            amount0,
            amount1,
            sqrtPriceX96: U160::from(limit.0),
            liquidity: liquidity.0,
            tick: i24(to.0),
        };
        Some(vec![(self.address, log.encode_log_data())])
    }

    /// What comes in with its fees, what goes out, and the liquidity in range at the end.
    fn walk(&self, from: Price, to: Tick, limit: SqrtPriceX96, falls: bool) -> (U256, U256, Liquidity) {
        let (mut price, mut tick, mut liquidity) = (from.sqrt_price_x96, from.tick, self.ledger.liquidity());
        let (mut taken, mut given) = (U256::ZERO, U256::ZERO);
        while price != limit {
            let next = next_tick(self.ledger.ticks(), tick, self.spacing, falls);
            let edge = ratio(next.tick);
            let step = if falls { edge.max(limit) } else { edge.min(limit) };
            let net = amount_in(liquidity, price, step).expect("amounts are small");
            taken += net + fee_of_net(net, self.fee_ppm).expect("amounts are small");
            given += if falls {
                amount1(liquidity, step, price, Rounding::Down).expect("amounts are small").0
            } else {
                amount0(liquidity, price, step, Rounding::Down).expect("amounts are small").0
            };
            tick = to;
            if step == edge {
                let net = self.ledger.ticks().get(&next.tick).map_or(0, |tick| tick.net);
                let after = if falls {
                    liquidity.0.checked_sub_signed(net)
                } else {
                    liquidity.0.checked_add_signed(net)
                };
                liquidity = Liquidity(after.expect("an honest pool's liquidity is never below zero"));
                tick = if falls { Tick(next.tick.0 - 1) } else { next.tick };
            }
            price = step;
        }
        (taken, given, liquidity)
    }
}

pub(crate) fn nft(id: u64) -> Holding {
    Holding::Nft { manager: MANAGER, id: U256::from(id) }
}

pub(crate) fn moved(from: Address, to: Address, id: u64) -> (Address, LogData) {
    (MANAGER, manager::Transfer { from, to, tokenId: U256::from(id) }.encode_log_data())
}

pub(crate) fn increased(id: u64, liquidity: u128, amount0: U256, amount1: U256) -> (Address, LogData) {
    let log = manager::IncreaseLiquidity { tokenId: U256::from(id), liquidity, amount0, amount1 };
    (MANAGER, log.encode_log_data())
}

fn ratio(tick: Tick) -> SqrtPriceX96 {
    sqrt_ratio(tick).expect("prices stay far from the ends")
}

fn i24(tick: i32) -> I24 {
    I24::try_from(tick).expect("a tick has 24 bits")
}
