// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IPool, Payer} from "./Pool.sol";

/// Swaps straight in a pool, up to a price, and pays out of its own balance.
contract Swapper is Payer {
    function swap(IPool pool, address to, bool zeroForOne, int256 amount, uint160 priceLimit) external {
        pool.swap(to, zeroForOne, amount, priceLimit, "");
    }

    function uniswapV3SwapCallback(int256 owed0, int256 owed1, bytes calldata) external {
        pay(owed0 > 0 ? uint256(owed0) : 0, owed1 > 0 ? uint256(owed1) : 0);
    }
}
