//! Scorings by run, vaults and versions, on cases that can be counted by hand.

use std::collections::BTreeSet;

use accrual_rewards::accrue::{CampaignAccrual, Figures, FiguresError, Shape, When};
use accrual_rewards::campaign::{Campaign, Scoring, Version, Weights, Window};
use accrual_rewards::ledger::{Change, FeeStep, PriceChange, Trade};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::ownership::{Move, Owner, StakeIndex, VaultIndex};
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, Tick, TickRange, UnixSeconds};
use alloy_primitives::{Address, U256, U512};

const DAY: u64 = 86_400;
const ANN: Address = Address::repeat_byte(0xa1);
const BEN: Address = Address::repeat_byte(0xb2);
const CAT: Address = Address::repeat_byte(0xc3);
const EVE: Address = Address::repeat_byte(0xee);
const WIDE: TickRange = TickRange { lower: Tick(-600), upper: Tick(600) };

/// A play of moves on a campaign, from the price of 1.
struct Play {
    accrual: CampaignAccrual,
    tick: Tick,
    block: u64,
}

impl Play {
    fn new(campaign: Campaign) -> Self {
        Self::shaped(campaign, Shape::Concentrated)
    }

    fn shaped(campaign: Campaign, shape: Shape) -> Self {
        let accrual = CampaignAccrual::new(campaign.checked().expect("a payable campaign"), shape);
        let mut play = Self { accrual, tick: Tick(0), block: 0 };
        play.at(0, &[Move::Pool(Change::Price(price(None, Tick(0)).into()))]);
        play
    }

    fn at(&mut self, at: u64, moves: &[Move]) -> &mut Self {
        self.block += 1;
        let when = When { block: BlockNumber(self.block), at: UnixSeconds(at) };
        moves.iter().for_each(|one| self.accrual.apply(when, one));
        self
    }

    /// A swap that earns `fee` of token1 per unit of liquidity and moves `amount` of it, in place.
    fn swap(&mut self, at: u64, fee: u64, amount: u64) -> &mut Self {
        self.swap_to(at, &[(fee, self.tick)], amount)
    }

    /// A swap in steps of (fee per unit of liquidity, tick after it).
    fn swap_to(&mut self, at: u64, steps: &[(u64, Tick)], amount: u64) -> &mut Self {
        let step = |(fee, tick): &(u64, Tick)| FeeStep {
            growth0_x128: U256::ZERO,
            growth1_x128: U256::from(*fee) << 128,
            tick: *tick,
        };
        let to = steps.last().expect("a swap has a step").1;
        let trade = Trade {
            price: price(Some(self.tick), to),
            amount0: units(0),
            amount1: units(amount),
            steps: Some(steps.iter().map(step).collect()),
        };
        self.tick = to;
        self.at(at, &[Move::Pool(Change::Trade(trade.into()))])
    }

    fn figures(&self, at: u64) -> Figures {
        self.accrual.figures(UnixSeconds(at)).expect("figures of now")
    }

    /// What each of these accounts has earned, and nobody else anything.
    fn expect(&self, name: &str, at: u64, expected: &[(Address, u64)]) -> Figures {
        let figures = self.figures(at);
        let sum = |account: Address| {
            let rows = figures.rows.iter().filter(|row| row.account == account);
            rows.fold(U256::ZERO, |sum, row| sum + row.earned.0)
        };
        let seen: Vec<_> =
            expected.iter().map(|(account, _)| (*account, sum(*account).to::<u64>())).collect();
        assert_eq!(seen, expected, "{name}");
        let others =
            figures.rows.iter().find(|row| !expected.iter().any(|(account, _)| *account == row.account));
        assert_eq!(others, None, "{name}: nobody else is paid");
        let whole = figures.earned.checked_add(figures.undistributed.total);
        assert_eq!(whole, Some(figures.emitted), "{name}: the sum rule");
        figures
    }
}

fn price(from: Option<Tick>, to: Tick) -> PriceChange {
    let sqrt_price_x96 = sqrt_ratio(to).expect("a tick that exists");
    let price_x192: U512 = sqrt_price_x96.0.widening_mul(sqrt_price_x96.0);
    PriceChange::new(from, to, sqrt_price_x96, Some(price_x192))
}

fn stake(stake: u32, liquidity: u128, owner: Owner) -> Move {
    ranged(stake, WIDE, liquidity, owner)
}

fn ranged(stake: u32, range: TickRange, liquidity: u128, owner: Owner) -> Move {
    Move::Stake { stake: StakeIndex(stake), range, liquidity: Liquidity(liquidity), owner }
}

fn shares(vault: u16, member: Owner, shares: u128) -> Move {
    Move::Shares { vault: VaultIndex(vault), member, shares: Liquidity(shares) }
}

fn account(address: Address) -> Owner {
    Owner::Account(address)
}

fn units(number: u64) -> Amount {
    Amount(U256::from(number))
}

fn campaign(scoring: Scoring, budget: u64, days: u64, run_seconds: u32) -> Campaign {
    Campaign {
        id: "june".parse().expect("a good id"),
        pool: "pool".parse().expect("a good id"),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(0xcc),
        budget: units(budget),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(DAY), ends_at: UnixSeconds(DAY + days * DAY) },
        scoring,
        run_seconds: Some(run_seconds),
        weights: Weights { fees: 1, token0: 0, token1: 0 },
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
        value_min_usd: None,
        versions: Vec::new(),
    }
}

fn one_day(scoring: Scoring) -> Campaign {
    campaign(scoring, 200, 1, 86_400)
}

/// Merkl's documents give 75/75/50 for a variable rate, and the ratio of areas for their engine (`facts/merkl.md` 1.4).
#[test]
fn merkls_documented_example() {
    let cases = [(Scoring::PerBlock, [75, 75, 50]), (Scoring::TimeWeighted, [66, 66, 66])];
    for (scoring, [ann, ben, cat]) in cases {
        let mut play = Play::new(one_day(scoring));
        play.at(10, &[stake(0, 100, account(ANN)), stake(1, 100, account(BEN))]);
        play.at(DAY + DAY / 2, &[stake(2, 200, account(CAT))]);
        play.expect(scoring.as_str(), 2 * DAY, &[(ANN, ann), (BEN, ben), (CAT, cat)]);
    }
    // Two runs a day: nothing changes within one, so that both scorings agree.
    let mut play = Play::new(campaign(Scoring::TimeWeighted, 200, 1, 43_200));
    play.at(10, &[stake(0, 100, account(ANN)), stake(1, 100, account(BEN))]);
    play.at(DAY + DAY / 2, &[stake(2, 200, account(CAT))]);
    play.expect("two runs", 2 * DAY, &[(ANN, 75), (BEN, 75), (CAT, 50)]);
}

#[test]
fn a_run_that_is_under_way_counts_as_far_as_it_has_come() {
    let mut play = Play::new(one_day(Scoring::TimeWeighted));
    play.at(10, &[stake(0, 100, account(ANN))]);
    play.at(DAY + DAY / 4, &[stake(1, 100, account(BEN))]);
    play.expect("at midday", DAY + DAY / 2, &[(ANN, 66), (BEN, 33)]);
    play.expect("at the end", 2 * DAY, &[(ANN, 114), (BEN, 85)]);
    play.at(3 * DAY, &[stake(1, 0, account(BEN))]);
    play.expect("long after", 9 * DAY, &[(ANN, 114), (BEN, 85)]);
}

#[test]
fn idle_parts_of_a_run_reach_nobody() {
    let mut play = Play::new(campaign(Scoring::TimeWeighted, 200, 2, 86_400));
    play.at(2 * DAY, &[stake(0, 100, account(ANN))]);
    let figures = play.expect("a day without anybody", 3 * DAY, &[(ANN, 100)]);
    assert_eq!(figures.undistributed.nobody_eligible, units(100));
}

#[test]
fn swaps_pay_the_fees_they_earned() {
    let hour = 3600;
    let mut play = Play::new(campaign(Scoring::SwapWeighted, 2400, 1, 3600));
    play.at(10, &[stake(0, 100, account(ANN)), stake(1, 300, account(BEN))]);
    // First hour: Ann a quarter. Second: nobody swaps. Third: Ben is gone at the first of two equal swaps' end.
    play.swap(DAY + 5, 7, 1000);
    play.expect("a quarter", DAY + hour, &[(ANN, 25), (BEN, 75)]);
    let waiting = play.expect("the second hour waits", DAY + 2 * hour, &[(ANN, 25), (BEN, 75)]);
    assert_eq!(waiting.undistributed.waiting, units(100));
    play.swap(DAY + 2 * hour + 10, 2, 1000);
    play.at(DAY + 2 * hour + 20, &[stake(1, 0, account(BEN))]);
    play.swap(DAY + 2 * hour + 30, 2, 1000);
    // Fees of the third hour: Ann 200 + 200, Ben 600. It pays 200: 80 and 120.
    play.expect("the third pays for both", DAY + 3 * hour, &[(ANN, 105), (BEN, 195)]);
}

#[test]
fn edges_of_a_run_with_swaps() {
    let begin = |at| {
        let mut play = Play::new(campaign(Scoring::SwapWeighted, 2400, 1, 3600));
        play.at(10, &[stake(0, 100, account(ANN))]);
        play.swap(at, 1, 10);
        play
    };
    let boundary = begin(DAY + 3600);
    assert_eq!(boundary.figures(DAY + 3600).undistributed.waiting, units(100), "not yet in any run");
    boundary.expect("of the later run", DAY + 3601, &[(ANN, 100)]);
    assert_eq!(
        begin(DAY + 5).figures(DAY + 5).earned,
        units(0),
        "one in the block that is asked for counts not yet"
    );
    begin(DAY + 5).expect("one block later", DAY + 36, &[(ANN, 1)]);
    begin(2 * DAY).expect("one at the end belongs to no run", 3 * DAY, &[]);
    begin(2 * DAY - 1).expect("the last second pays for the whole day", 3 * DAY, &[(ANN, 2400)]);
    begin(DAY - 1).expect("one before the start belongs to no run", 3 * DAY, &[]);
}

#[test]
fn a_flash_loan_earns_but_is_no_swap() {
    let flash = Change::Fees { growth0_x128: U256::ZERO, growth1_x128: U256::from(3) << 128 };
    let mut play = Play::new(campaign(Scoring::SwapWeighted, 2400, 1, 3600));
    play.at(10, &[stake(0, 100, account(ANN))]);
    play.at(DAY + 5, &[Move::Pool(flash.clone())]);
    play.expect("it waits for a swap", DAY + 3600, &[]);
    play.at(DAY + 3700, &[stake(1, 100, account(BEN))]);
    play.swap(DAY + 3800, 1, 10);
    play.at(DAY + 3900, &[stake(0, 0, account(ANN)), Move::Pool(flash)]);
    // Ben has the swap's half and the loan's whole: 100 and 300 against 100.
    play.expect("with a swap it counts", DAY + 7200, &[(ANN, 40), (BEN, 160)]);
}

#[test]
fn a_swap_pays_each_step_to_those_in_it() {
    let up = TickRange { lower: Tick(0), upper: Tick(60) };
    let beyond = TickRange { lower: Tick(60), upper: Tick(120) };
    let mut play = Play::new(campaign(Scoring::SwapWeighted, 2400, 1, 3600));
    play.at(10, &[ranged(0, up, 100, account(ANN)), ranged(1, beyond, 50, account(BEN))]);
    play.swap_to(DAY + 5, &[(3, Tick(60)), (2, Tick(70))], 10);
    play.expect("300 and 100", DAY + 3600, &[(ANN, 75), (BEN, 25)]);
}

#[test]
fn tokens_are_weighed_after_each_swap_by_its_value() {
    let below = TickRange { lower: Tick(-120), upper: Tick(0) };
    let tokens = Weights { fees: 0, token0: 0, token1: 1 };
    let mut play = Play::new(Campaign { weights: tokens, ..campaign(Scoring::SwapWeighted, 2400, 1, 3600) });
    play.at(10, &[stake(0, 1_000_000, account(ANN)), ranged(1, below, 1_000_000, account(BEN))]);
    // Down into both ranges: the first swap counts Ann and Ben by what they hold there, the second Ann alone.
    play.swap_to(DAY + 5, &[(1, Tick(-60))], 10);
    play.swap_to(DAY + 6, &[(1, Tick(60))], 30);
    let figures = play.figures(DAY + 3600);
    // token1 of Ann at -60: L (s(-60) - s(-600)), at 60: L (s(60) - s(-600)); of Ben at -60: L (s(-60) - s(-120)).
    let sqrt = |tick: i32| sqrt_ratio(Tick(tick)).unwrap().0;
    let ann = (sqrt(-60) - sqrt(-600)) * U256::from(10) + (sqrt(60) - sqrt(-600)) * U256::from(30);
    let ben = (sqrt(-60) - sqrt(-120)) * U256::from(10);
    let due = |part: U256| (part * U256::from(100) / (ann + ben)).to::<u64>();
    play.expect("by amounts", DAY + 3600, &[(ANN, due(ann)), (BEN, due(ben))]);
    assert_eq!(figures.undistributed.waiting, units(0));
}

#[test]
fn a_trade_without_known_fees_is_said() {
    let told = Trade {
        price: price(Some(Tick(0)), Tick(0)),
        amount0: units(0),
        amount1: units(1),
        steps: Some(Vec::new()),
    };
    let without_fees = Trade { steps: None, ..told.clone() };
    let dear = PriceChange { price_x192: Some(U512::ONE << 320), ..price(Some(Tick(0)), Tick(0)) };
    let beyond_counting = Trade { price: dear, amount0: Amount(U256::MAX), ..told };
    for (trade, scoring) in
        [without_fees, beyond_counting].iter().flat_map(|trade| Scoring::ALL.map(|scoring| (trade, scoring)))
    {
        let mut play = Play::new(campaign(scoring, 2400, 1, 3600));
        play.at(10, &[stake(0, 100, account(ANN))]);
        play.at(DAY + 5, &[Move::Pool(Change::Trade(trade.clone().into()))]);
        play.at(DAY + 9000, &[stake(0, 50, account(ANN))]);
        let told = play.accrual.figures(UnixSeconds(2 * DAY));
        let unknown = Err(FiguresError::FeesUnknown { block: BlockNumber(3) });
        assert_eq!(
            told.as_ref().map(|_| ()),
            if scoring == Scoring::SwapWeighted { unknown.as_ref().map(|_: &Figures| ()) } else { Ok(()) }
        );
    }
}

#[test]
fn a_vaults_shareholders_have_its_stakes_pro_rata() {
    let vault = Owner::Vault(VaultIndex(0));
    for scoring in [Scoring::PerBlock, Scoring::TimeWeighted] {
        let mut play = Play::new(one_day(scoring));
        play.at(10, &[shares(0, account(BEN), 30), shares(0, account(CAT), 10)]);
        play.at(20, &[stake(0, 100, account(ANN)), stake(1, 100, vault)]);
        let figures = play.expect("three quarters and one", 2 * DAY, &[(ANN, 100), (BEN, 75), (CAT, 25)]);
        let through: Vec<_> = figures.rows.iter().map(|row| row.through).collect();
        assert_eq!(through, [None, Some(VaultIndex(0)), Some(VaultIndex(0))]);
    }
}

#[test]
fn shares_that_move_take_only_what_comes_later() {
    let vault = Owner::Vault(VaultIndex(0));
    let mut play = Play::new(one_day(Scoring::PerBlock));
    play.at(10, &[shares(0, account(BEN), 40), stake(0, 100, vault)]);
    play.at(DAY + DAY / 2, &[shares(0, account(BEN), 0), shares(0, account(CAT), 40)]);
    play.expect("half a day each", 2 * DAY, &[(BEN, 100), (CAT, 100)]);
    play.at(DAY + 3 * DAY / 4, &[shares(0, account(BEN), 40)]);
    play.expect("one who comes back has what he had", 2 * DAY, &[(BEN, 125), (CAT, 75)]);
}

#[test]
fn what_an_excluded_shareholder_would_have_goes_to_the_whole_pool() {
    let vault = Owner::Vault(VaultIndex(0));
    let excluding = Campaign { blacklist: [EVE].into(), ..one_day(Scoring::PerBlock) };
    let mut play = Play::new(excluding.clone());
    play.at(10, &[shares(0, account(BEN), 25), shares(0, account(EVE), 75)]);
    play.at(20, &[stake(0, 100, account(ANN)), stake(1, 100, vault)]);
    play.expect("100 against 25", 2 * DAY, &[(ANN, 160), (BEN, 40)]);
    // At midday Eve's shares go to Cat, so that all of the vault counts.
    play.at(DAY + DAY / 2, &[shares(0, account(EVE), 0), shares(0, account(CAT), 75)]);
    play.expect("then half, of which Cat has three quarters", 2 * DAY, &[(ANN, 130), (BEN, 32), (CAT, 37)]);

    let mut play = Play::new(excluding);
    play.at(10, &[shares(0, account(EVE), 75), stake(0, 100, account(ANN)), stake(1, 100, vault)]);
    play.expect("a vault of nobody", 2 * DAY, &[(ANN, 200)]);
}

#[test]
fn a_vault_in_a_vault() {
    let (outer, inner) = (Owner::Vault(VaultIndex(0)), Owner::Vault(VaultIndex(1)));
    let mut play = Play::new(Campaign { blacklist: [EVE].into(), ..one_day(Scoring::PerBlock) });
    play.at(10, &[shares(0, account(ANN), 10), shares(0, inner, 30)]);
    play.at(11, &[shares(1, account(BEN), 1), shares(1, account(EVE), 1)]);
    play.at(20, &[stake(0, 400, outer), stake(1, 100, account(CAT))]);
    // Outer 400: Ann 100, inner 300 of which half counts: 150. With Cat's 100 that is 350.
    play.expect("half of the inner one counts", 2 * DAY, &[(ANN, 57), (BEN, 85), (CAT, 57)]);
    play.at(DAY + DAY / 2, &[shares(1, account(EVE), 0)]);
    // From midday on Ann 100, Ben 300, Cat 100 of 500.
    play.expect("then all of it", 2 * DAY, &[(ANN, 48), (BEN, 102), (CAT, 48)]);
}

fn version(since: u64, window: Window, weights: Weights) -> Version {
    Version {
        since: UnixSeconds(since),
        window,
        weights,
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
    }
}

#[test]
fn overrides_take_hold_from_their_block_on() {
    let (starts_at, fees) = (UnixSeconds(DAY), Weights { fees: 1, token0: 0, token1: 0 });
    let until = |day: u64| Window { starts_at, ends_at: UnixSeconds(day * DAY) };
    let with =
        |version: Version| Campaign { versions: vec![version], ..campaign(Scoring::PerBlock, 200, 2, 3600) };
    let play = |campaign: Campaign| {
        let mut play = Play::new(campaign);
        play.at(10, &[stake(0, 100, account(ANN)), stake(1, 100, account(EVE))]);
        play
    };
    // After a day 100 are left; by then the end moves from day 3 to day 6: 25 a day.
    let extended = play(with(version(2 * DAY, until(6), fees)));
    extended.expect("before it", 2 * DAY, &[(ANN, 50), (EVE, 50)]);
    extended.expect("a day after it", 3 * DAY, &[(ANN, 62), (EVE, 62)]);
    extended.expect("at the new end", 7 * DAY, &[(ANN, 100), (EVE, 100)]);
    let shortened =
        play(with(version(2 * DAY, Window { starts_at, ends_at: UnixSeconds(2 * DAY + DAY / 2) }, fees)));
    shortened.expect("half a day for the rest", 2 * DAY + DAY / 4, &[(ANN, 75), (EVE, 75)]);
    let cancelled = play(with(version(2 * DAY, until(1), fees)));
    let figures = cancelled.expect("what is left is never set free", 9 * DAY, &[(ANN, 50), (EVE, 50)]);
    assert_eq!((figures.emitted, figures.budget), (units(100), units(200)));
    let excluded = Version { blacklist: [EVE].into(), ..version(2 * DAY, until(3), fees) };
    play(with(excluded)).expect("one is excluded later", 9 * DAY, &[(ANN, 150), (EVE, 50)]);
}

#[test]
fn shares_of_a_pool_know_no_weights() {
    let tokens = Weights { fees: 0, token0: 1, token1: 0 };
    let mut play = Play::shaped(Campaign { weights: tokens, ..one_day(Scoring::PerBlock) }, Shape::Pooled);
    play.at(10, &[stake(0, 100, account(ANN)), stake(1, 300, account(BEN))]);
    play.expect("by shares", 2 * DAY, &[(ANN, 50), (BEN, 150)]);
}
