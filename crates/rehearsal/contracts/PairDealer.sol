// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IERC20} from "./Shares.sol";
import {Pair} from "./Pair.sol";

/// Deals with a pair for anybody, and pays out of its own balance; shares to burn come from their owner.
contract PairDealer {
    function add(Pair pair, uint256 amount0, uint256 amount1, address to) external {
        IERC20(pair.token0()).transfer(address(pair), amount0);
        IERC20(pair.token1()).transfer(address(pair), amount1);
        pair.mint(to);
    }

    function remove(Pair pair, uint256 shares, address to) external {
        pair.transferFrom(msg.sender, address(pair), shares);
        pair.burn(to);
    }

    function swap(Pair pair, bool zeroForOne, uint256 amountIn, address to) external {
        address token = zeroForOne ? pair.token0() : pair.token1();
        uint256 out = pair.getAmountOut(amountIn, token);
        IERC20(token).transfer(address(pair), amountIn);
        pair.swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, to);
    }
}
