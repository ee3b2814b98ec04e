// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.36;

/// Announces campaigns as Merkl's DistributionCreator does: the same ids, the same events. Ours; it holds no money.
contract MerklCreator {
    struct Campaign {
        bytes32 campaignId;
        address creator;
        address rewardToken;
        uint256 amount;
        uint32 campaignType;
        uint32 startTimestamp;
        uint32 duration;
        bytes campaignData;
    }

    uint256 public constant defaultFees = 30_000_000;
    mapping(uint32 => uint256) public campaignSpecificFees;

    event NewCampaign(Campaign campaign);
    event CampaignOverride(bytes32 campaignId, Campaign campaign);

    /// The amount is what the creator pays; what is announced is net of the fee.
    function createCampaign(Campaign memory campaign) external returns (bytes32) {
        if (campaign.creator == address(0)) campaign.creator = msg.sender;
        campaign.campaignId = idOf(campaign);
        campaign.amount = (campaign.amount * (1e9 - defaultFees)) / 1e9;
        emit NewCampaign(campaign);
        return campaign.campaignId;
    }

    function overrideCampaign(bytes32 campaignId, Campaign memory campaign) external {
        campaign.campaignId = campaignId;
        emit CampaignOverride(campaignId, campaign);
    }

    function idOf(Campaign memory campaign) public view returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                block.chainid,
                campaign.creator,
                campaign.rewardToken,
                campaign.campaignType,
                campaign.startTimestamp,
                campaign.duration,
                campaign.campaignData
            )
        );
    }
}
