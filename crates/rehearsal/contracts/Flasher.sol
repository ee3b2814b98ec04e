// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IPool, Payer} from "./Pool.sol";

/// Borrows from a pool within one transaction, and may pay more than the fee.
contract Flasher is Payer {
    function flash(IPool pool, uint256 amount0, uint256 amount1, uint256 tip0, uint256 tip1) external {
        pool.flash(address(this), amount0, amount1, abi.encode(amount0 + tip0, amount1 + tip1));
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        (uint256 back0, uint256 back1) = abi.decode(data, (uint256, uint256));
        pay(back0 + fee0, back1 + fee1);
    }
}
