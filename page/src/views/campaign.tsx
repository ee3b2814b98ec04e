// One campaign: what it promised, what it paid, to whom, and how that went over time.

import { path } from "../lib/api";
import { useAsk, useAskOn } from "../lib/ask";
import { count, duration, percent, ppm, tokensSensibly } from "../lib/format";
import { numbers, ofBudget, toCome } from "../lib/sums";
import type { Campaign as CampaignView, History, List, One, Pool } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { pair, reason, scoring, venue } from "../lib/words";
import { Amount, Chip, Choice, Empty, Fact, Facts, Hint, Known, Link, Panel, Pending, Trouble, Usd, Waiting, When } from "../ui/bits";
import { Bar } from "../ui/bar";
import { Chart } from "../ui/chart";
import { RangePicker, useRange } from "../ui/range";
import { AnnouncedBeside } from "./announced";
import { Earners } from "./earners";
import { STATES } from "./overview";
import { Reconciliation } from "./reconciliation";

const WINDOWS = [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"]] as const;

export function Campaign({ id }: { id: string }) {
  const query = useQuery();
  const window = WINDOWS.find(([name]) => name === query.window)?.[0] ?? "24h";
  const base = `/v1/campaigns/${encodeURIComponent(id)}`;
  const { value: campaign, failure } = useAskOn<One<CampaignView>>(path(base, { window }));
  const pools = useAsk<List<Pool>>("/v1/pools", "slow");
  if (!campaign) return <Pending title={id} failure={failure} />;
  const pool = pools.value?.data.find((one) => one.id === campaign.pool);
  return (
    <>
      <header class="title">
        <h1 title={id}>{id}</h1>
        <Chip kind={STATES[campaign.status]}>{campaign.status}</Chip>
        <p class="quiet">
          on <Link to={{ pool: campaign.pool }} title={campaign.pool}>{pool ? `${pair(pool)}, ${venue(pool.venue)}` : campaign.pool}</Link>, scored <Hint says={scoring(campaign.scoring)}>{campaign.scoring.replace("_", " ")}</Hint>;
          pays for <Hint says="How the emission is parted: by fees earned in range, and by each of the pool's tokens held">{weights(campaign, pool)}</Hint>, {campaign.out_of_range ? "out of range too" : "in range only"}
        </p>
      </header>
      <Trouble failure={failure} />
      <Sums campaign={campaign} />
      <Apr campaign={campaign} window={window} />
      {campaign.announced && <AnnouncedBeside campaign={campaign} announced={campaign.announced} />}
      <Panel title="Over time" aside={<RangePicker />}>
        <Charts campaign={campaign} base={base} />
      </Panel>
      <Earners campaign={campaign} />
      <Reconciliation campaign={campaign} />
    </>
  );
}

function Sums({ campaign }: { campaign: CampaignView }) {
  const { reward_token: token, sums_reason: why } = campaign;
  const part = (units: string | null) => {
    const millionths = ofBudget(units, campaign);
    return millionths === null ? undefined : `${ppm(millionths)} of the budget`;
  };
  return (
    <Panel title="The budget" class="wide">
      <Bar campaign={campaign} />
      <Facts>
        <Fact name="Earned" hint="What accounts have earned so far" mark="earned" note={part(campaign.earned_units)}>
          <Amount units={campaign.earned_units} token={token} why={why} />
        </Fact>
        <Fact name="Undistributed" hint="Set free while nobody was eligible, and what rounding leaves" mark="idle" note={part(campaign.undistributed_units)}>
          <Amount units={campaign.undistributed_units} token={token} why={why} />
        </Fact>
        <Fact name="Still to come" hint="What the campaign has not set free yet" mark="rest" note={part(toCome(campaign))}>
          <Amount units={toCome(campaign)} token={token} why={why} />
        </Fact>
        <Fact name="Budget" hint="What is handed out in all, without the fee that its creator paid on top" note={`and ${ppm(campaign.fee_ppm)} fee on top`}>
          <Amount units={campaign.budget_units} token={token} />
        </Fact>
        <Fact name="Begins"><When at={campaign.starts_at} /></Fact>
        <Fact name="Ends" note={`after ${duration((Date.parse(campaign.ends_at) - Date.parse(campaign.starts_at)) / 1000)}`}><When at={campaign.ends_at} /></Fact>
      </Facts>
    </Panel>
  );
}

function weights({ weights: { fees, token0, token1 } }: CampaignView, pool: Pool | undefined): string {
  const whole = fees + token0 + token1 || 1;
  const parts = [["fees", fees], [pool?.token0?.symbol ?? "token0", token0], [pool?.token1?.symbol ?? "token1", token1]] as const;
  return parts.filter(([, part]) => part > 0).map(([name, part]) => `${name} ${Math.round((part / whole) * 100)} %`).join(", ");
}

function Apr({ campaign, window }: { campaign: CampaignView; window: (typeof WINDOWS)[number][0] }) {
  const { apr } = campaign;
  return (
    <Panel
      title={<Hint says="Yearly rates: simple, of 365 days, of what holds now or held in the window; no promise">APR with its parts</Hint>}
      aside={<Choice name="Fees of the last" of={WINDOWS} now={window} choose={(value) => adjust({ window: value })} />}
    >
      <Facts>
        <Fact name="Reward" hint="What the campaign pays a year on what its eligible positions hold now" note={apr.estimate ? "our own estimate: the first 24 hours" : apr.reward_percent === null ? reason(apr.reason) : undefined}>
          <Known text={percent(apr.reward_percent)} why={apr.reason} />
        </Fact>
        <Fact name="Fees" hint="What trades of the window pay a year on what all positions held in it" note={apr.base_percent === null ? reason(apr.base_reason) : undefined}>
          <Known text={percent(apr.base_percent)} why={apr.base_reason} />
        </Fact>
        <Fact name="Eligible TVL" hint="What the eligible positions hold now">
          <Usd value={campaign.tvl_usd} why={campaign.tvl_reason} exact />
        </Fact>
        <Fact name="Reward token's price" note={apr.price_source ?? undefined}>
          <Known text={campaign.reward_token_price_usd === null ? "unknown" : `$${campaign.reward_token_price_usd}`} why="no_price" />
        </Fact>
        <Fact name="Accounts" hint="Accounts that have earned"><Known text={count(campaign.accounts_count)} why={campaign.sums_reason} /></Fact>
      </Facts>
    </Panel>
  );
}

function Charts({ campaign, base }: { campaign: CampaignView; base: string }) {
  const range = useRange(campaign.as_of?.at, campaign.starts_at);
  const asked = range ? path(`${base}/history`, { ...range }) : null;
  const { value, failure } = useAskOn<History>(asked, "slow");
  if (!value || !asked) return failure ? <Trouble failure={failure} /> : <Waiting />;
  const rows = value.data;
  if (rows.length === 0) return <Empty>No full hour is stored for this time.</Empty>;
  const times = rows.map((row) => Date.parse(row.at) / 1000);
  const { decimals, symbol } = campaign.reward_token;
  const scale = 10 ** -(decimals ?? 0);
  const exact = (field: string) => (index: number) => tokensSensibly((rows[index]?.[field] ?? null) as string | null, decimals);
  const common = { times, csv: asked, file: `${campaign.id}-history` };
  return (
    <div class="charts even">
      <Chart {...common} title={`Earned, ${symbol ?? "units"}`} hint="What accounts had earned up to the hour, beside what the campaign had set free"
        lines={[
          { name: "Earned", values: numbers(rows, "earned_total_units", scale), unit: "", exact: exact("earned_total_units"), kind: "area" },
          { name: "Set free", values: numbers(rows, "emitted_total_units", scale), unit: "", exact: exact("emitted_total_units") },
        ]} />
      <Chart {...common} title="Reward APR" hint="What the campaign paid a year on what its eligible positions held"
        lines={[{ name: "Reward APR", values: numbers(rows, "reward_percent"), unit: "%" }]} />
      <Chart {...common} title="Eligible TVL" hint="What the eligible positions held"
        lines={[{ name: "TVL", values: numbers(rows, "tvl_usd"), unit: "$", kind: "area" }]} />
      <Chart {...common} title="Accounts" hint="Accounts that had earned, and wallets with a stake"
        lines={[
          { name: "have earned", values: numbers(rows, "accounts_count"), unit: "" },
          { name: "have a stake", values: numbers(rows, "wallets_count"), unit: "" },
        ]} />
      {value.meta.history_cut_by_plan && <p class="quiet">Your plan's history begins <When at={value.meta.history_starts_at ?? null} />.</p>}
    </div>
  );
}
