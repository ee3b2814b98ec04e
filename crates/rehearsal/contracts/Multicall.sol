// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

/// Asks many contracts at once, with the one function of Multicall3 that is used here. Ours.
contract Multicall {
    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    error Failed(uint256 place);

    function aggregate3(Call3[] calldata calls) external payable returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            (bool success, bytes memory answer) = calls[i].target.call(calls[i].callData);
            if (!success && !calls[i].allowFailure) revert Failed(i);
            results[i] = Result(success, answer);
        }
    }
}
