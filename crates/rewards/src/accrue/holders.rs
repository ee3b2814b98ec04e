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

pub use earnings::Earnings;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256, U512};
use serde::{Deserialize, Serialize};

use super::board::{Board, Growths};
use super::growth::{Growth, WEIGHT_BITS, Weight, times, weight};
use crate::compact;
use crate::math::memo::RangeMemo;
use crate::ownership::{Owner, StakeIndex, VaultIndex};
use crate::unit::{Liquidity, TickRange};
use past::Past;
use unpaid::Unpaid;

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
    /// The growth inside the range when it was last brought up to date; nothing where nothing of it counts.
    #[serde(with = "compact")]
    growth: Growth,
    /// Earned for an account up to then, in weighted seconds of the whole emission; a vault's is shared at once.
    #[serde(with = "compact")]
    earned: Growth,
}

/// A vault's shareholders and what its stakes earned for each of their shares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Vault {
    shares: u128,
    /// The sum of its members' weights.
    eligible: Weight,
    members: BTreeMap<Owner, Member>,
    owned: BTreeSet<StakeIndex>,
    /// Earned per weight of a member, by stake.
    per_share: BTreeMap<StakeIndex, Growth>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    shares: u128,
    /// Its shares, or the eligible part of them when it is a vault or excluded.
    weight: Weight,
    /// `per_share` of the vault when it was last brought up to date.
    seen: BTreeMap<StakeIndex, Growth>,
}

/// Whether an account has a share.
pub(super) type Admits<'a> = &'a dyn Fn(Address) -> bool;

const NOBODY: Owner = Owner::Account(Address::ZERO);

/// The part of a vault that is eligible, with twice [`WEIGHT_BITS`] fractional bits.
type Fraction = U512;

const WHOLE: Fraction = U512::from_limbs([0, 0, 0, 0, 1, 0, 0, 0]);

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

    /// A shareholder of a vault has so many shares from now on.
    pub(super) fn set_shares(&mut self, vault: VaultIndex, member: Owner, shares: u128, admits: Admits<'_>) {
        assert!(self.unpaid.is_none(), "where there are vaults, runs are walked");
        self.bring_up_to_date(vault);
        self.settle_member(vault, member);
        let before = self.fraction(vault);
        let fraction = match member {
            Owner::Account(account) if admits(account) => WHOLE,
            Owner::Account(_) => Fraction::ZERO,
            Owner::Vault(inner) => self.fraction(inner),
        };
        let held = self.vaults.entry(vault).or_default();
        let newcomer = || Member { seen: held.per_share.clone(), ..Member::default() };
        let entry = held.members.entry(member).or_insert_with(newcomer);
        held.shares = held.shares - entry.shares + shares;
        entry.shares = shares;
        self.weigh_member(vault, member, fraction, before);
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

    /// Every stake with what of its liquidity counts, rounded down.
    pub(super) fn eligible(&self) -> impl Iterator<Item = (StakeIndex, Liquidity)> + '_ {
        let stakes = (0..).map(StakeIndex).zip(&self.stakes);
        stakes.filter(|(_, stake)| !stake.weight.is_zero()).map(|(index, stake)| {
            let whole: U256 = stake.weight >> WEIGHT_BITS;
            (index, Liquidity(whole.to()))
        })
    }

    /// Whether a stake may be owned by a vault.
    pub(super) fn has_vaults(&self) -> bool {
        !self.vaults.is_empty()
    }

    /// Tells what everybody will have earned once so much has grown in all, in the order of [`Earner`].
    pub(super) fn each_earned(&self, global: &Growths, mut tell: impl FnMut(Earner, Growth)) {
        if !self.vaults.is_empty() {
            let mut settled = self.clone();
            settled.board.grow_to(*global);
            return settled.settle_all().iter().for_each(|(earner, earned)| tell(*earner, *earned));
        }
        // Stakes of one range have one growth, and there are far fewer ranges than stakes.
        let mut growths = RangeMemo::default();
        let mut past = self.past.iter().peekable();
        for (index, stake) in (0..).map(StakeIndex).zip(&self.stakes) {
            let Owner::Account(account) = stake.owner else { continue };
            let mut earned = stake.earned;
            if !stake.weight.is_zero() {
                let inside = || self.board.growth_inside_by(stake.range, global);
                earned = earned.wrapping_add(stake.since(&growths.get(stake.range, inside)));
            }
            if !earned.is_zero() {
                let earner = Earner { stake: index, through: None, account };
                while let Some((before, earned)) = past.next_if(|(before, _)| **before < earner) {
                    tell(*before, *earned);
                }
                tell(earner, earned);
            }
        }
        past.for_each(|(earner, earned)| tell(*earner, *earned));
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

    /// Adds what a stake has earned since it was last looked at to what its owner has.
    fn settle_stake(&mut self, index: StakeIndex) {
        let stake = &mut self.stakes[index.as_usize()];
        if stake.weight.is_zero() {
            return;
        }
        if let Some(unpaid) = &mut self.unpaid
            && unpaid.settle(index, stake, self.board.counted_inside(stake.range))
        {
            // Within a run growth stands still.
            return;
        }
        let growth = self.board.growth_inside(stake.range);
        let since = stake.since(&growth);
        self.changes[index.as_usize()] += 1;
        stake.growth = growth;
        match stake.owner {
            Owner::Account(_) => stake.earned = stake.earned.wrapping_add(since),
            Owner::Vault(vault) => self.share(vault, index, since),
        }
    }

    /// Shares what came to a vault among its members.
    fn share(&mut self, vault: VaultIndex, stake: StakeIndex, earned: Growth) {
        let Some(held) = self.vaults.get_mut(&vault).filter(|held| !held.eligible.is_zero()) else { return };
        let per_share = held.per_share.entry(stake).or_default();
        *per_share = per_share.wrapping_add(earned / Growth::from(held.eligible));
    }

    /// Brings a vault's `per_share` up to date: its own stakes, and what it gets as a member of others.
    fn bring_up_to_date(&mut self, vault: VaultIndex) {
        let owned: Vec<StakeIndex> =
            self.vaults.get(&vault).into_iter().flat_map(|held| held.owned.iter().copied()).collect();
        owned.into_iter().for_each(|stake| self.settle_stake(stake));
        for above in self.above(vault) {
            self.bring_up_to_date(above);
            self.settle_member(above, Owner::Vault(vault));
        }
    }

    /// The vaults that have this one as a member.
    fn above(&self, vault: VaultIndex) -> Vec<VaultIndex> {
        let member = Owner::Vault(vault);
        let is_above = |held: &&Vault| held.members.contains_key(&member);
        let found = self.vaults.iter().filter(|(_, held)| is_above(held));
        found.map(|(above, _)| *above).collect()
    }

    /// Gives a member what its shares have earned since it was last looked at.
    fn settle_member(&mut self, vault: VaultIndex, member: Owner) {
        let Some(held) = self.vaults.get_mut(&vault) else { return };
        let Some(entry) = held.members.get_mut(&member) else { return };
        let mut got = Vec::new();
        for (stake, per_share) in &held.per_share {
            let seen = entry.seen.entry(*stake).or_default();
            let since = times(per_share.wrapping_sub(*seen), Growth::from(entry.weight));
            *seen = *per_share;
            if !since.is_zero() {
                got.push((*stake, since));
            }
        }
        for (stake, earned) in got {
            match member {
                Owner::Account(account) => {
                    self.past.add(Earner { stake, through: Some(vault), account }, earned);
                }
                Owner::Vault(inner) => self.share(inner, stake, earned),
            }
        }
    }

    /// Weighs a member that was brought up to date, then what the vault owns, then the vault in those above it.
    /// `before` is the part of the vault that counted until now.
    fn weigh_member(&mut self, vault: VaultIndex, member: Owner, fraction: Fraction, before: Fraction) {
        let held = self.vaults.get_mut(&vault).expect("a member is of a vault");
        let entry = held.members.get_mut(&member).expect("only members are weighed");
        let counts = (Fraction::from(entry.shares) * fraction) >> WEIGHT_BITS;
        let weight = Weight::from(counts);
        held.eligible = held.eligible - entry.weight + weight;
        entry.weight = weight;
        if entry.shares == 0 {
            // What it earned is in `past`; should it come back, it begins where the vault then stands.
            held.members.remove(&member);
        }
        let after = self.fraction(vault);
        if before == after {
            return;
        }
        let owned: Vec<StakeIndex> = self.vaults[&vault].owned.iter().copied().collect();
        owned.into_iter().for_each(|stake| self.weigh_anew(stake));
        for above in self.above(vault) {
            let before = self.fraction(above);
            self.weigh_member(above, Owner::Vault(vault), after, before);
        }
    }

    /// The eligible part of a vault's shares; nothing without any.
    fn fraction(&self, vault: VaultIndex) -> Fraction {
        let Some(held) = self.vaults.get(&vault).filter(|held| held.shares > 0) else {
            return Fraction::ZERO;
        };
        (Fraction::from(held.eligible) << WEIGHT_BITS) / Fraction::from(held.shares)
    }

    /// What of a vault's liquidity counts, rounded down.
    fn eligible_part(&self, vault: VaultIndex, liquidity: Liquidity) -> Weight {
        let Some(held) = self.vaults.get(&vault).filter(|held| held.shares > 0) else { return Weight::ZERO };
        Weight::from(
            Fraction::from(held.eligible) * Fraction::from(liquidity.0) / Fraction::from(held.shares),
        )
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
        self.changes[index.as_usize()] += 1;
        let stake = &mut self.stakes[index.as_usize()];
        let before = std::mem::replace(&mut stake.weight, weight);
        self.board.replace(stake.range, before, weight);
        if weight.is_zero() {
            // It means nothing now, and a state with many stakes that are over is smaller so.
            stake.growth = Growth::ZERO;
        } else if before.is_zero() {
            stake.growth = self.board.growth_inside(stake.range);
            if let Some(unpaid) = &mut self.unpaid {
                unpaid.see(index, self.board.counted_inside(stake.range));
            }
        }
    }

    /// Puts aside what a settled stake earned for its last owner, and takes up what it earned for this one before.
    fn hand_over(&mut self, index: StakeIndex, owner: Owner) {
        let stake = &mut self.stakes[index.as_usize()];
        let earner = |account| Earner { stake: index, through: None, account };
        self.changes[index.as_usize()] += 1;
        let before = std::mem::replace(&mut stake.owner, owner);
        match before {
            Owner::Account(account) if !stake.earned.is_zero() => {
                self.past.put(earner(account), stake.earned);
            }
            Owner::Account(_) => {}
            Owner::Vault(vault) => {
                self.vaults.entry(vault).or_default().owned.remove(&index);
            }
        }
        stake.earned = match owner {
            Owner::Account(account) => self.past.take(&earner(account)),
            Owner::Vault(vault) => {
                self.vaults.entry(vault).or_default().owned.insert(index);
                Growth::ZERO
            }
        };
    }
}

impl Stake {
    /// What it earned since it was last brought up to date, now that so much has grown inside its range.
    fn since(&self, growth: &Growth) -> Growth {
        times(growth.wrapping_sub(self.growth), Growth::from(self.weight))
    }

    fn nobodys() -> Self {
        let range = TickRange::default();
        let (weight, growth, earned) = (Weight::ZERO, Growth::ZERO, Growth::ZERO);
        Self { owner: NOBODY, range, liquidity: Liquidity(0), weight, growth, earned }
    }
}
