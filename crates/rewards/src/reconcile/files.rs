//! A reward file as Merkl publishes it after each update of its root: who was credited how much so far, in all
//! campaigns of a chain.
//!
//! ```text
//! { merklRoot, lastUpdateEpoch, updateTimestamp,
//!   rewards: { <campaign>: { token, totalAmount, lastUpdateEpoch, .., holders: { <account>: { amount, breakdown } } } } }
//! ```
//!
//! An epoch is an hour's number. A file is read as it streams in, no longer than the caller allows, and nothing of it is
//! kept but the figures below, so that memory stays within a few times its length. What is no reward file is refused with
//! a sentence that says where: an amount that is no whole number, a key that stands twice, a breakdown that does not add up.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use alloy_primitives::{Address, B256};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::unit::{Amount, UnixSeconds};

/// Seconds of an epoch.
pub const EPOCH_SECONDS: u64 = 3_600;

/// How long a file may be unless the caller says: several times the longest that was seen.
pub const BYTES_MAX: u64 = 256 << 20;

/// A reason is a protocol's or a vault's name, with an address at most.
const REASON_BYTES_MAX: usize = 256;

/// What one published file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewardFile {
    /// The root that was published with it, where it names one.
    pub root: Option<B256>,
    /// The hour up to which it was computed.
    pub epoch: u64,
    /// When it was written.
    pub updated_at: UnixSeconds,
    /// What was credited, by campaign.
    pub campaigns: BTreeMap<B256, FileCampaign>,
}

/// One campaign of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCampaign {
    /// The token that is paid.
    pub token: Address,
    /// The pool that is paid for, where it is told.
    pub pool: Option<Address>,
    /// What it hands out in all, net of Merkl's fee.
    pub budget: Amount,
    /// The hour up to which it was computed: behind the file's own while it waits for a swap, and after its end.
    pub epoch: u64,
    /// Who was credited.
    pub holders: BTreeMap<Address, FileHolder>,
    /// What was credited in all.
    pub paid: Amount,
}

/// What one account was credited in one campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHolder {
    /// All of it.
    pub amount: Amount,
    /// The same by reason; it adds up to `amount`.
    pub breakdown: BTreeMap<String, Amount>,
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is no reward file.
    #[error("it is no reward file as Merkl publishes them: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is too long.
    #[error("it is longer than {bytes_max} bytes, which is all that is read of a reward file")]
    TooLong {
        /// The limit.
        bytes_max: u64,
    },
}

impl RewardFile {
    /// Reads a file of `bytes_max` bytes at most.
    ///
    /// # Errors
    /// It cannot be read, is no reward file, or is longer.
    pub fn read(source: impl Read, bytes_max: u64) -> Result<Self, FileError> {
        // One byte more than is taken tells a file that is too long from one that just fits.
        let mut source = std::io::BufReader::new(source.take(bytes_max.saturating_add(1)));
        let read = serde_json::from_reader::<_, WireFile>(&mut source);
        if source.get_ref().limit() == 0 {
            return Err(FileError::TooLong { bytes_max });
        }
        let WireFile { root, epoch, updated_at, rewards } = read?;
        Ok(Self { root, epoch, updated_at: UnixSeconds(updated_at), campaigns: rewards.0 })
    }

    /// Until when it was computed.
    pub fn computed_until(&self) -> UnixSeconds {
        UnixSeconds(self.epoch.saturating_mul(EPOCH_SECONDS))
    }

    /// What each account was credited of each token, over all campaigns, without those of nothing: the leaves under the
    /// file's root. `None` when a sum is past 256 bits.
    pub fn leaves(&self) -> Option<BTreeMap<(Address, Address), Amount>> {
        let mut leaves: BTreeMap<(Address, Address), Amount> = BTreeMap::new();
        for campaign in self.campaigns.values() {
            for (account, holder) in
                campaign.holders.iter().filter(|(_, holder)| holder.amount > Amount::ZERO)
            {
                let leaf = leaves.entry((*account, campaign.token)).or_default();
                *leaf = leaf.checked_add(holder.amount)?;
            }
        }
        Some(leaves)
    }
}

impl FileCampaign {
    /// Until when it was computed.
    pub fn computed_until(&self) -> UnixSeconds {
        UnixSeconds(self.epoch.saturating_mul(EPOCH_SECONDS))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFile {
    #[serde(rename = "merklRoot", default)]
    root: Option<B256>,
    #[serde(rename = "lastUpdateEpoch")]
    epoch: u64,
    #[serde(rename = "updateTimestamp")]
    updated_at: u64,
    rewards: Unique<B256, FileCampaign>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCampaign {
    token: Address,
    #[serde(default)]
    pool: Option<Address>,
    total_amount: Amount,
    last_update_epoch: u64,
    holders: Unique<Address, FileHolder>,
}

#[derive(Deserialize)]
struct WireHolder {
    amount: Amount,
    breakdown: Unique<String, Amount>,
}

impl<'de> Deserialize<'de> for FileCampaign {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WireCampaign { token, pool, total_amount, last_update_epoch, holders } =
            WireCampaign::deserialize(deserializer)?;
        let paid = sum(holders.0.values().map(|holder| &holder.amount));
        let paid = paid.ok_or_else(|| D::Error::custom("its holders' amounts together exceed 256 bits"))?;
        Ok(Self { token, pool, budget: total_amount, epoch: last_update_epoch, holders: holders.0, paid })
    }
}

impl<'de> Deserialize<'de> for FileHolder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WireHolder { amount, breakdown } = WireHolder::deserialize(deserializer)?;
        if let Some(reason) = breakdown.0.keys().find(|reason| reason.len() > REASON_BYTES_MAX) {
            let length = reason.len();
            return Err(D::Error::custom(format!("a reason of {length} bytes, over {REASON_BYTES_MAX}")));
        }
        if sum(breakdown.0.values()) != Some(amount) {
            let what = format!("an amount of {amount} whose breakdown does not add up to it");
            return Err(D::Error::custom(what));
        }
        Ok(Self { amount, breakdown: breakdown.0 })
    }
}

fn sum<'a>(amounts: impl IntoIterator<Item = &'a Amount>) -> Option<Amount> {
    amounts.into_iter().try_fold(Amount::ZERO, |sum, amount| sum.checked_add(*amount))
}

/// A map in which no key stands twice: JSON lets later ones win, and money must not get lost that way.
struct Unique<K, V>(BTreeMap<K, V>);

impl<'de, K, V> Deserialize<'de> for Unique<K, V>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor(PhantomData))
    }
}

struct UniqueVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for UniqueVisitor<K, V>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    type Value = Unique<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<K>()? {
            if map.contains_key(&key) {
                let key: String = key.to_string().chars().take(80).collect();
                return Err(A::Error::custom(format!("{key} stands twice")));
            }
            let value = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Unique(map))
    }
}
