//! Campaigns announced on chain, as Merkl announces them.

use alloy::primitives::{Address, Bytes, U256};

use super::{Stage, Transaction};
use crate::contracts::abi;
use crate::error::RehearsalError;

/// What a campaign of the rehearsal promises; its creator is who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The token that is paid.
    pub reward_token: Address,
    /// What the creator pays; 3 % of it is the fee.
    pub gross_units: U256,
    /// Merkl's number for the kind of campaign.
    pub campaign_type: u32,
    /// Unix seconds.
    pub starts_at: u32,
    /// How long.
    pub duration_seconds: u32,
    /// What for.
    pub data: Bytes,
}

impl Stage {
    /// Deploys what announces campaigns.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_creator(&mut self) -> Result<Address, RehearsalError> {
        self.deploy_own("MerklCreator", &abi::MerklCreator::constructorArgumentsCall {}).await
    }

    /// Announces a campaign.
    pub fn announce(&self, creator: Address, from: Address, promise: &Promise) -> Transaction {
        let call = abi::MerklCreator::createCampaignCall { campaign: promise.parameters(from) };
        Transaction::new("a campaign", from, creator, &call)
    }

    /// Announces that a campaign is another one from now on.
    pub fn announce_override(
        &self,
        creator: Address,
        from: Address,
        id: alloy::primitives::B256,
        promise: &Promise,
    ) -> Transaction {
        let call =
            abi::MerklCreator::overrideCampaignCall { campaignId: id, campaign: promise.parameters(from) };
        Transaction::new("an override", from, creator, &call)
    }
}

impl Promise {
    fn parameters(&self, creator: Address) -> abi::MerklCreator::Campaign {
        abi::MerklCreator::Campaign {
            campaignId: Default::default(),
            creator,
            rewardToken: self.reward_token,
            amount: self.gross_units,
            campaignType: self.campaign_type,
            startTimestamp: self.starts_at,
            duration: self.duration_seconds,
            campaignData: self.data.clone(),
        }
    }
}
