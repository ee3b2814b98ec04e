//! What a campaign promises at each instant: its versions, one after the other.

use std::collections::BTreeSet;

use accrual_rewards::campaign::{Campaign, Weights, Window};
use alloy_primitives::Address;
use num_bigint::BigInt;
use num_rational::BigRational;

use super::exact::{big, whole};
use super::score::Part;

/// To whom and by which rule.
#[derive(Clone)]
pub(crate) struct Terms {
    window: Window,
    weights: Weights,
    pub(crate) out_of_range: bool,
    blacklist: BTreeSet<Address>,
    whitelist: BTreeSet<Address>,
}

/// A stretch of paid seconds under the same terms: from `from`, included, to `to`, excluded.
pub(crate) struct Piece {
    pub(crate) terms: Terms,
    pub(crate) from: u64,
    pub(crate) to: u64,
    per_second: BigRational,
}

/// The paid stretches up to `at_seconds`. From an override on, what is left of the budget spreads evenly over what is
/// left of the new window.
pub(crate) fn pieces(campaign: &Campaign, at_seconds: u64) -> Vec<Piece> {
    let mut left = whole(big(campaign.budget.0));
    let mut pieces = Vec::new();
    let versions = versions(campaign);
    for (place, (since, terms)) in versions.iter().enumerate() {
        let replaced = versions.get(place + 1).map_or(u64::MAX, |(since, _)| *since);
        let (from, ends) = (terms.window.starts_at.0.max(*since), terms.window.ends_at.0);
        if from >= ends.min(replaced) {
            continue;
        }
        let per_second = &left / whole(ends - from);
        let to = ends.min(replaced);
        left -= &per_second * whole(to - from);
        if from < to.min(at_seconds) {
            pieces.push(Piece { terms: terms.clone(), from, to: to.min(at_seconds), per_second });
        }
    }
    pieces
}

fn versions(campaign: &Campaign) -> Vec<(u64, Terms)> {
    let Campaign { window, weights, out_of_range, blacklist, whitelist, .. } = campaign.clone();
    let first = (0, Terms { window, weights, out_of_range, blacklist, whitelist });
    let later = campaign.versions.iter().cloned().map(|version| {
        let terms = Terms {
            window: version.window,
            weights: version.weights,
            out_of_range: version.out_of_range,
            blacklist: version.blacklist,
            whitelist: version.whitelist,
        };
        (version.since.0, terms)
    });
    std::iter::once(first).chain(later).collect()
}

/// Unix time cut at multiples of `run_seconds`, clipped to the pieces.
pub(crate) fn runs(pieces: &[Piece], run_seconds: u64) -> Vec<(&Piece, u64, u64)> {
    let mut runs = Vec::new();
    for piece in pieces {
        let mut from = piece.from;
        while from < piece.to {
            let to = ((from / run_seconds + 1) * run_seconds).min(piece.to);
            runs.push((piece, from, to));
            from = to;
        }
    }
    runs
}

impl Piece {
    pub(crate) fn emission(&self, seconds: u64) -> BigRational {
        &self.per_second * whole(seconds)
    }

    /// An emission, cut by the weights.
    pub(crate) fn parts(&self, emission: &BigRational) -> Vec<(Part, BigRational)> {
        let Weights { fees, token0, token1 } = self.terms.weights;
        let all = BigInt::from(u64::from(fees) + u64::from(token0) + u64::from(token1));
        let parts = [(Part::Fees, fees), (Part::Token0, token0), (Part::Token1, token1)];
        let paid = parts.into_iter().filter(|(_, weight)| *weight > 0);
        paid.map(|(part, weight)| (part, emission * BigRational::new(weight.into(), all.clone()))).collect()
    }
}

impl Terms {
    pub(crate) fn has_a_share(&self, account: Address) -> bool {
        let listed = if self.whitelist.is_empty() {
            !self.blacklist.contains(&account)
        } else {
            self.whitelist.contains(&account)
        };
        account != Address::ZERO && listed
    }
}
