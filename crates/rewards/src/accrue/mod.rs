//! The split of a campaign's budget over positions, block by block, at a cost that does not grow with the positions.
//!
//! # What is computed
//!
//! The state after block `b` holds from `time(b)` to `time(b+1)`. Over such an interval of `dt` paid seconds the
//! campaign emits `budget * dt / duration`, cut by the weights `wf`, `w0`, `w1` (out of their sum `W`) into three
//! parts. With `s` the sqrt price, `a` and `b` the sqrt ratios at a position's lower and upper tick, `L` its
//! liquidity, and sums over the eligible positions in range (`lower <= tick < upper`), its share of each part is
//!
//! ```text
//! fees:    L / D       D  = sum L
//! token1:  L * (s - a)     / D1    D1 = s * sum L - sum L * a
//! token0:  L * (1/s - 1/b) / D0    D0 = (1/s) * sum L - sum L / b
//! ```
//!
//! since the token amounts that it holds are `L (s - a) / 2^96` and `L 2^96 (1/s - 1/b)`.
//!
//! # Growth per unit of liquidity
//!
//! `s` is the same for all positions, `a` and `b` are constants of one position. So over any stretch of intervals
//! a position's shares, times `dt` and weights, add up to `L * (P - a * A1 - A0 / b)` with three sums that know no position:
//!
//! ```text
//! P  = sum over intervals of  wf dt / D  +  s * w1 dt / D1  +  (1/s) * w0 dt / D0
//! A1 = sum of w1 dt / D1        A0 = sum of w0 dt / D0
//! ```
//!
//! taken over the intervals in which the price was in its range. As Uniswap does with fee growth, each tick keeps
//! the three sums "of the other side" and flips them when crossed; inside = global - below - above. An event costs
//! the ticks that it touches, an idle block costs nothing, a position costs a constant when asked for.
//!
//! With `out_of_range`, a position keeps its token amounts when the price has left: `L (b - a)` of token1 above its
//! range and `L (1/a - 1/b)` of token0 below it. That adds `(b - a) * A1(above upper) + (1/a - 1/b) * A0(below lower)`
//! to a position, and `L` times the same to the sums `D1` and `D0`.
//!
//! An excluded account's positions are in none of the sums; a position is added to and taken out of them as its
//! liquidity and holder change.
//!
//! # Scales and rounding
//!
//! `P`, `A1`, `A0` are [`growth::Growth`], integers of [`growth::GROWTH_BITS`] fractional bits, wrapping: only
//! differences count, and those of one position fit by a wide margin. `1/x` is `floor((2^512 - 1) / x)`
//! ([`growth::Inverse`]). The one rounding per interval and part is `q = floor(w dt 2^800 / D)`; `s * q` is then exact, so what the
//! positions get of an interval never exceeds it. A share is short by at most 2^-192 for the division, since every `D` is below 2^608 (the
//! ledger holds the sum of all liquidity below 2^128, and an inverse is below 2^480), and off by at most 2^-191 for the
//! inverse, since two prices that differ do so by one at least. With a budget below 2^128 units
//! that is less than 2^-62 units over a whole campaign, whatever its length. [`growth::units`] rounds down once, when
//! asked, after adding 2^-60 of a unit: whoever earned a whole number of units exactly gets it, nobody gets more than
//! the exact rational rounded down but with a chance of 2^-60, and the sum of all stays at or below what was emitted,
//! because emission is a multiple of `1 / duration`, far coarser than that margin.

mod board;
mod figures;
pub mod growth;

pub use figures::{Earned, Figures, FiguresError, Undistributed};

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::campaign::Campaign;
use crate::ledger::{Change, PositionIndex};
use crate::unit::{Liquidity, Tick, TickRange, UnixSeconds};
use board::Board;
use growth::Growth;

/// One campaign's accrual on a concentrated pool, scored `per_block`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignAccrual {
    campaign: Campaign,
    board: Board,
    at: UnixSeconds,
    idle: IdleSeconds,
    stakes: Vec<Stake>,
    past: Past,
}

/// What positions earned for those who hold them no longer.
type Past = BTreeMap<(PositionIndex, Address), Growth>;

/// A position as one campaign sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stake {
    /// Whom it earns for; the zero address while for nobody.
    account: Address,
    range: TickRange,
    /// Zero while not eligible.
    liquidity: Liquidity,
    /// The growth inside the range when `earned` was last brought up to date.
    growth: Growth,
    /// Earned for `account` up to then, in weighted seconds of the whole emission.
    earned: Growth,
}

/// Paid seconds in which nobody was eligible for a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct IdleSeconds {
    fees: u64,
    token0: u64,
    token1: u64,
}

impl CampaignAccrual {
    /// A campaign before the first event of its pool.
    pub fn new(campaign: Campaign) -> Self {
        let board = Board::new(campaign.weights, campaign.out_of_range);
        let (idle, at) = (IdleSeconds::default(), UnixSeconds(0));
        Self { campaign, board, at, idle, stakes: Vec::new(), past: BTreeMap::new() }
    }

    /// What the campaign promises.
    pub fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// The time of the newest change folded in.
    pub fn at(&self) -> UnixSeconds {
        self.at
    }

    /// Folds in what the ledger says has changed at `at`, the time of the event's block.
    ///
    /// # Panics
    /// When time runs backwards: the tracker has refused such events before.
    pub fn apply(&mut self, at: UnixSeconds, change: &Change) {
        self.advance(at);
        match *change {
            Change::None => {}
            Change::Price { from, to, sqrt_price_x96 } => self.board.move_price(from, to, sqrt_price_x96),
            Change::Stake { position, range, liquidity, holder } => {
                self.set_stake(position, range, liquidity, holder);
            }
        }
    }

    /// Pays the time since the last change by the state that held in it.
    fn advance(&mut self, at: UnixSeconds) {
        assert!(at >= self.at, "events arrive in chain order, and block times never fall");
        let seconds = self.campaign.window.paid_seconds(self.at, at);
        self.idle.add(self.board.grow(seconds), seconds);
        self.at = at;
    }

    fn set_stake(
        &mut self,
        position: PositionIndex,
        range: TickRange,
        liquidity: Liquidity,
        holder: Address,
    ) {
        if self.stakes.len() <= position.as_usize() {
            self.stakes.resize_with(position.as_usize() + 1, Stake::default);
        }
        let admitted = self.campaign.admits(holder);
        let (account, liquidity) = if admitted { (holder, liquidity) } else { (Address::ZERO, Liquidity(0)) };
        let stake = &mut self.stakes[position.as_usize()];
        if (stake.account, stake.liquidity) == (account, liquidity) {
            return;
        }
        if stake.liquidity.0 > 0 {
            stake.settle(self.board.growth_inside(stake.range, self.board.global()));
        }
        if stake.account != account {
            hand_over(&mut self.past, position, stake, account);
        }
        let before = std::mem::replace(&mut stake.liquidity, liquidity);
        stake.range = range;
        self.board.replace(range, before, liquidity);
        if before.0 == 0 && liquidity.0 > 0 {
            stake.growth = self.board.growth_inside(range, self.board.global());
        }
    }
}

/// Puts aside what the position earned for the last account, and takes up what it earned for this one before.
fn hand_over(past: &mut Past, position: PositionIndex, stake: &mut Stake, account: Address) {
    if !stake.earned.is_zero() {
        past.insert((position, stake.account), stake.earned);
    }
    stake.account = account;
    stake.earned = past.remove(&(position, account)).unwrap_or_default();
}

impl Stake {
    fn settle(&mut self, growth: Growth) {
        self.earned = self.earned_at(growth);
        self.growth = growth;
    }

    fn earned_at(&self, growth: Growth) -> Growth {
        let since = growth.wrapping_sub(self.growth);
        self.earned.wrapping_add(since.wrapping_mul(Growth::from(self.liquidity.0)))
    }
}

impl IdleSeconds {
    fn add(&mut self, shared: board::Shared, seconds: u64) {
        for (sum, shared) in [
            (&mut self.fees, shared.fees),
            (&mut self.token0, shared.token0),
            (&mut self.token1, shared.token1),
        ] {
            *sum += if shared { 0 } else { seconds };
        }
    }
}

impl Default for TickRange {
    fn default() -> Self {
        Self { lower: Tick(0), upper: Tick(0) }
    }
}
