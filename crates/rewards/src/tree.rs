//! Reward trees as Merkl's Distributor checks them: who may claim how much of which token in all, under one root.
//!
//! A leaf is the hash of `(account, token, cumulative amount)` as three ABI words, hashed once. Leaves stand in rising
//! order; two neighbours become the hash of the lower and the higher of them, and a last one without a neighbour moves up
//! as it is. So a proof is a list of hashes alone: which of two is the left one, their values say.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};

use crate::unit::Amount;

/// What an account may claim of a token in all, what it has claimed already included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Who may claim.
    pub account: Address,
    /// Of which token.
    pub token: Address,
    /// How much, since the beginning.
    pub amount: Amount,
}

/// One claim for each account and token, under one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// By account and token.
    claims: Vec<Claim>,
    /// For each claim, where its leaf stands.
    places: Vec<u32>,
    /// The leaves, then what they become two by two; the last has one hash, the root. None where there is no claim.
    levels: Vec<Vec<B256>>,
}

/// A claim with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The claim.
    pub claim: Claim,
    /// Its leaf.
    pub leaf: B256,
    /// The hashes beside the way from the leaf to the root.
    pub path: Vec<B256>,
}

/// Claims that no tree can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The contract counts in 256 bits.
    #[error("the claims of {account} on {token} come to more than 256 bits hold")]
    Overflow {
        /// Who.
        account: Address,
        /// Of which token.
        token: Address,
    },
    /// Places of leaves are kept in 32 bits.
    #[error("{count} claims are more than a tree holds (2^32 - 1)")]
    TooMany {
        /// How many there are.
        count: usize,
    },
}

impl Claim {
    /// The leaf: `keccak256(abi.encode(account, token, amount))`.
    pub fn leaf(&self) -> B256 {
        let mut words = [0_u8; 96];
        words[12..32].copy_from_slice(self.account.as_slice());
        words[44..64].copy_from_slice(self.token.as_slice());
        words[64..].copy_from_slice(&self.amount.0.to_be_bytes::<32>());
        keccak256(words)
    }

    /// Whether `path` leads from this claim's leaf to `root`, as the contract asks.
    pub fn is_proved_by(&self, path: &[B256], root: B256) -> bool {
        path.iter().fold(self.leaf(), |hash, beside| node(hash, *beside)) == root
    }

    fn key(&self) -> (Address, Address) {
        (self.account, self.token)
    }
}

impl Tree {
    /// The tree of these claims: those of one account on one token are added up, those of nothing left out.
    ///
    /// # Errors
    /// A sum that does not fit 256 bits, or 2^32 claims and more.
    pub fn new(claims: impl IntoIterator<Item = Claim>) -> Result<Self, TreeError> {
        let claims = added_up(claims.into_iter().collect())?;
        let count = claims.len();
        let last = u32::try_from(count).map_err(|_| TreeError::TooMany { count })?;
        let mut leaves: Vec<(B256, u32)> = claims.iter().map(Claim::leaf).zip(0..last).collect();
        leaves.sort_unstable();
        let mut places = vec![0; count];
        for ((_, claim), place) in leaves.iter().zip(0..last) {
            places[at(*claim)] = place;
        }
        let levels = levels(leaves.into_iter().map(|(leaf, _)| leaf).collect());
        Ok(Self { claims, places, levels })
    }

    /// The root; `None` where there is nothing to claim.
    pub fn root(&self) -> Option<B256> {
        self.levels.last().and_then(|level| level.first()).copied()
    }

    /// The claims, by account and token.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Each claim with its proof, by account and token, made one by one: all of them at once are larger than the tree.
    pub fn proofs(&self) -> impl Iterator<Item = Proof> {
        (0..self.claims.len()).map(|index| self.proof_at(index))
    }

    /// What proves an account's claim on a token; `None` where it has none.
    pub fn proof(&self, account: Address, token: Address) -> Option<Proof> {
        let found = self.claims.binary_search_by_key(&(account, token), Claim::key);
        found.ok().map(|index| self.proof_at(index))
    }

    /// What is claimed of each token in all; `None` where that does not fit 256 bits.
    pub fn totals(&self) -> BTreeMap<Address, Option<Amount>> {
        let mut totals = BTreeMap::new();
        for claim in &self.claims {
            let total = totals.entry(claim.token).or_insert(Some(Amount::ZERO));
            *total = total.and_then(|sum: Amount| sum.checked_add(claim.amount));
        }
        totals
    }

    fn proof_at(&self, index: usize) -> Proof {
        let mut place = at(self.places[index]);
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            path.extend(level.get(place ^ 1));
            place /= 2;
        }
        let claim = self.claims[index];
        Proof { claim, leaf: self.levels[0][at(self.places[index])], path }
    }
}

fn added_up(mut claims: Vec<Claim>) -> Result<Vec<Claim>, TreeError> {
    claims.sort_unstable();
    let mut overflow = None;
    // What is removed here is added to its neighbour first.
    claims.dedup_by(|later, kept| {
        if later.key() != kept.key() {
            return false;
        }
        match kept.amount.checked_add(later.amount) {
            Some(sum) => kept.amount = sum,
            None => overflow = Some(TreeError::Overflow { account: kept.account, token: kept.token }),
        }
        true
    });
    claims.retain(|claim| claim.amount != Amount::ZERO);
    claims.shrink_to_fit();
    overflow.map_or(Ok(claims), Err)
}

fn levels(leaves: Vec<B256>) -> Vec<Vec<B256>> {
    if leaves.is_empty() {
        return Vec::new();
    }
    let mut levels = vec![leaves];
    while let Some(below) = levels.last().filter(|level| level.len() > 1) {
        let above = below.chunks(2).map(|two| match *two {
            [left, right] => node(left, right),
            _ => two[0],
        });
        let above = above.collect();
        levels.push(above);
    }
    levels
}

/// The hash of two, the lower first.
fn node(one: B256, other: B256) -> B256 {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    let mut both = [0_u8; 64];
    both[..32].copy_from_slice(low.as_slice());
    both[32..].copy_from_slice(high.as_slice());
    keccak256(both)
}

fn at(place: u32) -> usize {
    usize::try_from(place).expect("a place fits an address of memory")
}
