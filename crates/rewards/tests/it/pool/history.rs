//! Generated histories: a campaign, and a pool's events before, in and after it.

use std::collections::BTreeSet;

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::tracker::{Pool as TrackedPool, PoolTracker};
use accrual_rewards::unit::{Amount, BlockNumber, Tick, TickRange, UnixSeconds};
use alloy_primitives::{Address, U256};
use proptest::prelude::*;

use super::{Edge, MANAGER, Pool, Slot, Step, Target};

/// The time of every pool's first block.
pub(crate) const BORN_AT_SECONDS: u64 = 1_000_000;

const NFT_SLOTS: usize = 6;
const OWN_SLOTS: usize = 2;
const SPACING: i32 = 10;

/// What a property is asked about.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) campaign: Campaign,
    pub(crate) events: Vec<PlacedEvent>,
    pub(crate) edges: BTreeSet<Edge>,
    /// After which event (by thousandths of them) and how many seconds later somebody asks.
    pub(crate) asks: Vec<(usize, u64)>,
}

impl History {
    pub(crate) fn tracker(&self) -> PoolTracker {
        let pool = TrackedPool {
            id: self.campaign.pool.clone(),
            venue: Venue::UniswapV3,
            address: Address::repeat_byte(0xaa),
            position_manager: Some(MANAGER),
            created_block: BlockNumber(1),
            vault: None,
            feeds: Vec::new(),
            wrappers: Vec::new(),
            facts: Default::default(),
        };
        PoolTracker::new(pool, [self.campaign.clone()])
    }

    /// The instants at which somebody asks after the event of this index, seconds after its block.
    pub(crate) fn asks_after(&self, index: usize) -> impl Iterator<Item = u64> {
        let count = self.events.len();
        self.asks
            .iter()
            .filter(move |(thousandths, _)| thousandths * count / 1000 == index)
            .map(|(_, later)| *later)
    }

    pub(crate) fn last_at_seconds(&self) -> u64 {
        self.events.last().map_or(BORN_AT_SECONDS, |event| event.block_at.0)
    }
}

/// Time until the next step.
#[derive(Debug, Clone, Copy)]
enum Gap {
    SameBlock,
    Seconds(u64),
    /// To the campaign's start, and so many seconds past it.
    Start(u64),
    /// To the campaign's end, and so many seconds past it.
    End(u64),
}

/// A whole history of up to `steps` steps, with or without `out_of_range`.
pub(crate) fn histories(steps: usize, out_of_range: bool) -> impl Strategy<Value = History> {
    (campaigns(out_of_range), anchors()).prop_flat_map(move |(campaign, anchor)| {
        let first = (-40..40_i32, 0..1000_u32)
            .prop_map(move |(off, thousandths)| Target::Inside { tick: anchor + off, thousandths });
        let settled = prop::collection::vec(adds(anchor).prop_map(|step| (Gap::SameBlock, step)), 0..6);
        let played = prop::collection::vec((gaps(), plays(anchor)), 1..steps);
        let asks =
            prop::collection::vec((0..1000_usize, prop_oneof![Just(0_u64), 0..50_u64, 0..5000_u64]), 0..4);
        (Just(campaign), first, settled, played, asks).prop_map(|(campaign, first, settled, played, asks)| {
            history(campaign, first, &[settled, played].concat(), asks)
        })
    })
}

fn history(campaign: Campaign, first: Target, played: &[(Gap, Step)], asks: Vec<(usize, u64)>) -> History {
    let nfts = (0..NFT_SLOTS).map(|_| Slot::Nft { generation: 0 });
    let owns = (0..OWN_SLOTS).map(|n| Slot::Own { owner: account(n * 3) });
    let excluded = (0..ACCOUNTS).map(account).filter(|account| !campaign.admits(*account)).collect();
    let mut pool = Pool::new(BORN_AT_SECONDS, first, nfts.chain(owns).collect(), excluded);
    for (gap, step) in played {
        let until = |at: UnixSeconds, past: u64| (at.0 + past).checked_sub(pool.at_seconds()).unwrap_or(1);
        match *gap {
            Gap::SameBlock => {}
            Gap::Seconds(seconds) => pool.next_block(seconds),
            Gap::Start(past) => pool.next_block(until(campaign.window.starts_at, past)),
            Gap::End(past) => pool.next_block(until(campaign.window.ends_at, past)),
        }
        pool.play(step);
    }
    note_campaign(&mut pool, &campaign);
    History { campaign, events: pool.events, edges: pool.edges, asks }
}

fn note_campaign(pool: &mut Pool, campaign: &Campaign) {
    let Window { starts_at, ends_at } = campaign.window;
    let blocks: BTreeSet<u64> = pool.events.iter().map(|event| event.block_at.0).collect();
    let (first, last) = (BORN_AT_SECONDS, pool.at_seconds());
    let between = |at: u64| first < at && at < last && !blocks.contains(&at);
    let zero = |weights: Weights| [weights.fees, weights.token0, weights.token1].contains(&0);
    for (edge, met) in [
        (Edge::CampaignOverBeforeTheFirstEvent, ends_at.0 <= first),
        (Edge::CampaignAfterTheLastEvent, last < starts_at.0),
        (Edge::StartBetweenBlocks, between(starts_at.0)),
        (Edge::EndBetweenBlocks, between(ends_at.0)),
        (Edge::WindowEndsOnABlock, blocks.contains(&starts_at.0) || blocks.contains(&ends_at.0)),
        (Edge::Blacklisted, !campaign.blacklist.is_empty()),
        (Edge::Whitelisted, !campaign.whitelist.is_empty()),
        (Edge::AZeroWeight, zero(campaign.weights)),
        (Edge::OutOfRangeCounts, campaign.out_of_range),
        (Edge::OutOfRangeDoesNot, !campaign.out_of_range),
        (Edge::BudgetOfOne, campaign.budget.0 == U256::ONE),
        (Edge::BudgetOf2Pow126, campaign.budget.0 >= U256::ONE << 126),
    ] {
        pool.note(edge, met);
    }
}

const ACCOUNTS: usize = 5;

fn account(number: usize) -> Address {
    Address::with_last_byte(u8::try_from(number + 1).expect("there are few accounts"))
}

fn accounts() -> impl Strategy<Value = Address> {
    (0..ACCOUNTS).prop_map(account)
}

fn campaigns(out_of_range: bool) -> impl Strategy<Value = Campaign> {
    let lists = (
        prop_oneof![2 => Just(vec![]), 2 => Just(vec![account(3)]), 1 => Just(vec![account(0), account(4)])],
        prop_oneof![4 => Just(vec![]), 1 => Just(vec![account(0), account(3)])],
    );
    (budgets(), windows(), weights(), lists).prop_map(
        move |(budget, window, weights, (blacklist, whitelist))| {
            let campaign = Campaign {
                id: "campaign".parse().expect("a good id"),
                pool: "pool".parse().expect("a good id"),
                merkl_campaign_id: None,
                reward_token: Address::repeat_byte(0xbb),
                budget: Amount(U256::from(budget)),
                fee_ppm: 0,
                window,
                scoring: Scoring::PerBlock,
                run_seconds: None,
                weights,
                out_of_range,
                blacklist: blacklist.into_iter().collect(),
                whitelist: whitelist.into_iter().collect(),
                value_min_usd: None,
                versions: Vec::new(),
            };
            campaign.checked().expect("a payable campaign")
        },
    )
}

fn budgets() -> impl Strategy<Value = u128> {
    prop_oneof![
        Just(1),
        1..100_u128,
        Just(10_u128.pow(24)),
        Just(u128::MAX),
        (0..128_u32, 1..=u128::MAX).prop_map(|(bits, number)| (number >> bits).max(1))
    ]
}

fn windows() -> impl Strategy<Value = Window> {
    let start = prop_oneof![
        2 => BORN_AT_SECONDS - 900..BORN_AT_SECONDS,
        3 => Just(BORN_AT_SECONDS),
        6 => BORN_AT_SECONDS..BORN_AT_SECONDS + 200,
        1 => Just(1_000_000_000_u64),
    ];
    let duration = prop_oneof![1 => Just(1_u64), 3 => 1..200_u64, 4 => 100..5000_u64, 2 => 5000..10_000_000_u64, 1 => Just((1 << 32) - 1)];
    (start, duration).prop_map(|(start, duration)| Window {
        starts_at: UnixSeconds(start),
        ends_at: UnixSeconds(start + duration),
    })
}

fn weights() -> impl Strategy<Value = Weights> {
    let weight = || prop_oneof![Just(0_u32), Just(1), Just(3000), 1..=1_000_000_u32];
    (weight(), weight(), weight()).prop_map(|(fees, token0, token1)| {
        let fees = if fees + token0 + token1 == 0 { 1 } else { fees };
        Weights { fees, token0, token1 }
    })
}

/// The tick around which a history happens.
fn anchors() -> impl Strategy<Value = i32> {
    prop_oneof![4 => Just(0), 3 => Just(-276_320), 3 => -50_000..50_000_i32, 1 => Just(-887_200), 1 => Just(887_200)]
        .prop_map(|tick| tick / SPACING * SPACING)
}

fn gaps() -> impl Strategy<Value = Gap> {
    prop_oneof![
        8 => Just(Gap::SameBlock),
        3 => Just(Gap::Seconds(0)),
        20 => (1..40_u64).prop_map(Gap::Seconds),
        1 => (1000..200_000_u64).prop_map(Gap::Seconds),
        1 => (0..2_u64).prop_map(Gap::Start),
        1 => (0..2_u64).prop_map(Gap::End),
    ]
}

fn plays(anchor: i32) -> impl Strategy<Value = Step> {
    let slot = || 0..NFT_SLOTS + OWN_SLOTS;
    let flicker = (slot(), ranges(anchor), liquidities());
    let part = prop_oneof![Just(1000_u32), 1..1000_u32];
    prop_oneof![
        8 => targets(anchor).prop_map(Step::Swap),
        8 => adds(anchor),
        4 => (slot(), part).prop_map(|(slot, thousandths)| Step::Remove { slot, thousandths }),
        1 => flicker.prop_map(|(slot, range, liquidity)| Step::Flicker { slot, range, liquidity }),
        1 => slot().prop_map(|slot| Step::Poke { slot }),
        5 => (slot(), accounts()).prop_map(|(slot, to)| Step::Give { slot, to }),
        1 => slot().prop_map(|slot| Step::Destroy { slot }),
        1 => any::<u8>().prop_map(Step::Aside),
    ]
}

fn adds(anchor: i32) -> impl Strategy<Value = Step> {
    let to = prop::option::weighted(0.8, accounts());
    (0..NFT_SLOTS + OWN_SLOTS, ranges(anchor), liquidities(), to)
        .prop_map(|(slot, range, liquidity, to)| Step::Add { slot, range, liquidity, to })
}

fn targets(anchor: i32) -> impl Strategy<Value = Target> {
    let end = || (-9..=9_i32).prop_map(move |steps| anchor + steps * SPACING);
    prop_oneof![
        8 => (-100..100_i32, 0..1000_u32)
            .prop_map(move |(off, thousandths)| Target::Inside { tick: anchor + off, thousandths }),
        9 => end().prop_map(Target::Onto),
        2 => end().prop_map(Target::JustBelow),
        2 => end().prop_map(Target::JustAbove),
        2 => (-3000..3000_i32).prop_map(move |off| Target::Inside { tick: anchor + off, thousandths: 0 }),
        1 => Just(Target::Min),
        1 => Just(Target::Max),
    ]
}

/// Ranges that share their ends, in steps of the spacing around the anchor; the last is the full range.
fn ranges(anchor: i32) -> impl Strategy<Value = TickRange> {
    const STEPS: [(i32, i32); 10] =
        [(-6, -3), (-3, 3), (-3, 0), (0, 3), (-1, 1), (0, 1), (3, 9), (-60, 60), (-9, -3), (-90_000, 90_000)];
    prop::sample::select(&STEPS[..]).prop_map(move |(lower, upper)| {
        let tick = |steps: i32| Tick((anchor + steps * SPACING).clamp(-887_270, 887_270));
        let (lower, upper) = (tick(lower), tick(upper));
        if lower < upper {
            TickRange { lower, upper }
        } else {
            TickRange { lower: Tick(-887_270), upper: Tick(887_270) }
        }
    })
}

fn liquidities() -> impl Strategy<Value = u128> {
    prop_oneof![
        1 => Just(1_u128),
        2 => 1..1000_u128,
        6 => 10_u128.pow(12)..10_u128.pow(22),
        1 => Just(1 << 100),
        1 => (0..100_u32).prop_map(|bits| (1 << bits) + 1),
    ]
}
