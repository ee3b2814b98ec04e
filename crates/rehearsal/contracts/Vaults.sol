// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IERC20, Shares} from "./Shares.sol";
import {IPool, Payer} from "./Pool.sol";

/// Holds shares of a pool for the holders of its own token, pro rata.
contract ShareVault is Shares {
    address public immutable asset;

    constructor(string memory name_, string memory symbol_, address asset_) Shares(name_, symbol_) {
        asset = asset_;
    }

    function deposit(uint256 assets, address to) external {
        uint256 held = IERC20(asset).balanceOf(address(this));
        IERC20(asset).transferFrom(msg.sender, address(this), assets);
        issue(to, totalSupply == 0 ? assets : assets * totalSupply / held);
    }

    function withdraw(uint256 shares, address to) external {
        uint256 assets = shares * IERC20(asset).balanceOf(address(this)) / totalSupply;
        redeem(msg.sender, shares);
        IERC20(asset).transfer(to, assets);
    }
}

/// Holds one position straight in a concentrated pool for the holders of its own token, pro rata.
contract RangeVault is Shares, Payer {
    IPool public immutable pool;
    int24 public lower;
    int24 public upper;
    uint128 public liquidity;

    constructor(string memory name_, string memory symbol_, IPool pool_, int24 lower_, int24 upper_)
        Shares(name_, symbol_)
    {
        (pool, lower, upper) = (pool_, lower_, upper_);
    }

    function deposit(uint128 added, address to) external {
        issue(to, totalSupply == 0 ? added : uint256(added) * totalSupply / liquidity);
        liquidity += added;
        pool.mint(address(this), lower, upper, added, "");
    }

    function withdraw(uint256 shares, address to) external {
        uint128 taken = uint128(shares * liquidity / totalSupply);
        redeem(msg.sender, shares);
        take(taken, to);
    }

    /// Moves the position to another range, as those who manage such vaults do.
    function rebalance(int24 lower_, int24 upper_) external {
        uint128 moved = liquidity;
        take(moved, address(this));
        (lower, upper, liquidity) = (lower_, upper_, moved);
        pool.mint(address(this), lower, upper, moved, "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        pay(owed0, owed1);
    }

    function take(uint128 taken, address to) private {
        liquidity -= taken;
        pool.burn(lower, upper, taken);
        pool.collect(to, lower, upper, type(uint128).max, type(uint128).max);
    }
}
