//! The contracts of the simulated chain: two pools of ours, one of others, their position manager, and a token.
//!
//! A pool's state is the engine's own ledger, so that every log is one that an honest pool would write; what a swap
//! takes in is counted here step by step, as v3-core does.

use accrual_indexer::decode::token;
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

/// The contract whose NFTs stand for positions in all three pools.
pub(crate) const MANAGER: Address = Address::repeat_byte(0x20);
/// Two pools that are followed, and one that is not.
pub(crate) const POOLS: [Address; 3] =
    [Address::repeat_byte(0x11), Address::repeat_byte(0x12), Address::repeat_byte(0x13)];
/// A token that is paid by balance.
pub(crate) const TOKEN: Address = Address::repeat_byte(0x14);
/// What the pools hold.
pub(crate) const TOKEN0: Address = Address::repeat_byte(0x61);
pub(crate) const TOKEN1: Address = Address::repeat_byte(0x62);
/// By pool.
pub(crate) const SPACINGS: [i32; 3] = [10, 60, 10];
pub(crate) const FEES_PPM: [u32; 3] = [500, 3000, 500];

const ACCOUNTS: usize = 6;

/// Logs of one transaction, each with its emitter.
pub(crate) type Transaction = Vec<(Address, LogData)>;

/// Everything that the contracts keep.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pools: Vec<Concentrated>,
    balances: [u64; ACCOUNTS],
    next_id: u64,
}

#[derive(Debug, Clone)]
struct Concentrated {
    address: Address,
    spacing: i32,
    fee_ppm: u32,
    ledger: ConcentratedLedger,
    /// NFTs that were not burnt.
    ids: Vec<u64>,
}

/// The n-th account.
pub(crate) fn account(number: usize) -> Address {
    Address::repeat_byte(0xa1 + u8::try_from(number).expect("there are few accounts"))
}

impl World {
    /// Before the first pool.
    pub(crate) fn new() -> Self {
        let pool = |place: usize| {
            let facts = PoolFacts {
                tick_spacing: Some(SPACINGS[place]),
                fee_ppm: Some(FEES_PPM[place]),
                ..PoolFacts::default()
            };
            Concentrated {
                address: POOLS[place],
                spacing: SPACINGS[place],
                fee_ppm: FEES_PPM[place],
                ledger: ConcentratedLedger::new(&facts),
                ids: Vec::new(),
            }
        };
        Self { pools: (0..POOLS.len()).map(pool).collect(), balances: [0; ACCOUNTS], next_id: 1 }
    }

    /// What `pool` writes when it gets its first price.
    pub(crate) fn initialize(&mut self, pool: usize, tick: i32) -> Transaction {
        let sqrt_price_x96 = sqrt_ratio(Tick(tick)).expect("the tick exists");
        let pool = &mut self.pools[pool];
        pool.fold(&PoolEvent::Initialized { sqrt_price_x96, tick: Tick(tick) });
        let log = pool::Initialize { sqrtPriceX96: U160::from(sqrt_price_x96.0), tick: i24(tick) };
        vec![(pool.address, log.encode_log_data())]
    }

    /// Something that somebody does; `None` when chance chose what is impossible now.
    pub(crate) fn act(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let place = chance.index(self.pools.len());
        self.pools[place].ledger.price()?;
        match chance.between(0, 99) {
            0..30 => self.pools[place].swap(chance),
            30..50 => Some(self.mint(place, chance)),
            50..58 => self.pools[place].increase(chance),
            58..70 => self.pools[place].decrease(chance),
            70..78 => self.pools[place].collect(chance),
            78..88 => self.pools[place].hand_over(chance),
            _ => self.transfer(chance),
        }
    }

    /// A new NFT, or a position held straight in the pool.
    fn mint(&mut self, place: usize, chance: &mut Chance) -> Transaction {
        let pool = &mut self.pools[place];
        let (range, liquidity) = (pool.range(chance), chance.between(1, 1 << 50).into());
        let owner = account(chance.index(ACCOUNTS));
        if chance.permille(150) {
            return vec![pool.add(Holding::Own { owner, range }, owner, range, liquidity).0];
        }
        let id = self.next_id;
        self.next_id += 1;
        pool.ids.push(id);
        let holding = nft(id);
        let (mint, (paid0, paid1)) = pool.add(holding, MANAGER, range, liquidity);
        pool.fold(&PoolEvent::HolderChanged { holding, from: Address::ZERO, to: owner });
        vec![mint, moved(Address::ZERO, owner, id), increased(id, liquidity, paid0, paid1)]
    }

    fn transfer(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (from, to) = (chance.index(ACCOUNTS), chance.index(ACCOUNTS));
        let is_minted = chance.permille(400);
        let value =
            if is_minted { chance.between(1, 1 << 40) } else { self.balances[from] / chance.between(1, 3) };
        if value == 0 {
            return None;
        }
        let giver = if is_minted {
            Address::ZERO
        } else {
            self.balances[from] -= value;
            account(from)
        };
        self.balances[to] += value;
        let log = token::Transfer { from: giver, to: account(to), value: U256::from(value) };
        Some(vec![(TOKEN, log.encode_log_data())])
    }
}

impl Concentrated {
    fn fold(&mut self, event: &PoolEvent) {
        self.ledger.apply(event).expect("an honest pool's events never contradict each other");
    }

    fn price(&self) -> Price {
        self.ledger.price().expect("only pools with a price are played")
    }

    /// Around the price, or off it.
    fn range(&self, chance: &mut Chance) -> TickRange {
        let here = self.price().tick.0.div_euclid(self.spacing);
        let offset = |number: u64| i32::try_from(number).expect("offsets are small");
        let lower = here - 14 + offset(chance.between(0, 20));
        let upper = lower + 1 + offset(chance.between(0, 25));
        TickRange { lower: Tick(lower * self.spacing), upper: Tick(upper * self.spacing) }
    }

    fn add(
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

    fn increase(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, range, _, _) = self.some_nft(chance)?;
        let liquidity = chance.between(1, 1 << 48).into();
        let (mint, (paid0, paid1)) = self.add(nft(id), MANAGER, range, liquidity);
        Some(vec![mint, increased(id, liquidity, paid0, paid1)])
    }

    fn decrease(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, range, held, holder) = self.some_nft(chance)?;
        let part = if chance.permille(400) { held } else { held / 3 };
        let (amount0, amount1) = self.worth(range, part, Rounding::Down);
        let (holding, liquidity) = (nft(id), Liquidity(part));
        if part == 0 {
            return None;
        }
        self.fold(&PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 });
        let said = manager::DecreaseLiquidity {
            tokenId: U256::from(id),
            liquidity: part,
            amount0: amount0.0,
            amount1: amount1.0,
        };
        let mut logs = vec![self.burnt(range, part, amount0, amount1), (MANAGER, said.encode_log_data())];
        if part == held && chance.permille(300) {
            self.ids.retain(|kept| *kept != id);
            self.fold(&PoolEvent::HolderChanged { holding, from: holder, to: Address::ZERO });
            logs.push(moved(holder, Address::ZERO, id));
        }
        Some(logs)
    }

    /// A poke, and what is owed goes out.
    fn collect(&mut self, chance: &mut Chance) -> Option<Transaction> {
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
            self.burnt(range, 0, none, none),
            (self.address, out.encode_log_data()),
            (MANAGER, said.encode_log_data()),
        ])
    }

    fn hand_over(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, _, _, from) = self.some_nft(chance)?;
        let to = account(chance.index(ACCOUNTS));
        self.fold(&PoolEvent::HolderChanged { holding: nft(id), from, to });
        Some(vec![moved(from, to, id)])
    }

    fn burnt(&self, range: TickRange, part: u128, amount0: Amount, amount1: Amount) -> (Address, LogData) {
        let log = pool::Burn {
            owner: MANAGER,
            tickLower: i24(range.lower.0),
            tickUpper: i24(range.upper.0),
            amount: part,
            amount0: amount0.0,
            amount1: amount1.0,
        };
        (self.address, log.encode_log_data())
    }

    /// An NFT that is there: its id, range, liquidity and holder.
    fn some_nft(&self, chance: &mut Chance) -> Option<(u64, TickRange, u128, Address)> {
        if self.ids.is_empty() {
            return None;
        }
        let id = chance.pick(&self.ids);
        let (_, position) = self.ledger.find(&nft(id)).expect("a minted NFT is a position");
        Some((id, position.range, position.liquidity.0, position.holder))
    }

    fn worth(&self, range: TickRange, liquidity: u128, rounding: Rounding) -> (Amount, Amount) {
        let Price { sqrt_price_x96, tick } = self.price();
        holdings(Liquidity(liquidity), range, tick, sqrt_price_x96, rounding).expect("amounts are small")
    }

    /// To a price some ticks away, which the trader set as its limit.
    fn swap(&mut self, chance: &mut Chance) -> Option<Transaction> {
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

fn nft(id: u64) -> Holding {
    Holding::Nft { manager: MANAGER, id: U256::from(id) }
}

fn moved(from: Address, to: Address, id: u64) -> (Address, LogData) {
    (MANAGER, manager::Transfer { from, to, tokenId: U256::from(id) }.encode_log_data())
}

fn increased(id: u64, liquidity: u128, amount0: U256, amount1: U256) -> (Address, LogData) {
    let log = manager::IncreaseLiquidity { tokenId: U256::from(id), liquidity, amount0, amount1 };
    (MANAGER, log.encode_log_data())
}

fn ratio(tick: Tick) -> SqrtPriceX96 {
    sqrt_ratio(tick).expect("prices stay far from the ends")
}

fn i24(tick: i32) -> I24 {
    I24::try_from(tick).expect("a tick has 24 bits")
}
