// All campaigns and pools side by side, and the pools over time.

import { useAsk } from "../lib/ask";
import { count, percent } from "../lib/format";
import { ratio, toCome } from "../lib/sums";
import type { Campaign, List, Pool } from "../lib/types";
import { pair, scoring, venue } from "../lib/words";
import { Amount, Chip, Known, Link, Panel, Trouble, Usd, Waiting, When } from "../ui/bits";
import { Bar } from "../ui/bar";
import { type Column, Table } from "../ui/table";
import { Compare } from "./compare";
import { LookUp } from "./look_up";

export function Overview() {
  const campaigns = useAsk<List<Campaign>>("/v1/campaigns");
  const pools = useAsk<List<Pool>>("/v1/pools");
  return (
    <>
      <h1 class="hidden">Campaigns and pools</h1>
      <LookUp />
      <Panel title="Campaigns">
        <Trouble failure={campaigns.failure} />
        {campaigns.value ? <Campaigns of={campaigns.value.data} pools={pools.value?.data ?? []} /> : !campaigns.failure && <Waiting />}
      </Panel>
      <Panel title="Pools">
        <Trouble failure={pools.failure} />
        {pools.value ? <Pools of={pools.value.data} /> : !pools.failure && <Waiting />}
      </Panel>
      {pools.value && pools.value.data.length > 0 && <Compare pools={pools.value.data} newest={pools.value.meta.as_of?.at} />}
    </>
  );
}

export const STATES = { running: "good", scheduled: "plain", ended: "plain" } as const;

function Campaigns({ of, pools }: { of: Campaign[]; pools: Pool[] }) {
  const poolOf = (campaign: Campaign) => pools.find((pool) => pool.id === campaign.pool);
  const columns: Column<Campaign>[] = [
    {
      name: "Campaign", text: true, by: (one) => one.id,
      cell: (one) => <Link to={{ campaign: one.id }} class="name" title={one.id}>{one.id}</Link>,
    },
    { name: "State", text: true, by: (one) => one.status, cell: (one) => <Chip kind={STATES[one.status]}>{one.status}</Chip> },
    {
      name: "Pool", text: true, by: (one) => one.pool,
      cell: (one) => {
        const pool = poolOf(one);
        return <Link to={{ pool: one.pool }} class="name" title={one.pool}>{pool ? pair(pool) : one.pool}</Link>;
      },
    },
    {
      name: "Reward APR", hint: "What the campaign pays a year on what its eligible positions hold now", by: (one) => number(one.apr.reward_percent),
      cell: (one) => <Known text={percent(one.apr.reward_percent)} why={one.apr.reason} title={one.apr.estimate ? "Our own estimate: the campaign is in its first 24 hours" : undefined} />,
    },
    { name: "Eligible TVL", hint: "What the eligible positions hold", by: (one) => number(one.tvl_usd), cell: (one) => <Usd value={one.tvl_usd} why={one.tvl_reason} /> },
    { name: "Budget", by: (one) => BigInt(one.budget_units), cell: (one) => <Amount units={one.budget_units} token={one.reward_token} places={0} /> },
    {
      name: "Emitted so far", text: true, hint: "What time has set free, earned or undistributed, as a part of the budget",
      cell: (one) => <Bar campaign={one} />,
    },
    {
      name: "Still to come", hint: "What the campaign has not set free yet", by: (one) => BigInt(toCome(one) ?? -1),
      cell: (one) => <Amount units={toCome(one)} token={one.reward_token} places={0} why={one.sums_reason} bare />,
    },
    { name: "Accounts", hint: "Accounts that have earned", by: (one) => one.accounts_count, cell: (one) => <Known text={count(one.accounts_count)} why={one.sums_reason} /> },
    { name: "Ends", text: true, by: (one) => one.ends_at, cell: (one) => <When at={one.ends_at} short /> },
    { name: "Scoring", text: true, by: (one) => one.scoring, cell: (one) => <span title={scoring(one.scoring)}>{one.scoring.replace("_", " ")}</span> },
  ];
  return <Table caption="Campaigns" columns={columns} rows={of} id={(one) => one.id} empty="No campaign is configured: `accrual discover` finds some." />;
}

function Pools({ of }: { of: Pool[] }) {
  const columns: Column<Pool>[] = [
    { name: "Pool", text: true, by: pair, cell: (one) => <Link to={{ pool: one.id }} class="name" title={one.id}>{pair(one)}</Link> },
    { name: "Venue", text: true, by: (one) => one.venue, cell: (one) => venue(one.venue) },
    {
      name: "Price", hint: "One whole token0 in whole token1", by: (one) => number(one.price),
      cell: (one) => <Known text={one.price === null ? "unknown" : significant(one.price)} why="not_indexed" title={one.price ?? undefined} />,
    },
    { name: "TVL", hint: "What all positions hold, without fees owed to them", by: (one) => number(one.tvl_usd), cell: (one) => <Usd value={one.tvl_usd} why={one.tvl_reason} /> },
    {
      name: "In range", hint: "The part of the TVL that trades meet now", by: (one) => ratio(one.tvl_in_range_usd, one.tvl_usd),
      cell: (one) => {
        const part = ratio(one.tvl_in_range_usd, one.tvl_usd);
        return <Known text={part === null ? "unknown" : percent(String(part * 100))} why={one.tvl_reason} />;
      },
    },
    { name: "Positions", by: (one) => one.positions_count, cell: (one) => <Known text={count(one.positions_count)} why="not_indexed" /> },
    { name: "Wallets", hint: "Accounts with a stake, behind all wrappers", by: (one) => one.wallets_count, cell: (one) => <Known text={count(one.wallets_count)} why="not_indexed" /> },
    { name: "Block", hint: "The newest block that this pool is known at", by: (one) => one.as_of?.block_number ?? null, cell: (one) => <Known text={count(one.as_of?.block_number)} why="not_indexed" /> },
  ];
  return <Table caption="Pools" columns={columns} rows={of} id={(one) => one.id} empty="No pool is configured." />;
}

export function significant(text: string): string {
  const value = Number(text);
  const places = Math.max(0, 6 - Math.ceil(Math.log10(Math.abs(value) || 1) + 1e-9));
  return value.toLocaleString("en", { maximumFractionDigits: Math.min(places, 12) });
}

function number(text: string | null): number | null {
  return text === null ? null : Number(text);
}
