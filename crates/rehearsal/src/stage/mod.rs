//! A deployed Uniswap v3 with tokens, pools and helpers, and blocks made of acts.
//!
//! Acts are values (see [`Transaction`]); [`Stage::play`] puts some of them into one block:
//!
//! ```no_run
//! # use accrual_rehearsal::*;
//! # use accrual_rewards::unit::Tick;
//! # async fn example() -> Result<(), RehearsalError> {
//! let npm = ensure_npm()?;
//! let anvil = Anvil::start(&npm, AnvilOptions::default()).await?;
//! let mut stage = Stage::set_up(anvil.into(), &npm).await?;
//! let pool = stage.open_pool(3000, Tick(283_200)).await?;
//! let (ann, bob) = (account("ann"), account("bob"));
//! stage.enroll(&[ann, bob]).await?;
//! let minted = stage.play(&[stage.mint(&pool, ann, ann, range(282_000, 284_400), usd(500), tkn(1000))]).await?;
//! let id = minted.minted_ids(&stage)[0];
//! stage.play(&[stage.swap(&pool, bob, Swap::exact_in(0, usd(20))), stage.collect(ann, id)]).await?;
//! # Ok(())
//! # }
//! ```

mod acts;
mod concentrated;
mod merkl;
mod mined;
mod pair;
mod prices;
mod weighted;

use std::sync::Arc;

use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::unit::{SqrtPriceX96, Tick, TickRange};
use alloy::primitives::aliases::{I24, U24};
use alloy::primitives::{Address, B256, Bytes, U160, U256, address, keccak256};
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::SolCall;
use serde_json::json;

use crate::anvil::Anvil;
use crate::contracts::{Creation, abi};
use crate::error::RehearsalError;
use crate::npm::Npm;

pub use acts::{Swap, Transaction};
pub use merkl::{ClaimCall, Promise};
pub use mined::Mined;
pub use pair::Pair;
pub use prices::PriceFeed;
pub use weighted::{Balancer, WeightedPool};

/// Base's wrapped ether, which is no contract here: the position manager wants an address and never uses it.
const NO_WETH: Address = address!("0x4200000000000000000000000000000000000006");
const BLOCK_SECONDS: u64 = 2;
/// Of each token, in smallest units: nobody ever runs out.
const PURSE_UNITS: u128 = 10_u128.pow(36);

/// The contracts on a node, and the time of the newest block.
#[derive(Debug)]
pub struct Stage {
    /// The node.
    pub anvil: Arc<Anvil>,
    /// Who deployed everything, and owns the factory.
    pub deployer: Address,
    /// Uniswap's factory.
    pub factory: Address,
    /// Uniswap's position manager.
    pub manager: Address,
    /// "Rehearsal USD", 6 decimals; below `tkn`, so it is token0.
    pub usd: Address,
    /// "Rehearsal Token", 18 decimals.
    pub tkn: Address,
    /// "Rehearsal TMAI", 18 decimals: what campaigns pay.
    pub reward: Address,
    /// Holds positions without NFTs.
    pub holder: Address,
    /// Swaps for anybody.
    pub swapper: Address,
    /// Borrows for the length of a transaction.
    pub flasher: Address,
    creation: Arc<Creation>,
    /// Unix seconds of the newest block.
    pub now: u64,
}

/// A pool of the stage's two tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its address.
    pub address: Address,
    /// Parts of a million that a swap pays.
    pub fee_ppm: u32,
    /// Ticks between two that a position may end at.
    pub tick_spacing: i32,
    /// The block that it was created in.
    pub created_block: u64,
}

impl Stage {
    /// Deploys everything but pools, in two blocks.
    ///
    /// # Errors
    /// When a contract does not compile or deploy.
    pub async fn set_up(anvil: Arc<Anvil>, npm: &Npm) -> Result<Self, RehearsalError> {
        let creation = Arc::new(Creation::load(npm)?);
        let deployer = account("deployer");
        anvil.fund(deployer).await?;
        // The lower address is token0, and that shall be USD, whichever of the two is deployed first.
        let (first, second) = (deployer.create(6), deployer.create(7));
        let mut stage = Self {
            now: newest_block_unix(&anvil).await?,
            deployer,
            factory: deployer.create(0),
            manager: deployer.create(1),
            holder: deployer.create(2),
            swapper: deployer.create(3),
            flasher: deployer.create(4),
            reward: deployer.create(5),
            usd: first.min(second),
            tkn: first.max(second),
            anvil,
            creation: creation.clone(),
        };
        stage.deploy(&creation).await?;
        let helpers = [stage.holder, stage.swapper, stage.flasher];
        let purses: Vec<_> = helpers.iter().flat_map(|helper| stage.fill_purse(*helper)).collect();
        stage.play(&purses).await?;
        Ok(stage)
    }

    async fn deploy(&mut self, creation: &Creation) -> Result<(), RehearsalError> {
        let token = |name: &str, symbol: &str, decimals| -> Result<Bytes, RehearsalError> {
            let arguments = abi::Token::constructorArgumentsCall {
                name: name.to_owned(),
                symbol: symbol.to_owned(),
                decimals,
            };
            Ok(with_arguments(creation.own("Token")?, &arguments))
        };
        let manager = abi::Manager::constructorArgumentsCall {
            factory: self.factory,
            weth9: NO_WETH,
            descriptor: Address::ZERO,
        };
        let usd = token("Rehearsal USD", "rUSD", 6)?;
        let tkn = token("Rehearsal Token", "rTKN", 18)?;
        let usd_first = self.usd == self.deployer.create(6);
        let (sixth, seventh) = if usd_first { (usd, tkn) } else { (tkn, usd) };
        let codes = [
            creation.factory.clone(),
            with_arguments(&creation.manager, &manager),
            creation.own("Holder")?.clone(),
            creation.own("Swapper")?.clone(),
            creation.own("Flasher")?.clone(),
            token("Rehearsal TMAI", "rTMAI", 18)?,
            sixth,
            seventh,
        ];
        for code in &codes {
            self.anvil.send(self.deployer, None, code).await?;
        }
        self.mine(self.now + BLOCK_SECONDS, &vec![("a deployment", false); codes.len()]).await.map(drop)
    }

    /// Deploys one more contract, in a block of its own.
    async fn deploy_one(&mut self, code: &Bytes) -> Result<Address, RehearsalError> {
        self.anvil.send(self.deployer, None, code).await?;
        let mined = self.mine(self.now + BLOCK_SECONDS, &[("a deployment", false)]).await?;
        let made = mined.receipts.first().and_then(|receipt| receipt.contract_address);
        made.ok_or_else(|| insane("a deployment made no contract".to_owned()))
    }

    /// Deploys one of our own contracts.
    async fn deploy_own(&mut self, name: &str, arguments: &impl SolCall) -> Result<Address, RehearsalError> {
        let code = with_arguments(self.creation.own(name)?, arguments);
        self.deploy_one(&code).await
    }

    /// The code that one of our own contracts without arguments has once it is deployed; it is deployed for that.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn code_of_own(&mut self, name: &str) -> Result<Bytes, RehearsalError> {
        let code = self.creation.own(name)?.clone();
        let made = self.deploy_one(&code).await?;
        self.anvil.ask("eth_getCode", json!([made, "latest"])).await
    }

    /// Puts code at an address, as if it had always been there from now on.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn put_code(&self, at: Address, code: &Bytes) -> Result<(), RehearsalError> {
        self.anvil.ask::<serde_json::Value>("anvil_setCode", json!([at, code])).await.map(drop)
    }

    /// One more token, of which everybody may have as much as they like: see [`Stage::purse`].
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_token(
        &mut self,
        name: &str,
        symbol: &str,
        decimals: u8,
    ) -> Result<Address, RehearsalError> {
        let (name, symbol) = (name.to_owned(), symbol.to_owned());
        let arguments = abi::Token::constructorArgumentsCall { name, symbol, decimals };
        self.deploy_own("Token", &arguments).await
    }

    /// Fills somebody's purse with a token.
    pub fn purse(&self, token: Address, of: Address) -> Transaction {
        let mint = abi::Token::mintCall { to: of, value: U256::from(PURSE_UNITS) };
        Transaction::new("minting tokens", self.deployer, token, &mint)
    }

    /// Lets a contract take a token, or shares, of somebody.
    pub fn allow(&self, token: Address, of: Address, spender: Address) -> Transaction {
        let approve = abi::Token::approveCall { spender, value: U256::MAX };
        Transaction::new("an approval", of, token, &approve)
    }

    /// Creates and initializes a pool at a tick, in two blocks.
    ///
    /// # Errors
    /// When the factory has one already or does not know the fee.
    pub async fn open_pool(&mut self, fee_ppm: u32, tick: Tick) -> Result<Pool, RehearsalError> {
        let fee = U24::try_from(fee_ppm).map_err(|_| insane(format!("there is no fee of {fee_ppm} ppm")))?;
        let create = abi::Factory::createPoolCall { tokenA: self.usd, tokenB: self.tkn, fee };
        let created =
            self.play(&[Transaction::new("createPool", self.deployer, self.factory, &create)]).await?;
        let events = created.events::<abi::Factory::PoolCreated>(self.factory);
        let event = events.first().ok_or_else(|| insane("a new pool has no PoolCreated".to_owned()))?;
        let initialize = abi::Pool::initializeCall { sqrtPriceX96: ratio(tick)? };
        self.play(&[Transaction::new("initialize", self.deployer, event.pool, &initialize)]).await?;
        let pool = Pool {
            address: event.pool,
            fee_ppm,
            tick_spacing: event.tickSpacing.as_i32(),
            created_block: created.number,
        };
        match self.tick(&pool).await? {
            found if found == tick => Ok(pool),
            found => Err(insane(format!("a pool initialized at {tick} stands at {found}"))),
        }
    }

    /// Gives people ether and tokens, and lets the position manager take them.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn enroll(&mut self, people: &[Address]) -> Result<(), RehearsalError> {
        for some in people.chunks(50) {
            for person in some {
                self.anvil.fund(*person).await?;
            }
            let purses: Vec<_> = some.iter().flat_map(|person| self.fill_purse(*person)).collect();
            let allowances: Vec<_> = some.iter().flat_map(|person| self.allow_manager(*person)).collect();
            self.play(&purses).await?;
            self.play(&allowances).await?;
        }
        Ok(())
    }

    fn fill_purse(&self, of: Address) -> [Transaction; 2] {
        let mint = abi::Token::mintCall { to: of, value: U256::from(PURSE_UNITS) };
        [self.usd, self.tkn].map(|token| Transaction::new("minting tokens", self.deployer, token, &mint))
    }

    fn allow_manager(&self, of: Address) -> [Transaction; 2] {
        let approve = abi::Token::approveCall { spender: self.manager, value: U256::MAX };
        [self.usd, self.tkn].map(|token| Transaction::new("an approval", of, token, &approve))
    }

    /// Replaces the newest `depth` blocks by empty ones; the next block follows them.
    ///
    /// # Errors
    /// When there are not so many.
    pub async fn reorg(&mut self, depth: u64) -> Result<(), RehearsalError> {
        self.anvil.reorg(depth).await?;
        self.now = newest_block_unix(&self.anvil).await?;
        Ok(())
    }

    /// Makes the next block, two seconds later, of these acts.
    ///
    /// # Errors
    /// When one is reverted that was not expected to be.
    pub async fn play(&mut self, acts: &[Transaction]) -> Result<Mined, RehearsalError> {
        self.play_at(self.now + BLOCK_SECONDS, acts).await
    }

    /// Makes the next block, at a time, of these acts.
    ///
    /// # Errors
    /// When the time is not after the newest block's, or one is reverted that was not expected to be.
    pub async fn play_at(&mut self, unix: u64, acts: &[Transaction]) -> Result<Mined, RehearsalError> {
        for act in acts {
            self.anvil.send(act.from, Some(act.to), &act.data).await?;
        }
        let expected: Vec<_> = acts.iter().map(|act| (act.what, act.may_revert)).collect();
        self.mine(unix, &expected).await
    }

    /// Mines, and holds the block against what was sent.
    async fn mine(&mut self, unix: u64, sent: &[(&'static str, bool)]) -> Result<Mined, RehearsalError> {
        self.anvil.mine_at(unix).await?;
        self.now = unix;
        let number = self.anvil.block_number().await?;
        let receipts: Vec<TransactionReceipt> =
            self.anvil.ask("eth_getBlockReceipts", json!([U256::from(number)])).await?;
        if receipts.len() != sent.len() {
            return Err(RehearsalError::LeftOut { block: number, sent: sent.len(), found: receipts.len() });
        }
        let reverted =
            receipts.iter().zip(sent).find(|(receipt, (_, may_revert))| !receipt.status() && !may_revert);
        match reverted {
            Some((_, (what, _))) => Err(RehearsalError::Reverted { what: (*what).to_owned(), block: number }),
            None => Ok(Mined { number, unix, receipts }),
        }
    }

    /// The liquidity that a mint would get if it were the next block's first act.
    ///
    /// # Errors
    /// When it would be reverted.
    pub async fn preview_mint(&self, mint: &Transaction) -> Result<u128, RehearsalError> {
        let call = json!({ "from": mint.from, "to": mint.to, "data": mint.data });
        let answer: Bytes = self.anvil.ask("eth_call", json!([call, "latest"])).await?;
        let decoded = abi::Manager::mintCall::abi_decode_returns(&answer);
        decoded.map(|minted| minted.liquidity).map_err(|error| RehearsalError::Answer {
            method: "eth_call of a mint".to_owned(),
            reason: error.to_string(),
        })
    }

    /// The tick that a pool stands at.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn tick(&self, pool: &Pool) -> Result<Tick, RehearsalError> {
        let slot0 = self.read(pool.address, &abi::Pool::slot0Call {}).await?;
        Ok(Tick(slot0.tick.as_i32()))
    }

    /// Any answer of any contract at the newest block.
    ///
    /// # Errors
    /// When the contract reverts or its answer does not decode.
    pub async fn read<C: SolCall>(&self, contract: Address, call: &C) -> Result<C::Return, RehearsalError> {
        let answer = self.anvil.call(contract, call.abi_encode().into()).await?;
        C::abi_decode_returns(&answer).map_err(|error| RehearsalError::Answer {
            method: format!("{} of {contract}", C::SIGNATURE),
            reason: error.to_string(),
        })
    }
}

/// The account of a name, the same in every rehearsal.
pub fn account(name: &str) -> Address {
    Address::from_word(keccak256(format!("accrual rehearsal: {name}")))
}

/// A range of ticks.
pub fn range(lower: i32, upper: i32) -> TickRange {
    TickRange { lower: Tick(lower), upper: Tick(upper) }
}

/// Whole rUSD in smallest units.
pub fn usd(whole: u64) -> u128 {
    u128::from(whole) * 1_000_000
}

/// Whole rTKN in smallest units.
pub fn tkn(whole: u64) -> u128 {
    u128::from(whole) * 1_000_000_000_000_000_000
}

fn with_arguments(code: &Bytes, arguments: &impl SolCall) -> Bytes {
    // A constructor's arguments are a call's without the selector.
    [code.as_ref(), &arguments.abi_encode()[4..]].concat().into()
}

fn ratio(tick: Tick) -> Result<U160, RehearsalError> {
    let SqrtPriceX96(price) = sqrt_ratio(tick).ok_or_else(|| insane(format!("there is no tick {tick}")))?;
    Ok(price.to())
}

fn tick24(Tick(tick): Tick) -> I24 {
    I24::try_from(tick).expect("a tick fits 24 bits")
}

fn insane(reason: String) -> RehearsalError {
    RehearsalError::Insane { reason }
}

async fn newest_block_unix(anvil: &Anvil) -> Result<u64, RehearsalError> {
    let block: serde_json::Value = anvil.ask("eth_getBlockByNumber", json!(["latest", false])).await?;
    let unix: Result<U256, _> = serde_json::from_value(block["timestamp"].clone());
    unix.map(|unix| unix.saturating_to()).map_err(|error| RehearsalError::Answer {
        method: "eth_getBlockByNumber".to_owned(),
        reason: error.to_string(),
    })
}

/// A pool position's key in the pool's storage.
pub(crate) fn position_key(owner: Address, range: TickRange) -> B256 {
    let ends = [tick24(range.lower), tick24(range.upper)].map(|tick| tick.to_be_bytes::<3>());
    keccak256([owner.as_slice(), &ends[0], &ends[1]].concat())
}
