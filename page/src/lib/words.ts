// What the API's short names mean, in sentences.

const REASONS: Record<string, string> = {
  above_range: "the price is above the range",
  below_range: "the price is below the range",
  campaign_not_running: "the campaign does not run",
  campaign_over: "the campaign is over",
  decimals_unknown: "a token does not say its decimals",
  earning: "earning",
  excluded_account: "the campaign leaves this account out",
  fees_unknown: "the fees of trades cannot be known",
  first_24_hours: "too early: the first 24 hours are not over",
  held_by_wrapper: "sent to a gauge or vault without a deposit",
  no_campaign_running: "no campaign runs",
  no_holder: "nobody is known to hold it",
  no_liquidity: "it has no liquidity",
  no_price: "a price is missing",
  no_ranges: "shares of this pool have no ranges: liquidity is everywhere",
  no_source: "no source for a price is configured",
  no_weight: "what it brings has no weight in the campaign",
  nobody_eligible: "nobody is eligible",
  not_announced: "nothing was announced of it",
  not_in_lists: "told of a single campaign only",
  not_indexed: "nothing is indexed yet",
  not_started: "the campaign has not begun",
  nothing_held: "nothing is held",
  out_of_bounds: "too large to be told",
  tokens_unknown: "the pool's tokens are not known yet",
  waiting_for_trade: "nobody traded yet in this run",
  window_not_covered: "too early: the window is not covered by full hours yet",
};

/** Reasons for which there is none to tell, rather than one that is not known. */
const NONE = new Set(["campaign_not_running", "campaign_over", "no_campaign_running", "nobody_eligible", "not_announced", "not_started", "nothing_held"]);

export function isNone(code: string | null | undefined): boolean {
  return code != null && NONE.has(code);
}

export function reason(code: string | null | undefined): string {
  if (!code) return "the reason is not told";
  return REASONS[code] ?? code.replaceAll("_", " ");
}

const VENUES: Record<string, string> = {
  uniswap_v3: "Uniswap v3",
  aerodrome_cl: "Aerodrome Slipstream",
  aerodrome_basic: "Aerodrome",
  balancer_v2: "Balancer v2",
  balancer_v3: "Balancer v3",
  erc20: "ERC-20",
};

export function venue(name: string): string {
  return VENUES[name] ?? name;
}

const SCORINGS: Record<string, string> = {
  per_block: "by the block: each interval between two blocks is split by the state that holds in it",
  time_weighted: "by time: each run is split by what was held over the whole run",
  swap_weighted: "by trades: each run is split by fees earned and tokens held at each trade",
};

export function scoring(name: string): string {
  return SCORINGS[name] ?? name;
}

const FINALITIES: Record<string, string> = {
  finalized: "final",
  safe: "safe",
  latest: "not final",
};
const SURE: Record<string, string> = {
  finalized: "This block stays.",
  safe: "This block's data is on the layer below; it is not final yet.",
  latest: "This block may still be replaced.",
};

export function finality(name: string | null): string {
  return (name && FINALITIES[name]) || "finality unknown";
}

export function sureness(name: string | null): string {
  return (name && SURE[name]) || "How sure the chain is of this block is not known.";
}

/** A pool's pair for headings, by what its tokens call themselves. */
export function pair(pool: { token0: { symbol: string | null } | null; token1: { symbol: string | null } | null; }): string {
  const name = (token: { symbol: string | null } | null) => token?.symbol ?? "?";
  return pool.token0 || pool.token1 ? `${name(pool.token0)} / ${name(pool.token1)}` : "tokens unknown";
}
