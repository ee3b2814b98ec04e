//! What is followed: three pools and a token, with campaigns of every scoring.

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, Wrapper, WrapperKind};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use alloy::primitives::{Address, U256};

use crate::chain::{FIRST, HOUR_SECONDS, born_at};
use crate::node::REWARD_TOKEN;
use crate::world::{GAUGE, MANAGER, POOLS, STAKED, TOKEN, account};

const STARTS_AT: UnixSeconds = UnixSeconds(HOUR_SECONDS - 900);
const ENDS_AT: UnixSeconds = UnixSeconds(HOUR_SECONDS + 1200);

/// The pools that are followed; the third of [`POOLS`] is not.
pub(crate) fn pools() -> Vec<Pool> {
    let pool = |id: &str, venue: Venue, address: Address, created_block: u64| Pool {
        id: id.parse().expect("a good name"),
        venue,
        address,
        position_manager: venue.is_concentrated().then_some(MANAGER),
        created_block: BlockNumber(created_block),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    };
    let kind = WrapperKind::ClGauge;
    let gauge = Wrapper { kind, address: GAUGE, holder: GAUGE, to: None };
    let staked = pool("staked", Venue::AerodromeCl, POOLS[STAKED], born_at(STAKED));
    vec![
        pool("one", Venue::UniswapV3, POOLS[0], born_at(0)),
        pool("two", Venue::UniswapV3, POOLS[1], born_at(1)),
        Pool { wrappers: vec![gauge], ..staked },
        pool("token", Venue::Erc20, TOKEN, FIRST),
    ]
}

/// One for each pool.
pub(crate) fn campaigns() -> Vec<Campaign> {
    let campaign = |pool: &str, scoring: Scoring, weights: Weights| {
        let campaign = Campaign {
            id: format!("of-{pool}").parse().expect("a good name"),
            pool: pool.parse().expect("a good name"),
            merkl_campaign_id: None,
            reward_token: REWARD_TOKEN,
            budget: Amount(U256::from(10).pow(U256::from(24))),
            fee_ppm: 0,
            window: Window { starts_at: STARTS_AT, ends_at: ENDS_AT },
            scoring,
            run_seconds: Some(900),
            weights,
            out_of_range: false,
            blacklist: [account(5)].into(),
            whitelist: [].into(),
            value_min_usd: None,
            versions: Vec::new(),
        };
        campaign.checked().expect("a payable campaign")
    };
    let parts = Weights { fees: 4000, token0: 3000, token1: 3000 };
    vec![
        campaign("one", Scoring::PerBlock, parts),
        campaign("two", Scoring::SwapWeighted, parts),
        campaign("staked", Scoring::TimeWeighted, parts),
        campaign("token", Scoring::TimeWeighted, Weights { fees: 1, token0: 0, token1: 0 }),
    ]
}
