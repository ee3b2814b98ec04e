//! What is deployed, and the words to talk to it.

use std::collections::BTreeMap;

use alloy::primitives::Bytes;

use crate::error::RehearsalError;
use crate::npm::{Npm, read_json};

/// The calls and events that the rehearsal uses.
#[allow(missing_docs, reason = "the contracts' own names")]
pub mod abi {
    alloy::sol! {
        interface Token {
            event Transfer(address indexed from, address indexed to, uint256 value);
            event Approval(address indexed owner, address indexed spender, uint256 value);
            function constructorArguments(string name, string symbol, uint8 decimals);
            function name() returns (string);
            function symbol() returns (string);
            function decimals() returns (uint8);
            function totalSupply() returns (uint256);
            function balanceOf(address account) returns (uint256);
            function mint(address to, uint256 value);
            function approve(address spender, uint256 value) returns (bool);
            function transfer(address to, uint256 value) returns (bool);
        }

        interface Factory {
            event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool);
            event FeeAmountEnabled(uint24 indexed fee, int24 indexed tickSpacing);
            function owner() returns (address);
            function feeAmountTickSpacing(uint24 fee) returns (int24);
            function createPool(address tokenA, address tokenB, uint24 fee) returns (address);
            function getPool(address tokenA, address tokenB, uint24 fee) returns (address);
        }

        interface Pool {
            event Initialize(uint160 sqrtPriceX96, int24 tick);
            event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
            event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
            event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick);
            event Collect(address indexed owner, address recipient, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount0, uint128 amount1);
            event Flash(address indexed sender, address indexed recipient, uint256 amount0, uint256 amount1, uint256 paid0, uint256 paid1);
            event SetFeeProtocol(uint8 feeProtocol0Old, uint8 feeProtocol1Old, uint8 feeProtocol0New, uint8 feeProtocol1New);
            event CollectProtocol(address indexed sender, address indexed recipient, uint128 amount0, uint128 amount1);
            event IncreaseObservationCardinalityNext(uint16 observationCardinalityNextOld, uint16 observationCardinalityNextNew);
            function factory() returns (address);
            function token0() returns (address);
            function token1() returns (address);
            function fee() returns (uint24);
            function tickSpacing() returns (int24);
            function maxLiquidityPerTick() returns (uint128);
            function slot0() returns (uint160 sqrtPriceX96, int24 tick, uint16 observationIndex, uint16 observationCardinality, uint16 observationCardinalityNext, uint8 feeProtocol, bool unlocked);
            function liquidity() returns (uint128);
            function feeGrowthGlobal0X128() returns (uint256);
            function feeGrowthGlobal1X128() returns (uint256);
            function protocolFees() returns (uint128 token0, uint128 token1);
            function ticks(int24 tick) returns (uint128 liquidityGross, int128 liquidityNet, uint256 feeGrowthOutside0X128, uint256 feeGrowthOutside1X128, int56 tickCumulativeOutside, uint160 secondsPerLiquidityOutsideX128, uint32 secondsOutside, bool initialized);
            function tickBitmap(int16 word) returns (uint256);
            function positions(bytes32 key) returns (uint128 liquidity, uint256 feeGrowthInside0LastX128, uint256 feeGrowthInside1LastX128, uint128 tokensOwed0, uint128 tokensOwed1);
            function initialize(uint160 sqrtPriceX96);
            function setFeeProtocol(uint8 feeProtocol0, uint8 feeProtocol1);
            function collectProtocol(address recipient, uint128 amount0Requested, uint128 amount1Requested);
            function increaseObservationCardinalityNext(uint16 observationCardinalityNext);
        }

        interface Manager {
            event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
            event IncreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
            event DecreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
            event Collect(uint256 indexed tokenId, address recipient, uint256 amount0, uint256 amount1);
            struct MintParams { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }
            struct IncreaseParams { uint256 tokenId; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }
            struct DecreaseParams { uint256 tokenId; uint128 liquidity; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }
            struct CollectParams { uint256 tokenId; address recipient; uint128 amount0Max; uint128 amount1Max; }
            function constructorArguments(address factory, address weth9, address descriptor);
            function mint(MintParams params) returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
            function increaseLiquidity(IncreaseParams params);
            function decreaseLiquidity(DecreaseParams params);
            function collect(CollectParams params);
            function burn(uint256 tokenId);
            function multicall(bytes[] data);
            function transferFrom(address from, address to, uint256 tokenId);
            function factory() returns (address);
            function WETH9() returns (address);
            function name() returns (string);
            function symbol() returns (string);
            function totalSupply() returns (uint256);
            function balanceOf(address owner) returns (uint256);
            function ownerOf(uint256 tokenId) returns (address);
            function positions(uint256 tokenId) returns (uint96 nonce, address operator, address token0, address token1, uint24 fee, int24 tickLower, int24 tickUpper, uint128 liquidity, uint256 feeGrowthInside0LastX128, uint256 feeGrowthInside1LastX128, uint128 tokensOwed0, uint128 tokensOwed1);
        }

        interface Holder {
            function mint(address pool, address owner, int24 lower, int24 upper, uint128 liquidity);
            function burn(address pool, int24 lower, int24 upper, uint128 liquidity);
            function collect(address pool, int24 lower, int24 upper);
            function passThrough(address pool, int24 lower, int24 upper, uint128 liquidity);
        }

        interface MerklCreator {
            struct Campaign { bytes32 campaignId; address creator; address rewardToken; uint256 amount; uint32 campaignType; uint32 startTimestamp; uint32 duration; bytes campaignData; }
            event NewCampaign(Campaign campaign);
            event CampaignOverride(bytes32 campaignId, Campaign campaign);
            function constructorArguments();
            function createCampaign(Campaign campaign) returns (bytes32);
            function overrideCampaign(bytes32 campaignId, Campaign campaign);
        }

        interface MerklDistributor {
            struct MerkleTree { bytes32 merkleRoot; bytes32 ipfsHash; }
            event Claimed(address indexed user, address indexed token, uint256 amount);
            function constructorArguments();
            function updateTree(MerkleTree next);
            function disputeTree(string reason);
            function resolveDispute(bool valid);
            function revokeTree();
            function setDisputePeriod(uint48 epochs);
            function setEpochDuration(uint32 newSeconds);
            function claim(address[] users, address[] tokens, uint256[] amounts, bytes32[][] proofs);
            function getMerkleRoot() returns (bytes32);
            function endOfDisputePeriod() returns (uint48);
            function claimed(address user, address token) returns (uint208 amount, uint48 timestamp, bytes32 merkleRoot);
        }

        interface Swapper {
            function swap(address pool, address to, bool zeroForOne, int256 amount, uint160 priceLimit);
        }

        interface Flasher {
            function flash(address pool, uint256 amount0, uint256 amount1, uint256 tip0, uint256 tip1);
        }

        interface Authorizer {
            function constructorArguments(address admin);
        }

        interface Vault {
            event PoolRegistered(bytes32 indexed poolId, address indexed poolAddress, uint8 specialization);
            event PoolBalanceChanged(bytes32 indexed poolId, address indexed liquidityProvider, address[] tokens, int256[] deltas, uint256[] protocolFeeAmounts);
            event Swap(bytes32 indexed poolId, address indexed tokenIn, address indexed tokenOut, uint256 amountIn, uint256 amountOut);
            struct Request { address[] assets; uint256[] limits; bytes userData; bool internalBalance; }
            struct SingleSwap { bytes32 poolId; uint8 kind; address assetIn; address assetOut; uint256 amount; bytes userData; }
            struct Funds { address sender; bool fromInternalBalance; address recipient; bool toInternalBalance; }
            function constructorArguments(address authorizer, address weth, uint256 pauseWindowDuration, uint256 bufferPeriodDuration);
            function joinPool(bytes32 poolId, address sender, address recipient, Request request);
            function exitPool(bytes32 poolId, address sender, address recipient, Request request);
            function swap(SingleSwap singleSwap, Funds funds, uint256 limit, uint256 deadline) returns (uint256);
            function getPool(bytes32 poolId) returns (address pool, uint8 specialization);
            function getPoolTokens(bytes32 poolId) returns (address[] tokens, uint256[] balances, uint256 lastChangeBlock);
        }

        interface FeeProvider {
            function constructorArguments(address vault, uint256 maxYieldValue, uint256 maxAUMValue);
        }

        interface WeightedFactory {
            event PoolCreated(address indexed pool);
            function constructorArguments(address vault, address provider, string factoryVersion, string poolVersion);
            function create(string name, string symbol, address[] tokens, uint256[] weights, address[] rateProviders, uint256 swapFeePercentage, address owner) returns (address);
        }

        interface Weighted {
            event SwapFeePercentageChanged(uint256 swapFeePercentage);
            function getPoolId() returns (bytes32);
            function getVault() returns (address);
            function getNormalizedWeights() returns (uint256[]);
            function getSwapFeePercentage() returns (uint256);
            function setSwapFeePercentage(uint256 swapFeePercentage);
        }

        interface Pair {
            event Sync(uint256 reserve0, uint256 reserve1);
            event Fees(address indexed sender, uint256 amount0, uint256 amount1);
            event Mint(address indexed sender, uint256 amount0, uint256 amount1);
            event Burn(address indexed sender, address indexed to, uint256 amount0, uint256 amount1);
            event Swap(address indexed sender, address indexed to, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out);
            function constructorArguments(string name, string symbol, address token0, address token1);
            function stable() returns (bool);
            function getReserves() returns (uint256 reserve0, uint256 reserve1, uint256 at);
            function skim(address to);
            function sync();
        }

        interface PairDealer {
            function add(address pair, uint256 amount0, uint256 amount1, address to);
            function remove(address pair, uint256 shares, address to);
            function swap(address pair, bool zeroForOne, uint256 amountIn, address to);
        }

        interface Gauge {
            event Deposit(address indexed from, address indexed to, uint256 amount);
            event Withdraw(address indexed from, uint256 amount);
            function constructorArguments(address stakingToken);
            function stakingToken() returns (address);
            function deposit(uint256 amount, address to);
            function withdraw(uint256 amount);
        }

        interface ChildGauge {
            function constructorArguments(string name, string symbol, address token);
            function lp_token() returns (address);
        }

        interface NftGauge {
            event Deposit(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
            event Withdraw(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
            function constructorArguments(address pool, address nft);
            function pool() returns (address);
            function nft() returns (address);
            function depositorOf(uint256 id) returns (address);
            function deposit(uint256 id);
            function withdraw(uint256 id);
            function setApprovalForAll(address operator, bool approved);
        }

        interface ShareVault {
            function constructorArguments(string name, string symbol, address asset);
            function deposit(uint256 assets, address to);
            function withdraw(uint256 shares, address to);
        }

        interface RangeVault {
            function constructorArguments(string name, string symbol, address pool, int24 lower, int24 upper);
            function liquidity() returns (uint128);
            function deposit(uint128 added, address to);
            function withdraw(uint256 shares, address to);
            function rebalance(int24 lower, int24 upper);
        }

        interface Aggregator {
            event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
            function constructorArguments(uint8 decimals);
            function report(int256 answer);
        }

        interface Feed {
            function constructorArguments(string description, address first);
            function description() returns (string);
            function decimals() returns (uint8);
            function aggregator() returns (address);
            function phaseId() returns (uint16);
            function phaseAggregators(uint16 phase) returns (address);
            function latestRoundData() returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
            function follow(address next);
        }
    }
}

/// Creation code by contract.
#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) factory: Bytes,
    pub(crate) manager: Bytes,
    /// Balancer's Authorizer, Vault, fee provider and factory of weighted pools.
    pub(crate) balancer: [Bytes; 4],
    own: BTreeMap<String, Bytes>,
}

impl Creation {
    /// Uniswap's as published, and ours as compiled now.
    pub(crate) fn load(npm: &Npm) -> Result<Self, RehearsalError> {
        let unusable = |error: serde_json::Error| RehearsalError::Compile { reason: error.to_string() };
        let manager = "@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json";
        let balancer = |artifact: &str| {
            published(npm, &format!("@balancer-labs/v2-deployments/dist/tasks/{artifact}.json"))
        };
        Ok(Self {
            factory: published(
                npm,
                "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
            )?,
            manager: published(npm, manager)?,
            balancer: [
                balancer("20210418-authorizer/artifact/Authorizer")?,
                balancer("20210418-vault/artifact/Vault")?,
                balancer(
                    "20220725-protocol-fee-percentages-provider/artifact/ProtocolFeePercentagesProvider",
                )?,
                balancer("20230206-weighted-pool-v3/artifact/WeightedPoolFactory")?,
            ],
            own: serde_json::from_str(&npm.run_script("compile.mjs")?).map_err(unusable)?,
        })
    }

    /// One of `contracts/*.sol`.
    pub(crate) fn own(&self, name: &str) -> Result<&Bytes, RehearsalError> {
        let missing = || RehearsalError::Compile { reason: format!("there is no contract {name}") };
        self.own.get(name).ok_or_else(missing)
    }
}

fn published(npm: &Npm, artifact: &str) -> Result<Bytes, RehearsalError> {
    let path = npm.path(artifact);
    let mut json = read_json(&path)?;
    serde_json::from_value(json["bytecode"].take())
        .map_err(|error| RehearsalError::Package { path, reason: error.to_string() })
}
