//! Who earned what, counted the slow way: every run, every interval, every swap, every position and every
//! shareholder, in exact fractions.
//!
//! Written from the specification of the three scorings alone, so that the engine, which walks none of these, has
//! something to be wrong against. Only the tick's sqrt ratio is shared with it; `ledger.rs` holds that to known values.

pub(crate) mod cases;
mod exact;
pub(crate) mod history;
pub(crate) mod nfts;
pub(crate) mod owners;
pub(crate) mod score;
mod terms;

use std::collections::BTreeMap;

use accrual_rewards::accrue::When;
use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::ownership::{Move, StakeIndex, VaultIndex};
use alloy_primitives::Address;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

pub(crate) use exact::{big, floor, raw, sum, whole};
use score::{Part, Scores, State, Who};
use terms::Piece;

/// What a campaign has paid, exactly.
pub(crate) struct Exact {
    pub(crate) emitted: BigRational,
    pub(crate) earned: BTreeMap<Row, BigRational>,
}

/// Which stake earned for whom, and as a shareholder of what.
pub(crate) type Row = (StakeIndex, Address, Option<VaultIndex>);

/// What `campaign` has paid when these moves have happened and it is `at_seconds`.
pub(crate) fn exact(campaign: &Campaign, moves: &[(When, Move)], at_seconds: u64) -> Exact {
    let pieces = terms::pieces(campaign, at_seconds);
    let mut paid = Paid::default();
    match campaign.scoring {
        Scoring::PerBlock => pieces.iter().for_each(|piece| per_block(piece, moves, &mut paid)),
        Scoring::TimeWeighted => {
            for (piece, from, to) in terms::runs(&pieces, run_seconds(campaign)) {
                time_weighted(piece, from, to, moves, &mut paid);
            }
        }
        Scoring::SwapWeighted => {
            let mut waiting = BigRational::zero();
            for (piece, from, to) in terms::runs(&pieces, run_seconds(campaign)) {
                waiting += piece.emission(to - from);
                if swap_weighted(piece, (from, to), &waiting, moves, &mut paid) {
                    waiting = BigRational::zero();
                }
            }
        }
    }
    let emitted = pieces.iter().map(|piece| piece.emission(piece.to - piece.from)).sum();
    let earned = paid.0.into_iter().map(|(row, terms)| (row, sum(&terms))).collect();
    Exact { emitted, earned }
}

fn run_seconds(campaign: &Campaign) -> u64 {
    u64::from(campaign.run_seconds.expect("a scoring by run has one"))
}

/// Each interval's emission by the state that holds in it.
fn per_block(piece: &Piece, moves: &[(When, Move)], paid: &mut Paid) {
    for (state, seconds) in score::intervals(moves, piece.from, piece.to) {
        for (part, emission) in piece.parts(&piece.emission(seconds)) {
            let mut scores = Scores::default();
            scores.add(&state.held(&piece.terms, part), &whole(1));
            paid.split(&emission, &scores);
        }
    }
}

/// A run's emission by the ratio of the time integrals over it.
fn time_weighted(piece: &Piece, from: u64, to: u64, moves: &[(When, Move)], paid: &mut Paid) {
    let intervals = score::intervals(moves, from, to);
    for (part, emission) in piece.parts(&piece.emission(to - from)) {
        let mut scores = Scores::default();
        for (state, seconds) in &intervals {
            scores.add(&state.held(&piece.terms, part), &whole(*seconds));
        }
        paid.split(&emission, &scores);
    }
}

/// What waits, by the fees earned and the tokens held at the swaps of a run; `false` when the run pays nothing.
fn swap_weighted(
    piece: &Piece,
    (from, to): (u64, u64),
    waiting: &BigRational,
    moves: &[(When, Move)],
    paid: &mut Paid,
) -> bool {
    let mut scores: BTreeMap<Part, Scores> = BTreeMap::new();
    let mut trades = 0;
    let mut state = State::default();
    for (place, (when, one)) in moves.iter().enumerate() {
        let counts = from <= when.at.0 && when.at.0 < to;
        if counts {
            let fees = state.fees(&piece.terms, one, || score::price_at_end_of_block(moves, place));
            scores.entry(Part::Fees).or_default().add(&fees, &whole(1));
        }
        state.apply(one);
        if let (true, Some(value)) = (counts, score::value_of_trade(one)) {
            trades += 1;
            for part in [Part::Token0, Part::Token1] {
                scores.entry(part).or_default().add(&state.held(&piece.terms, part), &value);
            }
        }
    }
    let pays = trades > 0 && !scores.entry(Part::Fees).or_default().total().is_zero();
    if pays {
        for (part, emission) in piece.parts(waiting) {
            paid.split(&emission, scores.entry(part).or_default());
        }
    }
    pays
}

/// What each row was paid, term by term.
#[derive(Default)]
struct Paid(BTreeMap<Who, Vec<BigRational>>);

impl Paid {
    /// Nobody eligible, nothing paid.
    fn split(&mut self, emission: &BigRational, scores: &Scores) {
        let total = scores.total();
        if total.is_zero() {
            return;
        }
        for (who, score) in scores.each() {
            let numerator = emission.numer() * score.numer() * total.denom();
            let denominator: BigInt = emission.denom() * score.denom() * total.numer();
            self.0.entry(who).or_default().push(raw(numerator, denominator));
        }
    }
}
