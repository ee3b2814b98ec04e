// What the API answers, as far as the page reads it. Amounts are decimal strings of smallest units, times RFC 3339 in UTC.

export interface Token {
  address: string;
  symbol: string | null;
  decimals: number | null;
}

export interface AsOf {
  chain_id: number;
  block_number: number;
  block_hash: string | null;
  at: string;
}

export interface Meta {
  as_of: AsOf | null;
  finality: "latest" | "safe" | "finalized" | null;
  age_seconds: number | null;
  stale: boolean;
  source: string;
  next_cursor?: string | null;
  notice?: string;
}

export interface List<T> {
  data: T[];
  meta: Meta;
}

export type One<T> = T & { meta: Meta };

export interface Data<T> {
  data: T;
}

export interface Price {
  token: string | { address: string };
  usd: string | null;
}

export interface CampaignApr {
  reward_percent: string | null;
  base_percent: string | null;
  base_reason: string | null;
  window_seconds: number;
  estimate: boolean;
  tvl_usd: string | null;
  price_source: string | null;
  method: string;
  reason: string | null;
}

export interface Campaign {
  id: string;
  pool: string;
  merkl_campaign_id: string | null;
  reward_token: Token;
  starts_at: string;
  ends_at: string;
  status: "scheduled" | "running" | "ended";
  scoring: string;
  run_seconds: number | null;
  weights: { fees: number; token0: number; token1: number };
  out_of_range: boolean;
  fee_ppm: number;
  budget_units: string;
  emitted_units: string | null;
  earned_units: string | null;
  undistributed_units: string | null;
  accounts_count: number | null;
  sums_reason: string | null;
  reward_token_price_usd: string | null;
  tvl_usd: string | null;
  tvl_reason: string | null;
  apr: CampaignApr;
  announced: Announced | null;
  as_of: AsOf | null;
}

export interface Announced {
  budget_units: string | null;
  budget_usd: string | null;
  apr_percent: string | null;
  tvl_usd: string | null;
  price_usd: string | null;
  source: string | null;
  implied_apr_percent: string | null;
  implied_price_usd: string | null;
  budget_differs: boolean | null;
}

export interface PoolApr {
  window_seconds: number;
  base_percent: string | null;
  base_reason: string | null;
  reward_percent: string | null;
  reward_reason: string | null;
  total_percent: string | null;
  estimate: boolean;
  method: string;
}

export interface Pool {
  id: string;
  chain_id: number;
  venue: string;
  address: string;
  token0: Token | null;
  token1: Token | null;
  tick: number | null;
  tick_spacing: number | null;
  liquidity: string | null;
  positions_count: number | null;
  wallets_count: number | null;
  price: string | null;
  tvl_usd: string | null;
  tvl_in_range_usd: string | null;
  tvl_method: string | null;
  tvl_reason: string | null;
  apr?: PoolApr;
  as_of: AsOf | null;
}

export interface Band {
  tick_lower: number;
  tick_upper: number;
  liquidity: string;
  held_units: string[];
  value_usd: string | null;
  value_reason: string | null;
}

export interface Liquidity {
  pool: string;
  token0: Token | null;
  token1: Token | null;
  tick: number | null;
  price: string | null;
  bands: Band[];
  reason: string | null;
}

export interface EarnedPosition {
  position: string;
  earned_units: string;
  via: string[];
}

export interface Earner {
  account: string;
  earned_units: string;
  share_ppm: number;
  positions: EarnedPosition[];
  flags?: string[];
}

export interface Reward {
  campaign: string;
  pool: string;
  token: Token;
  account: string;
  earned_units: string | null;
  share_ppm: number | null;
  positions: EarnedPosition[];
  reason?: string;
  as_of: AsOf;
}

export interface Standing {
  campaign: string;
  earning: boolean;
  reason: string;
  reward_units_per_day: string | null;
  share_ppm: number | null;
  reward_percent: string | null;
  reward_reason: string | null;
  reward_token: Token;
}

export interface Stretch {
  from_block: number;
  from_at: string;
  to_block: number | null;
  to_at: string | null;
  state: "earning" | "idle";
  reason: string;
  earned_units: string | null;
}

export interface Timeline {
  campaign: string;
  position: string;
  stretches: Stretch[];
  exposure: {
    held_usd: string | null;
    token0_percent: string | null;
    put_in_usd: string | null;
    loss_percent: string | null;
  } | null;
  exposure_reason: string | null;
}

export interface Position {
  position: string;
  pool: string;
  holder: string;
  tick_lower: number;
  tick_upper: number;
  liquidity: string;
  in_range: boolean;
  token0: Token | null;
  token1: Token | null;
  held_units: string[];
  value_usd: string | null;
  value_reason: string | null;
  via: string[];
  shared: boolean;
  base_percent: string | null;
  base_reason: string | null;
  campaigns: Standing[];
  timelines?: Timeline[];
  as_of: AsOf;
}

/** A row of any history; which fields it has depends on whose it is. */
export interface HistoryRow {
  at: string;
  interval_seconds: number;
  complete: boolean;
  reasons?: Record<string, string>;
  [field: string]: unknown;
}

export interface HistoryMeta extends Meta {
  interval: string;
  recorded_to_at: string | null;
  history_starts_at?: string;
  history_cut_by_plan?: boolean;
}

export interface History {
  data: HistoryRow[];
  meta: HistoryMeta;
}

export interface Simulation {
  campaign: string;
  pool: string;
  liquidity: string;
  put_in_units: string[];
  put_in_usd: string | null;
  in_range: boolean;
  reward_token: Token;
  reward_units_per_day: string;
  reward_percent: string | null;
  reward_reason: string | null;
  base_percent: string | null;
  base_reason: string | null;
  dilution: { tvl_factor: string; reward_units_per_day: string; reward_percent: string | null; reason: string | null }[];
}

export interface Key {
  id: string;
  client: string;
  plan: string;
  env: string;
  state: string;
  scopes: string[];
  allowed_networks: string[];
  generation: number;
  created_at: string;
  expires_at: string | null;
  overlap_ends_at: string | null;
  revoked_at: string | null;
  replaces: string | null;
  replaced_by: string | null;
  last_used_at: string | null;
  last_used_network: string | null;
  last_used_agent: string | null;
  calls_24h: number;
  note: string;
}

export interface Hour {
  at: string;
  calls: number;
}

export interface Rotation {
  id: string;
  kind: string;
  state: string;
  old_key: Key;
  new_key: Key;
  created_at: string;
  started_at: string | null;
  overlap_ends_at: string | null;
  closed_at: string | null;
  auto_finish: boolean;
  quiet_seconds: number;
  safe_to_finish: boolean;
  calls: { old: Hour[]; new: Hour[] };
  effective_everywhere_at: string | null;
}

export interface Caller {
  network: string;
  agent: string;
  endpoint: string;
  first_at: string;
  last_at: string;
  calls: number;
}

export interface Shown<T> {
  data: T;
  key?: string;
  secret_shown: boolean;
}

export interface Own {
  data: Key;
  rotation: Rotation | null;
}

export interface UsageRow {
  day: string | null;
  hour: string | null;
  key: string | null;
  endpoint: string | null;
  status: number | null;
  calls: number;
  counted: number;
}

export interface Usage {
  client: string;
  plan: {
    name: string;
    calls_per_month: number;
    calls_per_minute: number;
    history_starts_at: string | null;
    overage_microusd: number | null;
  };
  month: { starts_at: string; ends_at: string; calls: number; calls_included: number; calls_left: number };
  invoice: { due_microusd: number; overage_calls: number; spend_cap_microusd: number };
  from: string;
  to: string;
  rows: UsageRow[];
}

export interface AuditEntry {
  seq: number;
  at: string;
  actor: string;
  action: string;
  client_id: string | null;
  key_id: string | null;
  reason: string;
  request_id: string;
  hash: string;
}

export interface AuditPage {
  data: AuditEntry[];
  next_after: number | null;
}

export interface Health {
  status: string;
  reasons: { code: string; detail: string }[];
}

export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  request_id: string;
}

export interface Comparison {
  comparison: string;
  campaign: string;
  merkl_campaign_id: string | null;
  source: string;
  compared_at: string;
  computed_until: string;
  scoring: string;
  best_scoring: string;
  expected_units: string;
  paid_units: string;
  remainder_units: string;
  ours_units: string;
  difference_units: string;
  difference_ppm: number;
  tolerance_ppm: number;
  is_beyond: boolean;
  gaps: { text: string }[];
  alarms: { alarm: string; text: string }[];
  data: ComparedAccount[];
  history: { comparison: string; compared_at: string; difference_ppm: number | null; is_beyond: boolean }[];
  meta: Meta;
}

export interface ComparedAccount {
  account: string;
  theirs: {
    amount_units: string;
    claimed_units: string | null;
    claimable_units: string | null;
    pending_units: string;
    computed_units: string;
  } | null;
  ours: Record<string, string>;
  difference_units: string;
  difference_ppm: number | null;
  best_scoring: string;
  reason: string | null;
  evidence: { kind: string; text: string } | null;
}

export interface ServiceStatus {
  status: string;
  at: string;
  components: {
    component: string;
    title: string;
    state: string;
    reason: string | null;
    lag_blocks: number | null;
    lag_seconds: number | null;
    last_success_at: string | null;
    days: { day_at: string; operational_seconds: number; degraded_seconds: number; down_seconds: number }[];
  }[];
  error_budget: { objective_ppm: number; window_days: number; allowed_ms: number; left_ms: number } | null;
  incidents: { component: string; state: string; reason: string; began_at: string; ended_at: string | null; seconds: number }[];
}
