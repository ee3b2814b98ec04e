//! A real distribution of Stake DAO's, split by time-weighted balances, is reproduced to the unit.
//!
//! Each of its incentives is one run of `time_weighted` over a pool without price: the balances that it states are
//! time integrals, and the engine is given holdings whose integrals they are. What it pays is
//! `floor(amount * balance / sum of balances)`, and the last one of the list has what rounding leaves besides. Three
//! incentives depart from that, each in a way that is checked here too:
//!
//! - 2042 and 2043 divide by more than the balances listed. The difference is the weight of somebody who is not in
//!   the list, and whose part was paid to [`HEIR`]: with that weight in the sum, every amount follows.
//! - 2041 states a balance of zero for its only account, and pays it everything.
//!
//! The recording lies beside the project, not in it: `ACCRUAL_SHARED` names its folder, else the first `shared` above.

use std::path::PathBuf;

use accrual_rewards::accrue::{CampaignAccrual, Shape, When};
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::ledger::pooled::WHOLE;
use accrual_rewards::ledger::{Change, PriceChange};
use accrual_rewards::ownership::{Move, Owner, StakeIndex};
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, SqrtPriceX96, Tick, UnixSeconds};
use alloy_primitives::{Address, U256, address};
use serde_json::Value;

/// Who was paid the part of somebody that 2042 and 2043 do not list.
const HEIR: Address = address!("794addD03889C2b96b16ad230E372B78964d9C76");

/// The weights that 2042 and 2043 do not list: the least ones with which their amounts follow.
const UNLISTED: [(u64, &str); 2] =
    [(2042, "810733979004754840798862559090686718"), (2043, "15039103830305139056793843080056894")];

/// The incentive that states no balance.
const WITHOUT_BALANCE: u64 = 2041;

/// The weights pass 128 bits, so they are held as this many seconds' worth of liquidity, and one second's of the rest.
const LONG_SECONDS: u64 = 1 << 20;
const RUN_SECONDS: u32 = 1 << 21;
const STARTS_AT: u64 = 832 * (1 << 21);

struct Incentive {
    id: u64,
    amount: Amount,
    users: Vec<User>,
}

struct User {
    address: Address,
    balance: U256,
    amount: Amount,
}

#[test]
fn each_amount_is_its_share_rounded_down_and_the_last_has_the_rest() {
    let mut checked = 0;
    for incentive in incentives().iter().filter(|incentive| incentive.id != WITHOUT_BALANCE) {
        let (mut weights, _) = weights(incentive);
        let whole: U256 = weights.iter().copied().sum();
        let share = |weight| incentive.amount.mul_div(weight, whole).unwrap().0;
        weights = weights.into_iter().map(share).collect();
        assert_eq!(paid(incentive, weights), stated(incentive), "incentive {}", incentive.id);
        checked += 1;
    }
    assert!(
        checked == 10 || checked == 0,
        "{checked} of 10 incentives, or none where the recording is missing"
    );
}

#[test]
fn the_engine_pays_each_amount_in_one_run() {
    for incentive in incentives().iter().filter(|incentive| incentive.id != WITHOUT_BALANCE) {
        let (weights, ends_at) = (weights(incentive).0, UnixSeconds(STARTS_AT + LONG_SECONDS + 1));
        let figures = by_engine(incentive.amount, &weights).figures(ends_at).unwrap();
        assert_eq!(figures.emitted, incentive.amount, "incentive {}: all of it", incentive.id);
        let mut earned = vec![U256::ZERO; weights.len()];
        figures.rows.iter().for_each(|row| earned[row.stake.as_usize()] = row.earned.0);
        assert_eq!(paid(incentive, earned), stated(incentive), "incentive {}", incentive.id);
    }
}

#[test]
fn without_a_balance_nobody_is_paid() {
    for incentive in incentives().iter().filter(|incentive| incentive.id == WITHOUT_BALANCE) {
        let (weights, all_sum_to_nothing) = weights(incentive);
        assert!(all_sum_to_nothing, "it states no balance");
        assert_eq!(incentive.users[0].amount, incentive.amount, "and pays it all");
        let at = UnixSeconds(STARTS_AT + LONG_SECONDS + 1);
        let figures = by_engine(incentive.amount, &weights).figures(at).unwrap();
        assert_eq!(
            figures.undistributed.nobody_eligible, incentive.amount,
            "ours says that nobody was eligible"
        );
    }
}

/// The users' weights in their order, then the unlisted one's where there is one; and whether there is none at all.
fn weights(incentive: &Incentive) -> (Vec<U256>, bool) {
    let mut weights: Vec<U256> = incentive.users.iter().map(|user| user.balance).collect();
    let unlisted = UNLISTED.iter().find(|(id, _)| *id == incentive.id);
    weights.extend(unlisted.map(|(_, weight)| weight.parse::<U256>().expect("digits")));
    let none = weights.iter().all(|weight| weight.is_zero());
    (weights, none)
}

/// What the shares come to for each user: the heir has the unlisted part besides, the last one what rounding left.
fn paid(incentive: &Incentive, mut shares: Vec<U256>) -> Vec<U256> {
    let rest = incentive.amount.0 - shares.iter().copied().sum::<U256>();
    let unlisted = if shares.len() > incentive.users.len() { shares.pop() } else { None };
    if let Some(unlisted) = unlisted {
        let heir = incentive.users.iter().position(|user| user.address == HEIR).expect("the heir is listed");
        shares[heir] += unlisted;
    }
    *shares.last_mut().expect("an incentive has users") += rest;
    shares
}

fn stated(incentive: &Incentive) -> Vec<U256> {
    incentive.users.iter().map(|user| user.amount.0).collect()
}

/// A pool without price whose holders' integrals over the window are `weights`.
fn by_engine(budget: Amount, weights: &[U256]) -> CampaignAccrual {
    let mut accrual = CampaignAccrual::new(campaign(budget), Shape::Pooled);
    let price = PriceChange::new(None, Tick(0), SqrtPriceX96(U256::ONE << 96), None);
    accrual.apply(When::default(), &Move::Pool(Change::Price(price.into())));
    let long = U256::from(LONG_SECONDS);
    for (block, seconds, each) in [(1, 0, long), (2, LONG_SECONDS, U256::ONE)] {
        let when = When { block: BlockNumber(block), at: UnixSeconds(STARTS_AT + seconds) };
        for (stake, weight) in (0..).map(StakeIndex).zip(weights) {
            let held = if each == long { weight / long } else { weight % long };
            let liquidity = Liquidity(u128::try_from(held).expect("it was cut for that"));
            let owner =
                Owner::Account(Address::with_last_byte(u8::try_from(stake.0 + 1).expect("few users")));
            accrual.apply(when, &Move::Stake { stake, range: WHOLE, liquidity, owner });
        }
    }
    accrual
}

fn campaign(budget: Amount) -> Campaign {
    let ends_at = UnixSeconds(STARTS_AT + LONG_SECONDS + 1);
    let campaign = Campaign {
        id: "stake-dao".parse().expect("an id"),
        pool: "vault".parse().expect("an id"),
        merkl_campaign_id: None,
        reward_token: Address::ZERO,
        budget,
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(STARTS_AT), ends_at },
        scoring: Scoring::TimeWeighted,
        run_seconds: Some(RUN_SECONDS),
        weights: Weights { fees: 1, token0: 0, token1: 0 },
        out_of_range: false,
        blacklist: [].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    campaign.checked().expect("a good campaign")
}

/// None where the recording is missing.
fn incentives() -> Vec<Incentive> {
    let Some(file) = recording() else {
        eprintln!("skipped: the recording is not there; it comes with the workplace, not with the project");
        return Vec::new();
    };
    let text = std::fs::read_to_string(file).expect("it can be read");
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    value["incentives"].as_array().expect("a list").iter().map(incentive).collect()
}

fn recording() -> Option<PathBuf> {
    let above =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    let folders = std::env::var_os("ACCRUAL_SHARED").map(PathBuf::from).into_iter().chain(above);
    let mut files = folders.map(|folder| folder.join("data/stakedao_twab/distribution_1787335271.json"));
    files.find(|file| file.exists())
}

fn incentive(value: &Value) -> Incentive {
    let distribution = &value["distribution"];
    Incentive {
        id: distribution["incentiveId"].as_u64().expect("a number"),
        amount: text(&distribution["amountToDistribute"]).parse().expect("an amount"),
        users: value["users"].as_array().expect("a list").iter().map(user).collect(),
    }
}

fn user(value: &Value) -> User {
    User {
        address: text(&value["user"]).parse().expect("an address"),
        balance: text(&value["balance"]).parse().expect("a balance"),
        amount: text(&value["amount"]).parse().expect("an amount"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}
