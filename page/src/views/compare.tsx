// Pools over time in one picture.

import { path } from "../lib/api";
import { useAskOn } from "../lib/ask";
import type { History, Pool } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { pair, venue } from "../lib/words";
import { Choice, Empty, Panel, Trouble, Waiting } from "../ui/bits";
import { Chart, type Line } from "../ui/chart";
import { type Range, RangePicker, useRange } from "../ui/range";

const METRICS = [
  ["tvl_usd", "TVL"], ["reward_percent", "Reward APR"], ["fee_percent", "Fee APR"], ["volume_usd", "Volume"],
  ["fees_usd", "Fees"], ["wallets_count", "Wallets"],
] as const;
const HINTS: Record<string, string> = {
  tvl_usd: "What all positions of a pool hold, in dollars of the hour",
  reward_percent: "What a pool's campaigns pay a year on what eligible positions hold",
  fee_percent: "What trades paid in the interval, as a year's rate on the TVL at its end",
  volume_usd: "What went into the pool by trades in the interval",
  fees_usd: "What trades paid in the interval",
  wallets_count: "Accounts with a stake, behind all wrappers",
};
/** As many lines as have a colour of their own. */
const POOLS_MAX = 4;

export function Compare({ pools, newest }: { pools: Pool[]; newest: string | undefined }) {
  const query = useQuery();
  const range = useRange(newest);
  const metric = METRICS.find(([name]) => name === query.metric)?.[0] ?? "tvl_usd";
  return (
    <Panel
      title="Side by side over time"
      aside={<><Choice name="Figure" of={METRICS} now={metric} choose={(value) => adjust({ metric: value })} /><RangePicker /></>}
    >
      {range ? <Lines pools={pools.slice(0, POOLS_MAX)} metric={metric} range={range} /> : <Waiting />}
      {pools.length > POOLS_MAX && <p class="quiet">The first {POOLS_MAX} pools; each pool's own view has its charts.</p>}
    </Panel>
  );
}

function Lines({ pools, metric, range }: { pools: Pool[]; metric: string; range: Range }) {
  const paths = Array.from({ length: POOLS_MAX }, (_, index) => {
    const pool = pools[index];
    return pool ? path(`/v1/pools/${encodeURIComponent(pool.id)}/history`, { ...range }) : null;
  });
  const [first, second, third, fourth] = paths.map((one) => one ?? null);
  const asked = [
    useAskOn<History>(first ?? null, "slow"), useAskOn<History>(second ?? null, "slow"),
    useAskOn<History>(third ?? null, "slow"), useAskOn<History>(fourth ?? null, "slow"),
  ].slice(0, pools.length);
  const failure = asked.find((one) => one.failure)?.failure ?? null;
  if (failure) return <Trouble failure={failure} />;
  if (asked.some((one) => !one.value)) return <Waiting />;
  const histories = asked.map((one) => one.value?.data.filter((row) => row.complete) ?? []);
  const times = [...new Set(histories.flat().map((row) => Date.parse(row.at) / 1000))].sort((a, b) => a - b);
  if (times.length === 0) return <Empty>No full hour is stored for this time.</Empty>;
  const unit = metric.endsWith("usd") ? "$" : metric.endsWith("percent") ? "%" : "";
  const lines: Line[] = pools.map((pool, index) => {
    const told = new Map(histories[index]?.map((row) => [Date.parse(row.at) / 1000, row[metric]]));
    const values = times.map((at) => (told.get(at) == null ? null : Number(told.get(at))));
    return { name: `${pair(pool)} · ${venue(pool.venue)}`, values, unit };
  });
  const files = pools.map((pool, index) => ({ csv: paths[index] ?? "", file: `${pool.id}-history` }));
  const [own = { csv: "", file: "" }, ...more] = files;
  const title = METRICS.find(([name]) => name === metric)?.[1] ?? "";
  return <Chart title={title} hint={HINTS[metric] ?? ""} times={times} lines={lines} {...own} more={more} />;
}
