// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

/// Answers of one price, as Chainlink's aggregators emit them; anybody may answer.
contract Aggregator {
    uint8 public immutable decimals;
    int256 public answer;
    uint256 public round;
    uint256 public updatedAt;

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function report(int256 answer_) external {
        (answer, round, updatedAt) = (answer_, round + 1, block.timestamp);
        emit AnswerUpdated(answer_, round, block.timestamp);
    }
}

/// What people ask for a price: a proxy that never emits anything, before aggregators that come and go.
contract Feed {
    string public description;
    uint16 public phaseId;
    mapping(uint16 => Aggregator) public phaseAggregators;

    constructor(string memory description_, Aggregator first) {
        description = description_;
        follow(first);
    }

    function follow(Aggregator next) public {
        phaseId += 1;
        phaseAggregators[phaseId] = next;
    }

    function aggregator() public view returns (Aggregator) {
        return phaseAggregators[phaseId];
    }

    function decimals() external view returns (uint8) {
        return aggregator().decimals();
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        Aggregator current = aggregator();
        uint80 round = uint80((uint256(phaseId) << 64) | current.round());
        return (round, current.answer(), current.updatedAt(), current.updatedAt(), round);
    }
}
