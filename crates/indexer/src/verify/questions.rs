//! Which views of a pool's contracts are asked, and what they must answer for what is stored to be right.

use std::collections::BTreeMap;

use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::ledger::concentrated::{ConcentratedLedger, Position};
use accrual_rewards::ledger::pooled::PooledLedger;
use accrual_rewards::ownership::{Owner, Stake};
use accrual_rewards::pool::{ToldBy, Wrapper, WrapperKind};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Tick, TickRange};
use alloy::primitives::aliases::I24;
use alloy::primitives::{Address, B256, Bytes, I256, U256, keccak256};
use alloy::sol_types::SolCall;

use super::ask::Question;
use crate::decode::interest;

mod abi {
    alloy::sol! {
        function slot0() external view returns (uint160, int24);
        function liquidity() external view returns (uint128);
        function feeGrowthGlobal0X128() external view returns (uint256);
        function feeGrowthGlobal1X128() external view returns (uint256);
        function ticks(int24 tick) external view returns (uint128, int128);
        function positions(bytes32 key) external view returns (uint128);
        function ownerOf(uint256 id) external view returns (address);
        function stakedContains(address depositor, uint256 id) external view returns (bool);
        function getReserves() external view returns (uint256, uint256, uint256);
        function totalSupply() external view returns (uint256);
        function balanceOf(address holder) external view returns (uint256);
        function getPoolTokens(bytes32 id) external view returns (address[], uint256[], uint256);
        function getPoolTokenInfo(address pool) external view returns (address[], uint256[], uint256[], uint256[]);
        interface Manager {
            function positions(uint256 id) external view returns (uint256);
        }
    }
}

/// The words of a manager's answer about an NFT.
const NFT_LOWER: usize = 5;
const NFT_UPPER: usize = 6;
const NFT_LIQUIDITY: usize = 7;

/// What is asked, and what must come of it.
#[derive(Debug, Default)]
pub(super) struct Questions {
    pub(super) asked: Vec<Question>,
    pub(super) checks: Vec<Check>,
}

/// One value that is stored, and where the chain says it.
#[derive(Debug)]
pub(super) struct Check {
    /// In words, for people.
    pub(super) what: String,
    /// Words of answers, which are added up: a question's place, and a word's in its answer.
    pub(super) parts: Vec<(usize, usize)>,
    /// What they must come to.
    pub(super) expected: Expected,
    is_signed: bool,
    is_address: bool,
}

/// What an answer must be.
#[derive(Debug)]
pub(super) enum Expected {
    /// This number.
    Number(U256),
    /// This number, from contracts that have the view at all.
    IfAnswered(U256),
    /// None: what was asked for does not exist any more.
    NoAnswer,
}

impl Check {
    /// A word as people read it.
    pub(super) fn shown(&self, word: U256) -> String {
        match (self.is_signed, self.is_address) {
            (true, _) => I256::from_raw(word).to_string(),
            (_, true) => Address::from_word(B256::from(word)).to_checksum(None),
            _ => word.to_string(),
        }
    }
}

impl Questions {
    /// All that is known of the tracker's pool.
    pub(super) fn of(tracker: &PoolTracker) -> Self {
        let mut questions = Self::default();
        if let Some(ledger) = tracker.ledger().concentrated() {
            questions.concentrated(tracker, ledger);
        }
        if let Some(ledger) = tracker.ledger().pooled() {
            questions.pooled(tracker, ledger);
        }
        questions.gauges(tracker);
        questions
    }

    fn ask(&mut self, to: Address, call: &impl SolCall) -> usize {
        self.asked.push(Question { to, input: Bytes::from(call.abi_encode()) });
        self.asked.len() - 1
    }

    fn expect(&mut self, what: String, part: (usize, usize), expected: Expected) -> &mut Check {
        let parts = vec![part];
        self.checks.push(Check { what, parts, expected, is_signed: false, is_address: false });
        self.checks.last_mut().expect("one was added just now")
    }

    fn number(&mut self, what: impl Into<String>, part: (usize, usize), number: U256) {
        self.expect(what.into(), part, Expected::Number(number));
    }

    fn signed(&mut self, what: impl Into<String>, part: (usize, usize), number: i128) {
        let number = I256::try_from(number).expect("128 bits fit 256").into_raw();
        self.expect(what.into(), part, Expected::Number(number)).is_signed = true;
    }

    fn concentrated(&mut self, tracker: &PoolTracker, ledger: &ConcentratedLedger) {
        let pool = tracker.pool().address;
        if let Some(price) = ledger.price() {
            let slot0 = self.ask(pool, &abi::slot0Call {});
            self.number("sqrtPriceX96", (slot0, 0), price.sqrt_price_x96.0);
            self.signed("tick", (slot0, 1), price.tick.0.into());
        }
        let liquidity = self.ask(pool, &abi::liquidityCall {});
        self.number("liquidity in range", (liquidity, 0), U256::from(ledger.liquidity().0));
        // What Aerodrome's pools count for stakers is not in their logs.
        let growth = ledger.fees().growth_global_x128().filter(|_| tracker.pool().venue == Venue::UniswapV3);
        if let Some((growth0, growth1)) = growth {
            let asked = self.ask(pool, &abi::feeGrowthGlobal0X128Call {});
            self.number("feeGrowthGlobal0X128", (asked, 0), growth0);
            let asked = self.ask(pool, &abi::feeGrowthGlobal1X128Call {});
            self.number("feeGrowthGlobal1X128", (asked, 0), growth1);
        }
        for (tick, ours) in ledger.ticks() {
            let asked = self.ask(pool, &abi::ticksCall { tick: tick24(*tick) });
            self.number(format!("gross liquidity of tick {tick}"), (asked, 0), U256::from(ours.gross));
            self.signed(format!("net liquidity of tick {tick}"), (asked, 1), ours.net);
        }
        self.pool_positions(pool, ledger);
        ledger.positions().iter().for_each(|position| self.nft(position));
    }

    /// The pool knows owners and ranges only: an NFT counts for its manager, beside what others gave the manager.
    fn pool_positions(&mut self, pool: Address, ledger: &ConcentratedLedger) {
        let mut sums: BTreeMap<(Address, TickRange), U256> = BTreeMap::new();
        for position in ledger.positions() {
            let owner = match position.holding {
                Holding::Nft { manager, .. } => manager,
                Holding::Own { owner, .. } | Holding::Share { owner } => owner,
            };
            *sums.entry((owner, position.range)).or_default() += U256::from(position.liquidity.0);
        }
        for ((owner, range), sum) in sums {
            let asked = self.ask(pool, &abi::positionsCall { key: position_key(owner, range) });
            self.number(format!("liquidity of {owner} in {range}"), (asked, 0), sum);
        }
    }

    fn nft(&mut self, position: &Position) {
        let Holding::Nft { manager, id } = position.holding else { return };
        let owner = self.ask(manager, &abi::ownerOfCall { id });
        if position.holder.is_zero() {
            self.expect(format!("owner of NFT {id}"), (owner, 0), Expected::NoAnswer).is_address = true;
            return;
        }
        let expected = Expected::Number(position.holder.into_word().into());
        self.expect(format!("owner of NFT {id}"), (owner, 0), expected).is_address = true;
        let says = self.ask(manager, &abi::Manager::positionsCall { id });
        self.signed(format!("lower tick of NFT {id}"), (says, NFT_LOWER), position.range.lower.0.into());
        self.signed(format!("upper tick of NFT {id}"), (says, NFT_UPPER), position.range.upper.0.into());
        let liquidity = U256::from(position.liquidity.0);
        self.number(format!("liquidity of NFT {id}"), (says, NFT_LIQUIDITY), liquidity);
    }

    fn pooled(&mut self, tracker: &PoolTracker, ledger: &PooledLedger) {
        let pool = tracker.pool();
        let supply = self.ask(pool.address, &abi::totalSupplyCall {});
        self.number("supply of shares", (supply, 0), U256::from(ledger.supply().0));
        if let Some((asked, first)) = self.reserves(tracker, ledger.reserves().len()) {
            for (token, reserve) in ledger.reserves().iter().enumerate() {
                self.number(format!("reserve of token{token}"), (asked, first + token), reserve.0);
            }
        }
        for position in ledger.positions() {
            let Holding::Share { owner } = position.holding else { continue };
            let asked = self.ask(pool.address, &abi::balanceOfCall { holder: owner });
            self.number(format!("shares of {owner}"), (asked, 0), U256::from(position.liquidity.0));
        }
    }

    /// Who tells the reserves, and in which word they begin: lists of the same lengths stand in the same words.
    fn reserves(&mut self, tracker: &PoolTracker, tokens: usize) -> Option<(usize, usize)> {
        let pool = tracker.pool();
        match pool.venue {
            Venue::AerodromeBasic => Some((self.ask(pool.address, &abi::getReservesCall {}), 0)),
            Venue::BalancerV2 => {
                let (vault, id) = (interest::vault(pool), pool.facts.balancer_pool_id?);
                // Three words of head, then two lists behind their lengths.
                Some((self.ask(vault, &abi::getPoolTokensCall { id }), 3 + 1 + tokens + 1))
            }
            Venue::BalancerV3 => {
                let vault = interest::vault(pool);
                let call = abi::getPoolTokenInfoCall { pool: pool.address };
                // Four words of head, the tokens, three words about each, then the raw balances.
                Some((self.ask(vault, &call), 4 + 1 + tokens + 1 + 3 * tokens + 1))
            }
            Venue::UniswapV3 | Venue::AerodromeCl | Venue::Erc20 => None,
        }
    }

    /// What stands behind one gauge and nothing else: whose NFT it is, or how many shares of it.
    fn gauges(&mut self, tracker: &PoolTracker) {
        let wrappers = tracker.ownership().wrappers();
        let mut shares: BTreeMap<(Address, Address), U256> = BTreeMap::new();
        for stake in tracker.ownership().stakes() {
            let Some((gauge, account)) = behind_one_gauge(stake, wrappers) else { continue };
            if gauge.kind == WrapperKind::Erc20Gauge {
                *shares.entry((gauge.address, account)).or_default() += U256::from(stake.liquidity.0);
            } else if let Holding::Nft { id, .. } = tracker.key(stake.position).holding {
                let asked = self.ask(gauge.address, &abi::stakedContainsCall { depositor: account, id });
                let expected = Expected::IfAnswered(U256::from(1));
                self.expect(format!("NFT {id} staked by {account}"), (asked, 0), expected);
            }
        }
        let told_by = |gauge| {
            let facts = tracker.pool().facts.wrappers.iter();
            facts.clone().find(|facts| facts.address == gauge).map(|facts| facts.told_by)
        };
        for ((gauge, account), sum) in shares {
            if told_by(gauge).is_some_and(|told_by| told_by != ToldBy::Nfts) {
                let asked = self.ask(gauge, &abi::balanceOfCall { holder: account });
                self.number(format!("shares of {account} in gauge {gauge}"), (asked, 0), sum);
            }
        }
    }
}

/// A stake's gauge and account, where there is nothing else between them.
fn behind_one_gauge<'a>(stake: &Stake, wrappers: &'a [Wrapper]) -> Option<(&'a Wrapper, Address)> {
    let (Owner::Account(account), [only]) = (stake.owner, stake.via.as_slice()) else { return None };
    let is_it = |wrapper: &&Wrapper| {
        let is_gauge = matches!(wrapper.kind, WrapperKind::ClGauge | WrapperKind::Erc20Gauge);
        is_gauge && wrapper.address == *only && wrapper.holder == wrapper.address
    };
    wrappers.iter().find(is_it).filter(|_| !account.is_zero()).map(|wrapper| (wrapper, account))
}

fn tick24(Tick(tick): Tick) -> I24 {
    I24::try_from(tick).expect("a tick fits 24 bits")
}

/// A position's key in the pool's storage.
fn position_key(owner: Address, range: TickRange) -> B256 {
    let ends = [tick24(range.lower), tick24(range.upper)].map(|tick| tick.to_be_bytes::<3>());
    keccak256([owner.as_slice(), &ends[0], &ends[1]].concat())
}
