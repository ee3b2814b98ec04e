// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

/// What the rehearsal's contracts ask of a token.
interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

/// What the rehearsal's contracts ask of a Uniswap v3 pool.
interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function mint(address owner, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256 amount0, uint256 amount1);
    function burn(int24 lower, int24 upper, uint128 liquidity) external returns (uint256 amount0, uint256 amount1);
    function collect(address to, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128 collected0, uint128 collected1);
    function swap(address to, bool zeroForOne, int256 amount, uint160 priceLimit, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);
    function flash(address to, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// Pays a pool, the caller, out of this contract's own balance. The rehearsal's pools are the only callers.
abstract contract Payer {
    function pay(uint256 amount0, uint256 amount1) internal {
        if (amount0 > 0) IToken(IPool(msg.sender).token0()).transfer(msg.sender, amount0);
        if (amount1 > 0) IToken(IPool(msg.sender).token1()).transfer(msg.sender, amount1);
    }
}
