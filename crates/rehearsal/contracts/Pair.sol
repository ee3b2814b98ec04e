// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

import {IERC20, Shares} from "./Shares.sol";

/// Keeps what a pair sets aside as fees.
contract FeeKeeper {}

/// A volatile pool of two tokens. Ours, after what is known of Aerodrome's: the same events in the same order, fees
/// that leave the reserves, and first shares that nobody can take out. It does not know who earned which fee.
contract Pair is Shares {
    address public immutable token0;
    address public immutable token1;
    bool public constant stable = false;
    uint256 public reserve0;
    uint256 public reserve1;
    FeeKeeper public immutable poolFees = new FeeKeeper();

    uint256 private constant FEE_PARTS_OF_10000 = 30;
    uint256 private constant LOCKED_SHARES = 1000;

    event Fees(address indexed sender, uint256 amount0, uint256 amount1);
    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    event Burn(address indexed sender, address indexed to, uint256 amount0, uint256 amount1);
    event Swap(
        address indexed sender,
        address indexed to,
        uint256 amount0In,
        uint256 amount1In,
        uint256 amount0Out,
        uint256 amount1Out
    );
    event Sync(uint256 reserve0, uint256 reserve1);

    constructor(string memory name_, string memory symbol_, address token0_, address token1_) Shares(name_, symbol_) {
        require(token0_ < token1_, "order");
        (token0, token1) = (token0_, token1_);
    }

    function getReserves() external view returns (uint256, uint256, uint256) {
        return (reserve0, reserve1, block.timestamp);
    }

    function mint(address to) external returns (uint256 shares) {
        (uint256 balance0, uint256 balance1) = balances();
        (uint256 added0, uint256 added1) = (balance0 - reserve0, balance1 - reserve1);
        if (totalSupply == 0) {
            shares = root(added0 * added1) - LOCKED_SHARES;
            issue(address(1), LOCKED_SHARES);
        } else {
            shares = smaller(added0 * totalSupply / reserve0, added1 * totalSupply / reserve1);
        }
        require(shares > 0, "nothing added");
        issue(to, shares);
        settle(balance0, balance1);
        emit Mint(msg.sender, added0, added1);
    }

    function burn(address to) external returns (uint256 amount0, uint256 amount1) {
        (uint256 balance0, uint256 balance1) = balances();
        uint256 shares = balanceOf[address(this)];
        (amount0, amount1) = (shares * balance0 / totalSupply, shares * balance1 / totalSupply);
        require(amount0 > 0 && amount1 > 0, "nothing taken");
        redeem(address(this), shares);
        IERC20(token0).transfer(to, amount0);
        IERC20(token1).transfer(to, amount1);
        (balance0, balance1) = balances();
        settle(balance0, balance1);
        emit Burn(msg.sender, to, amount0, amount1);
    }

    function swap(uint256 out0, uint256 out1, address to) external {
        require(out0 + out1 > 0 && out0 < reserve0 && out1 < reserve1, "amounts out");
        if (out0 > 0) IERC20(token0).transfer(to, out0);
        if (out1 > 0) IERC20(token1).transfer(to, out1);
        (uint256 balance0, uint256 balance1) = balances();
        uint256 in0 = paidIn(balance0, reserve0 - out0);
        uint256 in1 = paidIn(balance1, reserve1 - out1);
        require(in0 + in1 > 0, "nothing in");
        if (in0 > 0) setAside(token0, in0 * FEE_PARTS_OF_10000 / 10000, 0);
        if (in1 > 0) setAside(token1, 0, in1 * FEE_PARTS_OF_10000 / 10000);
        (balance0, balance1) = balances();
        require(balance0 * balance1 >= reserve0 * reserve1, "k");
        settle(balance0, balance1);
        emit Swap(msg.sender, to, in0, in1, out0, out1);
    }

    /// Gives away what was sent without a trade.
    function skim(address to) external {
        (uint256 balance0, uint256 balance1) = balances();
        IERC20(token0).transfer(to, balance0 - reserve0);
        IERC20(token1).transfer(to, balance1 - reserve1);
    }

    /// Takes what was sent without a trade as the pool's own.
    function sync() external {
        (uint256 balance0, uint256 balance1) = balances();
        settle(balance0, balance1);
    }

    /// What comes out for so much in, after the fee.
    function getAmountOut(uint256 amountIn, address tokenIn) external view returns (uint256) {
        uint256 net = amountIn - amountIn * FEE_PARTS_OF_10000 / 10000;
        (uint256 here, uint256 there) = tokenIn == token0 ? (reserve0, reserve1) : (reserve1, reserve0);
        return net * there / (here + net);
    }

    function setAside(address token, uint256 fee0, uint256 fee1) private {
        if (fee0 + fee1 == 0) return;
        IERC20(token).transfer(address(poolFees), fee0 + fee1);
        emit Fees(msg.sender, fee0, fee1);
    }

    function settle(uint256 balance0, uint256 balance1) private {
        (reserve0, reserve1) = (balance0, balance1);
        emit Sync(balance0, balance1);
    }

    function balances() private view returns (uint256, uint256) {
        return (IERC20(token0).balanceOf(address(this)), IERC20(token1).balanceOf(address(this)));
    }

    function paidIn(uint256 balance, uint256 left) private pure returns (uint256) {
        return balance > left ? balance - left : 0;
    }

    function smaller(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// The integer square root, by Newton's steps from above.
    function root(uint256 square) private pure returns (uint256 found) {
        if (square == 0) return 0;
        found = square;
        uint256 next = square / 2 + 1;
        while (next < found) (found, next) = (next, (square / next + next) / 2);
    }
}
