//! Campaigns announced on chain and paid by proofs, as Merkl does both.

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, Bytes, U256};

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
        id: B256,
        promise: &Promise,
    ) -> Transaction {
        let call =
            abi::MerklCreator::overrideCampaignCall { campaignId: id, campaign: promise.parameters(from) };
        Transaction::new("an override", from, creator, &call)
    }
}

/// What somebody asks a Distributor for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimCall {
    /// Whose claim it is.
    pub user: Address,
    /// On which token.
    pub token: Address,
    /// How much in all.
    pub amount: U256,
    /// The hashes that prove it.
    pub proof: Vec<B256>,
}

/// Acts at a Distributor; the deployer is its keeper.
impl Stage {
    /// Deploys what pays by proofs, with as much of the reward token as it will ever need.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_distributor(&mut self) -> Result<Address, RehearsalError> {
        let made =
            self.deploy_own("MerklDistributor", &abi::MerklDistributor::constructorArgumentsCall {}).await?;
        let purse = self.purse(self.reward, made);
        self.play(&[purse]).await?;
        Ok(made)
    }

    /// Gives the Distributor another tree.
    pub fn update_tree(&self, distributor: Address, root: B256) -> Transaction {
        let next = abi::MerklDistributor::MerkleTree { merkleRoot: root, ipfsHash: B256::ZERO };
        let call = abi::MerklDistributor::updateTreeCall { next };
        Transaction::new("a tree", self.deployer, distributor, &call)
    }

    /// Says that the newest tree is wrong.
    pub fn dispute(&self, distributor: Address, from: Address, reason: &str) -> Transaction {
        let call = abi::MerklDistributor::disputeTreeCall { reason: reason.to_owned() };
        Transaction::new("a dispute", from, distributor, &call)
    }

    /// Decides a dispute.
    pub fn resolve_dispute(&self, distributor: Address, valid: bool) -> Transaction {
        let call = abi::MerklDistributor::resolveDisputeCall { valid };
        Transaction::new("a decision", self.deployer, distributor, &call)
    }

    /// Takes the newest tree back.
    pub fn revoke_tree(&self, distributor: Address) -> Transaction {
        Transaction::new(
            "a revocation",
            self.deployer,
            distributor,
            &abi::MerklDistributor::revokeTreeCall {},
        )
    }

    /// Has dispute windows last so many epochs.
    pub fn set_dispute_period(&self, distributor: Address, epochs: u64) -> Transaction {
        let call = abi::MerklDistributor::setDisputePeriodCall { epochs: U48::from(epochs) };
        Transaction::new("a period", self.deployer, distributor, &call)
    }

    /// Has an epoch last so many seconds.
    pub fn set_epoch(&self, distributor: Address, seconds: u32) -> Transaction {
        let call = abi::MerklDistributor::setEpochDurationCall { newSeconds: seconds };
        Transaction::new("an epoch", self.deployer, distributor, &call)
    }

    /// Claims, for oneself or, as the keeper, for anybody.
    pub fn claim(&self, distributor: Address, from: Address, claim: &ClaimCall) -> Transaction {
        let call = abi::MerklDistributor::claimCall {
            users: vec![claim.user],
            tokens: vec![claim.token],
            amounts: vec![claim.amount],
            proofs: vec![claim.proof.clone()],
        };
        Transaction::new("a claim", from, distributor, &call)
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
