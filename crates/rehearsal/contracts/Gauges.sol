// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IERC20, Shares} from "./Shares.sol";

/// Takes shares of a pool and counts them by person; no token itself. Ours, with the events of Aerodrome's gauges.
contract Gauge {
    address public immutable stakingToken;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    event Deposit(address indexed from, address indexed to, uint256 amount);
    event Withdraw(address indexed from, uint256 amount);

    constructor(address stakingToken_) {
        stakingToken = stakingToken_;
    }

    function deposit(uint256 amount, address to) external {
        IERC20(stakingToken).transferFrom(msg.sender, address(this), amount);
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Deposit(msg.sender, to, amount);
    }

    function withdraw(uint256 amount) external {
        totalSupply -= amount;
        balanceOf[msg.sender] -= amount;
        IERC20(stakingToken).transfer(msg.sender, amount);
        emit Withdraw(msg.sender, amount);
    }
}

/// Takes shares of a pool and gives a token for them. Ours, with the events of Balancer's gauges on side chains.
contract ChildGauge is Shares {
    address public immutable lp_token;

    event Deposit(address indexed user, uint256 value);
    event Withdraw(address indexed user, uint256 value);
    event UpdateLiquidityLimit(
        address indexed user,
        uint256 originalBalance,
        uint256 originalSupply,
        uint256 workingBalance,
        uint256 workingSupply
    );

    constructor(string memory name_, string memory symbol_, address token) Shares(name_, symbol_) {
        lp_token = token;
    }

    function deposit(uint256 value, address user) external {
        limit(user, balanceOf[user] + value, totalSupply + value);
        IERC20(lp_token).transferFrom(msg.sender, address(this), value);
        emit Deposit(user, value);
        issue(user, value);
    }

    function withdraw(uint256 value) external {
        limit(msg.sender, balanceOf[msg.sender] - value, totalSupply - value);
        IERC20(lp_token).transfer(msg.sender, value);
        emit Withdraw(msg.sender, value);
        redeem(msg.sender, value);
    }

    function limit(address user, uint256 balance, uint256 supply) private {
        emit UpdateLiquidityLimit(user, balance, supply, balance, supply);
    }
}

/// What a gauge of NFTs asks of a position manager.
interface IManager {
    struct CollectParams {
        uint256 tokenId;
        address recipient;
        uint128 amount0Max;
        uint128 amount1Max;
    }

    function ownerOf(uint256 id) external view returns (address);
    function positions(uint256 id)
        external
        view
        returns (
            uint96 nonce,
            address operator,
            address token0,
            address token1,
            uint24 fee,
            int24 lower,
            int24 upper,
            uint128 liquidity,
            uint256 inside0,
            uint256 inside1,
            uint128 owed0,
            uint128 owed1
        );
    function collect(CollectParams calldata params) external returns (uint256, uint256);
    function transferFrom(address from, address to, uint256 id) external;
}

/// Takes positions' NFTs and says for whom. Ours, with the events of Slipstream's gauges in their order. Uniswap's pool
/// stands in for Slipstream's, so a stake does not move the pool's position from the manager to the gauge.
contract NftGauge {
    address public immutable pool;
    IManager public immutable nft;
    mapping(uint256 => address) public depositorOf;

    event Deposit(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
    event Withdraw(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);

    constructor(address pool_, IManager nft_) {
        (pool, nft) = (pool_, nft_);
    }

    function deposit(uint256 id) external {
        require(nft.ownerOf(id) == msg.sender, "not the owner");
        collect(id);
        nft.transferFrom(msg.sender, address(this), id);
        depositorOf[id] = msg.sender;
        emit Deposit(msg.sender, id, liquidityOf(id));
    }

    function withdraw(uint256 id) external {
        require(depositorOf[id] == msg.sender, "not the depositor");
        collect(id);
        delete depositorOf[id];
        nft.transferFrom(address(this), msg.sender, id);
        emit Withdraw(msg.sender, id, liquidityOf(id));
    }

    function collect(uint256 id) private {
        nft.collect(IManager.CollectParams(id, msg.sender, type(uint128).max, type(uint128).max));
    }

    function liquidityOf(uint256 id) private view returns (uint128 liquidity) {
        (,,,,,,, liquidity,,,,) = nft.positions(id);
    }
}
