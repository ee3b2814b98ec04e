//! The rehearsal's part of an accrual configuration.

use super::Story;

/// One who provides from the campaign's first day on: see the scene of several mints.
const EXCLUDED: usize = 21;

/// `[[tokens]]`, `[[pools]]`, `[[campaigns]]` and `[[prices]]`, as accrual reads them.
pub(super) fn config_toml(story: &Story) -> String {
    let (stage, pool, venues) = (&story.stage, &story.pool, &story.venues);
    format!(
        r#"# A rehearsal: made-up tokens, people and prices on a chain of its own.

[[tokens]]
address = "{usd}"
symbol = "rUSD"
decimals = 6

[[tokens]]
address = "{tkn}"
symbol = "rTKN"
decimals = 18

[[tokens]]
address = "{reward}"
symbol = "rTMAI"
decimals = 18

[[tokens]]
address = "{weth}"
symbol = "rWETH"
decimals = 18

[[pools]]
id = "rusd-rtkn"
venue = "uniswap_v3"
address = "{pool}"
position_manager = "{manager}"
created_block = {created_block}
# A gauge of our own takes NFTs as Slipstream's do, and a vault holds a range for those who hold its token.
[[pools.wrappers]]
kind = "cl_gauge"
address = "{nft_gauge}"
[[pools.wrappers]]
kind = "erc20_vault"
address = "{range_vault}"

# A pair of our own, in place of Aerodrome's volatile pool: their compiled code is in no package.
[[pools]]
id = "rweth-rtkn"
venue = "aerodrome_basic"
address = "{pair}"
created_block = {pair_block}
[[pools.wrappers]]
kind = "erc20_gauge"
address = "{pair_gauge}"
[[pools.wrappers]]
kind = "erc20_vault"
address = "{pair_vault}"

# A weighted pool of 5 % rWETH and 95 % rTKN in Balancer's real Vault, with a gauge of our own.
[[pools]]
id = "rweth-rtkn-95"
venue = "balancer_v2"
address = "{weighted}"
vault = "{balancer}"
created_block = {weighted_block}
[[pools.wrappers]]
kind = "erc20_gauge"
address = "{weighted_gauge}"

[[campaigns]]
id = "rehearsal-usd-tkn"
pool = "rusd-rtkn"
reward_token = "{reward}"
budget_units = "14920000000000000000000000"
starts_at = "2025-06-05T17:00:00Z"
ends_at = "2025-06-19T17:00:00Z"
scoring = "per_block"
weights = {{ fees = 4000, token0 = 3000, token1 = 3000 }}
out_of_range = false

# The same pool with other rules: liquidity counts out of range too, and one active provider does not.
[[campaigns]]
id = "rehearsal-usd-tkn-wide"
pool = "rusd-rtkn"
reward_token = "{reward}"
budget_units = "1000000000000000000000000"
starts_at = "2025-06-05T17:00:00Z"
ends_at = "2025-06-19T17:00:00Z"
scoring = "per_block"
weights = {{ fees = 2000, token0 = 5000, token1 = 3000 }}
out_of_range = true
blacklist = ["{excluded}"]

# The first campaign again, by the other scorings.
[[campaigns]]
id = "rehearsal-usd-tkn-swaps"
pool = "rusd-rtkn"
reward_token = "{reward}"
budget_units = "14920000000000000000000000"
starts_at = "2025-06-05T17:00:00Z"
ends_at = "2025-06-19T17:00:00Z"
scoring = "swap_weighted"
run_seconds = 7200
weights = {{ fees = 4000, token0 = 3000, token1 = 3000 }}

[[campaigns]]
id = "rehearsal-usd-tkn-time"
pool = "rusd-rtkn"
reward_token = "{reward}"
budget_units = "14920000000000000000000000"
starts_at = "2025-06-05T17:00:00Z"
ends_at = "2025-06-19T17:00:00Z"
scoring = "time_weighted"
run_seconds = 7200
weights = {{ fees = 4000, token0 = 3000, token1 = 3000 }}

[[campaigns]]
id = "rehearsal-weth-tkn"
pool = "rweth-rtkn"
reward_token = "{reward}"
budget_units = "16790000000000000000000000"
starts_at = "2025-06-05T17:00:00Z"
ends_at = "2025-06-19T17:00:00Z"

[[campaigns]]
id = "rehearsal-weth-tkn-95"
pool = "rweth-rtkn-95"
reward_token = "{reward}"
budget_units = "5600000000000000000000000"
starts_at = "2025-06-05T17:00:00Z"
ends_at = "2025-06-19T17:00:00Z"

# Figures of the rehearsal, made up: nobody pays them. The feeds are ours; rTKN has the price that the crowd's pool gives it.
[[prices]]
token = "{usd}"
source = "chainlink"
feed = "{dollar_feed}"
sequencer_feed = "{sequencer_feed}"

[[prices]]
token = "{weth}"
source = "chainlink"
feed = "{ether_feed}"
sequencer_feed = "{sequencer_feed}"

[[prices]]
token = "{tkn}"
source = "pool"
pool = "rusd-rtkn"

[[prices]]
token = "{reward}"
source = "fixed"
price_usd = "0.00066"
"#,
        usd = stage.usd,
        tkn = stage.tkn,
        reward = stage.reward,
        pool = pool.address,
        manager = stage.manager,
        created_block = pool.created_block,
        excluded = story.people[EXCLUDED],
        weth = venues.weth,
        nft_gauge = venues.nft_gauge,
        range_vault = venues.range_vault,
        pair = venues.pair.address,
        pair_block = venues.pair.created_block,
        pair_gauge = venues.pair.gauge,
        pair_vault = venues.pair.vault,
        weighted = venues.weighted.address,
        weighted_block = venues.weighted.created_block,
        weighted_gauge = venues.weighted.gauge,
        balancer = venues.weighted.vault,
        dollar_feed = venues.dollar_feed.proxy,
        ether_feed = venues.ether_feed.proxy,
        sequencer_feed = venues.sequencer_feed.proxy,
    )
}
