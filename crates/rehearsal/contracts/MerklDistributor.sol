// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

interface Money {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Pays by Merkle proofs as Merkl's Distributor does: the same leaves and nodes, dispute windows, views and events. Ours;
/// its keeper is everybody whom Merkl would ask: who updates, who decides disputes, and who may claim for others.
contract MerklDistributor {
    struct MerkleTree {
        bytes32 merkleRoot;
        bytes32 ipfsHash;
    }

    struct Paid {
        uint208 amount;
        uint48 timestamp;
        bytes32 merkleRoot;
    }

    address public immutable keeper = msg.sender;
    MerkleTree public tree;
    MerkleTree public lastTree;
    uint48 public endOfDisputePeriod;
    uint48 public disputePeriod = 1;
    uint48 private epochSeconds = 3600;
    address public disputer;
    mapping(address => mapping(address => Paid)) public claimed;

    event TreeUpdated(bytes32 merkleRoot, bytes32 ipfsHash, uint48 endOfDisputePeriod);
    event Disputed(string reason);
    event DisputeResolved(bool valid);
    event Revoked();
    event DisputePeriodUpdated(uint48 _disputePeriod);
    event EpochDurationUpdated(uint32 newEpochDuration);
    event Claimed(address indexed user, address indexed token, uint256 amount);

    error NotTrusted();
    error InvalidProof();
    error WrongMoment();

    modifier kept() {
        if (msg.sender != keeper) revert NotTrusted();
        _;
    }

    function getMerkleRoot() public view returns (bytes32) {
        bool settled = disputer == address(0) && block.timestamp >= endOfDisputePeriod;
        return settled ? tree.merkleRoot : lastTree.merkleRoot;
    }

    function updateTree(MerkleTree calldata next) external kept {
        if (disputer != address(0)) revert WrongMoment();
        lastTree = tree;
        tree = next;
        endOfDisputePeriod = windowFromNow();
        emit TreeUpdated(next.merkleRoot, next.ipfsHash, endOfDisputePeriod);
    }

    function disputeTree(string calldata reason) external {
        if (disputer != address(0) || block.timestamp >= endOfDisputePeriod) revert WrongMoment();
        disputer = msg.sender;
        emit Disputed(reason);
    }

    function resolveDispute(bool valid) external kept {
        if (disputer == address(0)) revert WrongMoment();
        if (valid) takeBack();
        else endOfDisputePeriod = windowFromNow();
        disputer = address(0);
        emit DisputeResolved(valid);
    }

    function revokeTree() external kept {
        if (disputer != address(0)) revert WrongMoment();
        takeBack();
    }

    function setDisputePeriod(uint48 epochs) external kept {
        disputePeriod = epochs;
        emit DisputePeriodUpdated(epochs);
    }

    function setEpochDuration(uint32 newSeconds) external kept {
        epochSeconds = newSeconds;
        emit EpochDurationUpdated(newSeconds);
    }

    function claim(
        address[] calldata users,
        address[] calldata tokens,
        uint256[] calldata amounts,
        bytes32[][] calldata proofs
    ) external {
        for (uint256 i = 0; i < users.length; i++) pay(users[i], tokens[i], amounts[i], proofs[i]);
    }

    /// What was paid before is part of the amount; less than that cannot be claimed.
    function pay(address user, address token, uint256 amount, bytes32[] calldata proof) private {
        if (msg.sender != user && msg.sender != keeper) revert NotTrusted();
        bytes32 hash = keccak256(abi.encode(user, token, amount));
        for (uint256 i = 0; i < proof.length; i++) {
            (bytes32 low, bytes32 high) = hash < proof[i] ? (hash, proof[i]) : (proof[i], hash);
            hash = keccak256(abi.encodePacked(low, high));
        }
        bytes32 root = getMerkleRoot();
        if (root == bytes32(0) || hash != root) revert InvalidProof();
        uint256 due = amount - claimed[user][token].amount;
        claimed[user][token] = Paid(uint208(amount), uint48(block.timestamp), root);
        emit Claimed(user, token, due);
        if (due > 0) require(Money(token).transfer(user, due));
    }

    function takeBack() private {
        tree = lastTree;
        endOfDisputePeriod = 0;
        emit Revoked();
        uint48 begun = (uint48(block.timestamp) / epochSeconds) * epochSeconds;
        emit TreeUpdated(tree.merkleRoot, tree.ipfsHash, begun);
    }

    /// The next full epoch, and the period after it.
    function windowFromNow() private view returns (uint48) {
        uint48 epoch = (uint48(block.timestamp) + epochSeconds - 1) / epochSeconds;
        return (epoch + disputePeriod) * epochSeconds;
    }
}
