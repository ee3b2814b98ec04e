//! The rehearsal's part of an accrual configuration.

use super::Story;

/// One who provides from the campaign's first day on: see the scene of several mints.
const EXCLUDED: usize = 21;

/// `[[tokens]]`, `[[pools]]`, `[[campaigns]]` and `[[prices]]`, as accrual reads them.
pub(super) fn config_toml(story: &Story) -> String {
    let (stage, pool) = (&story.stage, &story.pool);
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

[[pools]]
id = "rusd-rtkn"
venue = "uniswap_v3"
address = "{pool}"
position_manager = "{manager}"
created_block = {created_block}

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

# Figures of the rehearsal, made up: nobody pays them. That of rTKN is the pool's at its first tick, 283200, where
# 1.0001^283200 x 10^6 / 10^18 = 1.98886 rTKN stand for one rUSD. It stays fixed while the pool's price moves.
[[prices]]
token = "{usd}"
source = "fixed"
price_usd = "1.00"

[[prices]]
token = "{tkn}"
source = "fixed"
price_usd = "0.5028"

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
    )
}
