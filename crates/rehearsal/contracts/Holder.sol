// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IPool, Payer} from "./Pool.sol";

/// Holds positions straight in a pool, without an NFT, and gives liquidity to others.
contract Holder is Payer {
    /// Adds liquidity for any owner: this contract, a person, or a position manager that knows nothing of it.
    function mint(IPool pool, address owner, int24 lower, int24 upper, uint128 liquidity) external {
        pool.mint(owner, lower, upper, liquidity, "");
    }

    /// Takes liquidity of this contract's own position; none at all is a poke of its fees.
    function burn(IPool pool, int24 lower, int24 upper, uint128 liquidity) external {
        pool.burn(lower, upper, liquidity);
    }

    function collect(IPool pool, int24 lower, int24 upper) external {
        pool.collect(address(this), lower, upper, type(uint128).max, type(uint128).max);
    }

    /// Liquidity that lives within one transaction.
    function passThrough(IPool pool, int24 lower, int24 upper, uint128 liquidity) external {
        pool.mint(address(this), lower, upper, liquidity, "");
        pool.burn(lower, upper, liquidity);
        pool.collect(address(this), lower, upper, type(uint128).max, type(uint128).max);
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        pay(owed0, owed1);
    }
}
