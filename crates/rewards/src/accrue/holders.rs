//! Who earns on the board: stakes of accounts, and stakes of vaults with the shareholders behind them.
//!
//! A stake that an account owns weighs its liquidity. One that a vault owns weighs `liquidity * eligible / all` of the
//! vault's shares: what excluded shareholders would have goes to the others of the pool. What such a stake earns is
//! kept per eligible share, as the board keeps it per liquidity, so a payment visits no shareholder:
//!
//! ```text
//! per_share(vault, stake) += earned by the stake / eligible shares of the vault     at each change of either
//! earned by a shareholder = its eligible shares * (per_share now - per_share when it was last brought up to date)
//! ```
//!
//! A shareholder may be a vault itself; its eligible shares are then a fraction, its earnings are shared on, and a change
//! of its shareholders changes the fraction of those above it. A change touches one vault's stakes and those above it.

mod earnings;
mod past;
mod unpaid;
mod upper;
mod vaults;

pub use earnings::Earnings;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use super::board::{Board, Growths, Inside};
use super::growth::{self, Growth, WEIGHT_BITS, Weight, times, weight};
use crate::compact;
use crate::math::memo::RangeMemo;
use crate::ownership::{Owner, StakeIndex, VaultIndex};
use crate::unit::{Amount, Liquidity, TickRange};
use past::Past;
use unpaid::Unpaid;
use vaults::Vault;

/// All stakes and vaults of one campaign, on one board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holders {
    pub(super) board: Board,
    stakes: Vec<Stake>,
    /// Counts each stake's changes: as long as a count stays, all that the stake says does.
    changes: Vec<u32>,
    vaults: BTreeMap<VaultIndex, Vault>,
    /// What was earned for those who own it no longer, or own it through a vault.
    past: Past,
    /// Stakes that are left out for a while.
    left_out: BTreeSet<StakeIndex>,
    /// What was counted in the run under way, where whole runs are counted before they are paid: never with vaults.
    unpaid: Option<Unpaid>,
}

/// For whom a stake earned: an account, straight or through a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Earner {
    pub(super) stake: StakeIndex,
    pub(super) through: Option<VaultIndex>,
    pub(super) account: Address,
}

/// A stake as one campaign sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stake {
    /// Whom it earns for; the zero address while for nobody.
    owner: Owner,
    range: TickRange,
    liquidity: Liquidity,
    /// What of it counts.
    #[serde(with = "compact")]
    weight: Weight,
    /// What it has earned for an account, less `weight` times the growth inside its range, modulo 2^1024: while nobody touches
    /// it, growth alone says what it comes to. A vault's is shared as far as it was last looked at.
    #[serde(with = "compact::wrapping")]
    base: Growth,
}

/// Whether an account has a share.
pub(super) type Admits<'a> = &'a dyn Fn(Address) -> bool;

const NOBODY: Owner = Owner::Account(Address::ZERO);

impl Holders {
    pub(super) fn new(board: Board) -> Self {
        Self {
            board,
            stakes: Vec::new(),
            changes: Vec::new(),
            vaults: BTreeMap::new(),
            past: Past::default(),
            left_out: BTreeSet::new(),
            unpaid: None,
        }
    }

    /// The same, for one who counts whole runs before they are paid; nothing may be behind a vault.
    pub(super) fn of_runs(out_of_range: bool) -> Self {
        Self { unpaid: Some(Unpaid::default()), ..Self::new(Board::of_runs(out_of_range)) }
    }

    /// A stake has this range, liquidity and owner from now on.
    pub(super) fn set_stake(
        &mut self,
        index: StakeIndex,
        range: TickRange,
        liquidity: Liquidity,
        owner: Owner,
        admits: Admits<'_>,
    ) {
        if self.stakes.len() <= index.as_usize() {
            self.stakes.resize_with(index.as_usize() + 1, Stake::nobodys);
            self.changes.resize(index.as_usize() + 1, 0);
        }
        let owner = match owner {
            Owner::Account(account) if !admits(account) => NOBODY,
            owner => owner,
        };
        let held = &self.stakes[index.as_usize()];
        if (held.owner, held.range, held.liquidity) == (owner, range, liquidity) {
            return;
        }
        self.settle_stake(index);
        if self.stakes[index.as_usize()].range != range {
            self.weigh(index, Weight::ZERO);
        }
        if self.stakes[index.as_usize()].owner != owner {
            self.hand_over(index, owner);
        }
        self.changes[index.as_usize()] += 1;
        let stake = &mut self.stakes[index.as_usize()];
        (stake.range, stake.liquidity) = (range, liquidity);
        self.weigh_anew(index);
    }

    /// Leaves these stakes out, and takes up again those that were left out before.
    pub(super) fn leave_out(&mut self, stakes: BTreeSet<StakeIndex>) {
        let changed: Vec<StakeIndex> = self.left_out.symmetric_difference(&stakes).copied().collect();
        self.left_out = stakes;
        // One that is yet to come is weighed when it comes.
        let count = self.stakes.len();
        for index in changed.into_iter().filter(|index| index.as_usize() < count) {
            self.settle_stake(index);
            self.weigh_anew(index);
        }
    }

    /// Every wanted stake with what of its liquidity counts, rounded down.
    pub(super) fn eligible(
        &self,
        wanted: impl Fn(StakeIndex) -> bool,
    ) -> impl Iterator<Item = (StakeIndex, Liquidity)> {
        let stakes = (0..).map(StakeIndex).zip(&self.stakes).filter(move |(index, _)| wanted(*index));
        stakes.filter(|(_, stake)| !stake.weight.is_zero()).map(|(index, stake)| {
            let whole: U256 = stake.weight >> WEIGHT_BITS;
            (index, Liquidity(whole.to()))
        })
    }

    /// Whether a stake may be owned by a vault.
    pub(super) fn has_vaults(&self) -> bool {
        !self.vaults.is_empty()
    }

    /// So many can have earned, as long as nothing is behind a vault.
    pub(super) fn earners_max(&self) -> usize {
        self.stakes.len() + self.past.iter().len()
    }

    /// Tells what everybody will have earned once so much has grown in all, in the order of [`Earner`].
    pub(super) fn each_earned(&self, global: &Growths, mut tell: impl FnMut(Earner, Growth)) {
        if !self.vaults.is_empty() {
            let mut settled = self.clone();
            settled.board.grow_to(*global);
            return settled.settle_all().iter().for_each(|(earner, earned)| tell(*earner, *earned));
        }
        let earned =
            |stake: &Stake, growth: Option<&Growth>| growth.map_or(stake.base, |growth| stake.earned(growth));
        self.each(global, earned, |past| *past, tell);
    }

    /// The same, each rounded down: for whoever adds nothing to it.
    pub(super) fn each_figure(&self, global: &Growths, mut tell: impl FnMut(Earner, Amount)) {
        if !self.vaults.is_empty() {
            return self.each_earned(global, |earner, earned| tell(earner, growth::floor(earned)));
        }
        let figure = |stake: &Stake, growth: Option<&Growth>| {
            growth.map_or_else(|| growth::floor(stake.base), |growth| stake.comes_to(growth))
        };
        self.each(global, figure, |past| growth::floor(*past), tell);
    }

    /// Tells of each stake what is counted of it, with the growth inside its range where it earns, and of each former owner.
    fn each<T>(
        &self,
        global: &Growths,
        count: impl Fn(&Stake, Option<&Growth>) -> T,
        of_past: impl Fn(&Growth) -> T,
        mut tell: impl FnMut(Earner, T),
    ) {
        // Stakes of one range have one growth, and there are far fewer ranges than stakes.
        let mut growths = RangeMemo::of(self.stakes.len());
        let mut past = self.past.iter().peekable();
        for (index, stake) in (0..).map(StakeIndex).zip(&self.stakes) {
            let Owner::Account(account) = stake.owner else { continue };
            let earner = Earner { stake: index, through: None, account };
            while let Some((before, earned)) = past.next_if(|(before, _)| **before < earner) {
                tell(*before, of_past(earned));
            }
            let inside = || self.board.range(stake.range).growth(global);
            let growth = (!stake.weight.is_zero()).then(|| *growths.get(stake.range, inside));
            tell(earner, count(stake, growth.as_ref()));
        }
        past.for_each(|(earner, earned)| tell(*earner, of_past(earned)));
    }

    /// Puts aside what everybody has earned so far.
    fn settle_all(mut self) -> Past {
        let vaults: Vec<VaultIndex> = self.vaults.keys().copied().collect();
        for vault in vaults {
            self.bring_up_to_date(vault);
            let members: Vec<Owner> = self.vaults[&vault].members.keys().copied().collect();
            members.into_iter().for_each(|member| self.settle_member(vault, member));
        }
        for index in
            (0..self.stakes.len()).map(|index| StakeIndex(u32::try_from(index).expect("set by a u32")))
        {
            self.settle_stake(index);
            self.hand_over(index, NOBODY);
        }
        self.past
    }

    /// Shares what a vault's stake has earned since it was last looked at.
    fn settle_stake(&mut self, index: StakeIndex) {
        let stake = &mut self.stakes[index.as_usize()];
        if let (Owner::Vault(vault), false) = (stake.owner, stake.weight.is_zero()) {
            let since = stake.earned(&self.board.growth_inside(stake.range));
            self.changes[index.as_usize()] += 1;
            stake.base = stake.base.wrapping_sub(since);
            self.share(vault, index, since);
        }
    }

    /// Brings a settled stake's weight to what its owner makes of it.
    fn weigh_anew(&mut self, index: StakeIndex) {
        let stake = &self.stakes[index.as_usize()];
        let counts = match stake.owner {
            _ if self.left_out.contains(&index) => Weight::ZERO,
            NOBODY => Weight::ZERO,
            Owner::Account(_) => weight(stake.liquidity),
            Owner::Vault(vault) => self.eligible_part(vault, stake.liquidity),
        };
        self.weigh(index, counts);
    }

    fn weigh(&mut self, index: StakeIndex, weight: Weight) {
        let stake = &mut self.stakes[index.as_usize()];
        let before = std::mem::replace(&mut stake.weight, weight);
        if before == weight {
            return;
        }
        self.changes[index.as_usize()] += 1;
        // What is inside is known while the range is open, and the same before and after where it is open at both times.
        let range = stake.range;
        let so_far = (!before.is_zero()).then(|| self.board.so_far(range));
        self.board.replace(range, before, weight);
        let Inside { growth, counted } = so_far.unwrap_or_else(|| self.board.so_far(range));
        stake.base = if before > weight {
            stake.base.wrapping_add(times(growth.as_limbs(), (before - weight).as_limbs()))
        } else {
            stake.base.wrapping_sub(times(growth.as_limbs(), (weight - before).as_limbs()))
        };
        if let (Some(unpaid), Some(counted)) = (&mut self.unpaid, counted) {
            let by = counted.of_change(before, weight);
            unpaid.weigh(index, &by);
            self.board.weigh_counted(&by);
        }
    }

    /// Puts aside what a settled stake earned for its last owner, and takes up what it earned for this one before.
    fn hand_over(&mut self, index: StakeIndex, owner: Owner) {
        let stake = &mut self.stakes[index.as_usize()];
        let so_far = (!stake.weight.is_zero()).then(|| self.board.so_far(stake.range));
        let earned = so_far.map_or(stake.base, |so_far| stake.earned(&so_far.growth));
        let earner = |account| Earner { stake: index, through: None, account };
        if let (Some(unpaid), Owner::Account(account)) = (&mut self.unpaid, stake.owner) {
            let counted = so_far.and_then(|so_far| so_far.counted);
            let counted = counted.map(|counted| counted.of_change(Weight::ZERO, stake.weight));
            unpaid.hand_over(earner(account), counted);
        }
        self.changes[index.as_usize()] += 1;
        let before = std::mem::replace(&mut stake.owner, owner);
        match before {
            Owner::Account(account) if !earned.is_zero() => {
                self.past.put(earner(account), earned);
            }
            Owner::Account(_) => {}
            Owner::Vault(vault) => {
                self.vaults.entry(vault).or_default().owned.remove(&index);
            }
        }
        let earned_before = match owner {
            Owner::Account(account) => self.past.take(&earner(account)),
            Owner::Vault(vault) => {
                self.vaults.entry(vault).or_default().owned.insert(index);
                Growth::ZERO
            }
        };
        stake.base = stake.base.wrapping_sub(earned).wrapping_add(earned_before);
    }
}

impl Stake {
    /// What it has earned for its owner, now that so much has grown inside its range.
    fn earned(&self, growth: &Growth) -> Growth {
        self.base.wrapping_add(times(growth.as_limbs(), self.weight.as_limbs()))
    }

    fn nobodys() -> Self {
        let range = TickRange::default();
        let (weight, base) = (Weight::ZERO, Growth::ZERO);
        Self { owner: NOBODY, range, liquidity: Liquidity(0), weight, base }
    }
}
