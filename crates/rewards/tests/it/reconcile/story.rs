//! A small pool with everybody in it whom a comparison has to tell apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use accrual_rewards::campaign::{Campaign, Scoring, Version, Weights};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::reconcile::beside::{Beside, ChainRoots};
use accrual_rewards::reconcile::{
    Comparison, Known, Margins, Ours, Question, TheirRow, Theirs, compare, fit, in_question, wanted,
};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, U256};

use crate::small::{self, ALICE, BOB, CAROL, Small, range, units};

pub(crate) const DAVE: Address = Address::repeat_byte(0xda);
pub(crate) const EVE: Address = Address::repeat_byte(0xee);
pub(crate) const TINY: Address = Address::repeat_byte(0x71);
pub(crate) const STRANGER: Address = Address::repeat_byte(0x57);
pub(crate) const VAULT: Address = Address::repeat_byte(0xfa);

/// The campaign runs from 1000 to 3000; they have computed up to here, the end of a run.
pub(crate) const END: u64 = 2_500;
pub(crate) const LAST_TRADE: u64 = 2_150;
const RUN_SECONDS: u32 = 100;

/// 1000 whole tokens a second, so that a billionth is more than a unit.
pub(crate) fn campaign() -> Campaign {
    Campaign {
        budget: units(2_000 * 1_000 * small::ONE),
        run_seconds: Some(RUN_SECONDS),
        blacklist: BTreeSet::from([EVE]),
        weights: Weights { fees: 2, token0: 1, token1: 1 },
        ..small::campaign(1_000, 2_000)
    }
}

/// The same, paid by liquidity alone from 1777 on.
pub(crate) fn overridden() -> Campaign {
    let campaign = campaign();
    let version = Version {
        since: UnixSeconds(1_777),
        window: campaign.window,
        weights: Weights { fees: 1, token0: 0, token1: 0 },
        out_of_range: false,
        blacklist: campaign.blacklist.clone(),
        whitelist: BTreeSet::new(),
    };
    Campaign { versions: vec![version], ..campaign }
}

pub(crate) struct Story {
    campaign: Campaign,
    events: Vec<PlacedEvent>,
}

/// A question with what it borrows.
pub(crate) struct Asked<'a> {
    story: &'a Story,
    pub(crate) theirs: Theirs,
    pub(crate) earlier: BTreeMap<Address, Amount>,
    pub(crate) beside: Beside,
    pub(crate) chain: Option<ChainRoots>,
}

fn vault() -> Wrapper {
    Wrapper { kind: WrapperKind::Erc20Vault, address: VAULT, holder: VAULT, to: None }
}

impl Story {
    pub(crate) fn play(campaign: Campaign) -> Self {
        let mut small = Small::new(vec![campaign.clone()], vec![vault()], 900, 0);
        let shares = |from, to, shares: u64| PoolEvent::WrapperSharesMoved {
            wrapper: VAULT,
            from,
            to,
            shares: units(shares),
        };
        small.at(910).add(BOB, range(-600, 600), 4_000_000_000_000);
        small.at(920).add(VAULT, range(-1200, 1200), 3_000_000_000_000);
        small.at(921).play(shares(Address::ZERO, ALICE, 3_000_000)).play(shares(
            Address::ZERO,
            DAVE,
            1_000_000,
        ));
        small.at(930).add(ALICE, range(-60, 300), 700_000_000_000);
        small.at(940).add(EVE, range(-600, 600), 1_000_000_000_000);
        small.at(950).add(TINY, range(-600, 600), 400_000);
        small.at(1_100).swap(40);
        small.at(1_240).add(CAROL, range(-120, 120), 2_500_000_000_000);
        small.at(1_333).swap(-90);
        small.at(1_500).swap(70);
        small.at(1_640).remove(CAROL, range(-120, 120), 1_000_000_000_000);
        small.at(1_745).swap(10);
        small.at(1_905).swap(130);
        small.at(2_020).swap(-20);
        small.at(2_075).add(BOB, range(-600, 600), 500_000_000_000);
        small.at(LAST_TRADE).swap(25);
        Self { campaign, events: small.events }
    }

    /// One for all cases of a property.
    pub(crate) fn shared() -> &'static Self {
        static STORY: OnceLock<Story> = OnceLock::new();
        STORY.get_or_init(|| Self::play(campaign()))
    }

    /// `None` where the fees of its made-up swaps would be needed.
    fn told(&self, campaign: &Campaign, at: u64) -> Option<Ours> {
        let mut tracker = PoolTracker::new(small::pool(vec![vault()]), [campaign.clone()]);
        let events = self.events.iter().filter(|event| event.block_at.0 <= at);
        events.for_each(|event| tracker.apply(event).unwrap());
        Ours::of(&tracker, &campaign.id, UnixSeconds(at)).unwrap().ok()
    }

    fn ours(&self, campaign: &Campaign, at: u64) -> Ours {
        self.told(campaign, at).unwrap()
    }

    /// What everybody has by a changed campaign.
    pub(crate) fn rows_of(&self, change: impl FnOnce(&mut Campaign), at: u64) -> BTreeMap<Address, Amount> {
        let mut campaign = self.campaign.clone();
        change(&mut campaign);
        let ours = self.ours(&campaign, at);
        ours.accounts.into_iter().map(|(account, one)| (account, one.earned)).collect()
    }

    pub(crate) fn rows(&self, scoring: Scoring, at: u64) -> BTreeMap<Address, Amount> {
        self.rows_of(|campaign| campaign.scoring = scoring, at)
    }

    /// What an account has through the vault.
    pub(crate) fn through_vault(&self, account: Address) -> Amount {
        let ours = self.ours(&self.campaign, END);
        let parts = ours.accounts[&account].parts.iter().filter(|part| part.via == [VAULT]);
        parts.fold(Amount::ZERO, |sum, part| sum.checked_add(part.earned).unwrap())
    }

    pub(crate) fn question(&self, rows: &BTreeMap<Address, Amount>, until: u64) -> Asked<'_> {
        // Half in the root and half pending, under two reasons.
        let row = |(account, amount): (&Address, &Amount)| {
            let half = Amount(amount.0 / U256::from(2));
            let row = |reason: &str, amount, pending| TheirRow {
                account: *account,
                reason: reason.to_owned(),
                amount,
                claimed: Some(Amount::ZERO),
                pending,
            };
            [
                row("UniswapV3", Amount::ZERO, half),
                row("Other", amount.checked_sub(half).unwrap(), Amount::ZERO),
            ]
        };
        let mut theirs = Theirs::new(UnixSeconds(until), rows.iter().flat_map(row)).unwrap();
        // As if all were in the root, so that a leaf is an account's sum.
        for account in theirs.accounts.values_mut() {
            (account.amount, account.pending) = (account.computed, Amount::ZERO);
        }
        Asked { story: self, theirs, earlier: BTreeMap::new(), beside: Beside::default(), chain: None }
    }

    pub(crate) fn compare(
        &self,
        rows: &BTreeMap<Address, Amount>,
        until: u64,
        change: impl FnOnce(&mut Theirs),
    ) -> Comparison {
        let mut asked = self.question(rows, until);
        change(&mut asked.theirs);
        asked.compare()
    }
}

impl Asked<'_> {
    /// In two passes, as the command does it.
    pub(crate) fn compare(&self) -> Comparison {
        let (story, theirs) = (self.story, &self.theirs);
        let at = theirs.computed_until.0;
        let scored = |scoring| Campaign { scoring, ..story.campaign.clone() };
        let ours: Vec<(Scoring, Ours)> = Scoring::ALL
            .into_iter()
            .filter_map(|scoring| Some((scoring, story.told(&scored(scoring), at)?)))
            .collect();
        let margins = Margins::default();
        let prices = Default::default();
        let known =
            Known { last_trade_at: Some(UnixSeconds(LAST_TRADE)), run_seconds: RUN_SECONDS, prices: &prices };
        let fits = fit(theirs, &ours, margins, story.campaign.scoring);
        let all: BTreeSet<_> = ours.iter().flat_map(|(_, ours)| ours.accounts.keys()).collect();
        let asked = in_question(&fits, all.len()).into_iter().map(|scoring| {
            let own = &ours.iter().find(|(one, _)| *one == scoring).unwrap().1;
            let wanted = wanted(&scored(scoring), theirs, own, known).into_iter();
            let answered = wanted.map(|one| {
                let ours = story.ours(&one.campaign, one.at.0);
                one.answered(&ours)
            });
            (scoring, answered.collect())
        });
        let answers: Vec<_> = asked.collect();
        compare(&Question {
            campaign: &story.campaign,
            wrappers: &[vault()],
            contracts: &BTreeSet::new(),
            theirs,
            ours: &ours,
            answers: &answers,
            seen: &[],
            earlier: &self.earlier,
            beside: &self.beside,
            chain: self.chain.as_ref(),
            margins,
            tolerance_ppm: 1_000,
        })
    }
}
