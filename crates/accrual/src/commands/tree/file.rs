//! Files with a tree's claims: our own, Merkl's reward files, and rows of leaves.

use std::collections::BTreeMap;
use std::path::Path;

use accrual_rewards::tree::Claim;
use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, B256};
use anyhow::{Context, anyhow};
use serde::Deserialize;

use crate::failure::Failure;

/// What a file says.
pub(super) struct Published {
    /// Its root, where it states one.
    pub(super) root: Option<B256>,
    /// Its claims, with their proofs where it has them.
    pub(super) claims: Vec<(Claim, Option<Vec<B256>>)>,
}

/// Either `claims` (ours) or `rewards` (a reward file of Merkl's: by campaign, then by holder).
#[derive(Deserialize)]
struct Object {
    root: Option<B256>,
    claims: Option<Vec<Own>>,
    #[serde(rename = "merklRoot")]
    merkl_root: Option<B256>,
    rewards: Option<BTreeMap<String, Reward>>,
}

#[derive(Deserialize)]
struct Own {
    user: Address,
    token: Address,
    amount: Amount,
    proof: Option<Vec<B256>>,
}

#[derive(Deserialize)]
struct Reward {
    token: Address,
    holders: BTreeMap<Address, Holder>,
}

#[derive(Deserialize)]
struct Holder {
    amount: Amount,
}

/// A leaf's part, one for each campaign and reason.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    recipient: Address,
    reward_token: Address,
    amount: Amount,
}

impl Published {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).map_err(|error| anyhow!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        if text.trim_start().starts_with('[') {
            let rows: Vec<Row> = serde_json::from_str(text)?;
            let claim =
                |row: Row| Claim { account: row.recipient, token: row.reward_token, amount: row.amount };
            return Ok(Self { root: None, claims: rows.into_iter().map(|row| (claim(row), None)).collect() });
        }
        let object: Object = serde_json::from_str(text)?;
        match (object.claims, object.rewards) {
            (Some(own), None) => {
                Ok(Self { root: object.root, claims: own.into_iter().map(Own::claim).collect() })
            }
            (None, Some(rewards)) => {
                let claims =
                    rewards.into_values().flat_map(Reward::claims).map(|claim| (claim, None)).collect();
                Ok(Self { root: object.merkl_root.or(object.root), claims })
            }
            _ => Err(anyhow!(
                "it holds neither \"claims\", as accrual tree writes them, nor \"rewards\", as Merkl publishes them"
            )),
        }
    }
}

impl Own {
    fn claim(self) -> (Claim, Option<Vec<B256>>) {
        (Claim { account: self.user, token: self.token, amount: self.amount }, self.proof)
    }
}

impl Reward {
    fn claims(self) -> impl Iterator<Item = Claim> {
        let token = self.token;
        self.holders.into_iter().map(move |(account, holder)| Claim { account, token, amount: holder.amount })
    }
}
