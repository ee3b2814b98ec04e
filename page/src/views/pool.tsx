// One pool: where its price and its liquidity stand, what it pays, and how that went over time.

import { path } from "../lib/api";
import { useAsk, useAskOn } from "../lib/ask";
import { count, percent, usd } from "../lib/format";
import { numbers, sum } from "../lib/sums";
import type { Campaign, History, Liquidity, List, One, Pool as PoolView } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { isNone, pair, reason, venue } from "../lib/words";
import { Chip, Choice, Copy, Empty, Fact, Facts, Hint, Known, Link, Panel, Pending, Trouble, Usd, Waiting, When } from "../ui/bits";
import { Chart } from "../ui/chart";
import { Depth } from "../ui/depth";
import { RangePicker, useRange } from "../ui/range";
import { significant, STATES } from "./overview";
import { Simulate } from "./simulate";

const WINDOWS = [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"]] as const;
const ZOOMS = [["1.1", "±10 %"], ["1.5", "±50 %"], ["4", "×4"], ["100", "×100"]] as const;

export function Pool({ id }: { id: string }) {
  const query = useQuery();
  const window = WINDOWS.find(([name]) => name === query.window)?.[0] ?? "24h";
  const zoom = ZOOMS.find(([name]) => name === query.zoom)?.[0] ?? "1.5";
  const base = `/v1/pools/${encodeURIComponent(id)}`;
  const { value: pool, failure } = useAskOn<One<PoolView>>(path(base, { window }));
  const liquidity = useAsk<One<Liquidity>>(`${base}/liquidity`);
  const campaigns = useAsk<List<Campaign>>("/v1/campaigns");
  if (!pool) return <Pending title={id} failure={failure} />;
  const own = campaigns.value?.data.filter((one) => one.pool === id) ?? [];
  return (
    <>
      <header class="title">
        <h1 title={pair(pool)}>{pair(pool)}</h1>
        <Chip>{venue(pool.venue)}</Chip>
        <p class="quiet">
          {id} · <span class="mono" title={pool.address}>{pool.address}</span> <Copy text={pool.address} what="the pool's address" />
        </p>
      </header>
      <Trouble failure={failure} />
      <Standing pool={pool} window={window} />
      <Panel
        title={<Hint says="What the pool holds between neighbouring prices: what a trade meets on its way">Liquidity around the price</Hint>}
        aside={<Choice name="How far around the price" of={ZOOMS} now={zoom} choose={(value) => adjust({ zoom: value })} />}
      >
        <Trouble failure={liquidity.failure} />
        {liquidity.value ? <Depth liquidity={liquidity.value} zoom={Number(zoom)} /> : !liquidity.failure && <Waiting />}
      </Panel>
      <Panel title="Over time" aside={<RangePicker />}>
        <Charts pool={pool} base={base} />
      </Panel>
      <Panel title="Campaigns on this pool">
        {own.length === 0
          ? <Empty>No campaign of this server pays on this pool.</Empty>
          : <ul class="list of-three">{own.map((one) => (
              <li key={one.id}>
                <Link to={{ campaign: one.id }} class="name" title={one.id}>{one.id}</Link> <Chip kind={STATES[one.status]}>{one.status}</Chip>{" "}
                <span>{one.apr.reward_percent === null ? <span class="quiet">{reason(one.apr.reason)}</span> : `${percent(one.apr.reward_percent)} reward APR`}</span>
              </li>
            ))}</ul>}
      </Panel>
      <Simulate pool={pool} />
    </>
  );
}

function Standing({ pool, window }: { pool: PoolView; window: (typeof WINDOWS)[number][0] }) {
  const { apr } = pool;
  // Where there are no rewards, rather than unknown ones, what trades pay is all.
  const isFeesAlone = apr?.total_percent == null && apr?.base_percent != null && isNone(apr.reward_reason);
  return (
    <Panel title="Now" aside={<Choice name="Fees of the last" of={WINDOWS} now={window} choose={(value) => adjust({ window: value })} />}>
      <Facts>
        <Fact name="Price" hint="One whole token0 in whole token1" note={`${pool.token1?.symbol ?? "token1"} for one ${pool.token0?.symbol ?? "token0"}`}>
          <Known text={pool.price === null ? "unknown" : significant(pool.price)} title={pool.price ?? undefined} />
        </Fact>
        <Fact name="TVL" hint="What all positions hold, without fees owed to them" note={pool.tvl_method === "weighted_leg" ? "by its priced tokens and their weights" : undefined}>
          <Usd value={pool.tvl_usd} why={pool.tvl_reason} exact />
        </Fact>
        <Fact name="In range" hint="What positions hold that trades meet now"><Usd value={pool.tvl_in_range_usd} why={pool.tvl_reason} exact /></Fact>
        <Fact name="APR in all" hint="Fees and rewards together" note={apr?.estimate ? "our own estimate: the first 24 hours" : isFeesAlone ? "fees alone" : undefined}>
          <Known text={percent(isFeesAlone ? apr?.base_percent : apr?.total_percent)} why={apr?.base_reason ?? apr?.reward_reason} />
        </Fact>
        <Fact name="of it rewards" hint="What running campaigns pay now, each on what its eligible positions hold" note={apr && apr.reward_percent === null ? reason(apr.reward_reason) : undefined}>
          <Known text={percent(apr?.reward_percent)} why={apr?.reward_reason} />
        </Fact>
        <Fact name="of it fees" hint="What trades of the window pay, on the mean of what all positions held" note={apr && apr.base_percent === null ? reason(apr.base_reason) : undefined}>
          <Known text={percent(apr?.base_percent)} why={apr?.base_reason} />
        </Fact>
        <Fact name="Positions"><Known text={count(pool.positions_count)} /></Fact>
        <Fact name="Wallets" hint="Accounts with a stake, behind all wrappers"><Known text={count(pool.wallets_count)} /></Fact>
      </Facts>
    </Panel>
  );
}

function Charts({ pool, base }: { pool: PoolView; base: string }) {
  const range = useRange(pool.as_of?.at);
  const asked = range ? path(`${base}/history`, { ...range }) : null;
  const { value, failure } = useAskOn<History>(asked, "slow");
  if (!value || !asked) return failure ? <Trouble failure={failure} /> : <Waiting />;
  const rows = value.data.filter((row) => row.complete);
  if (rows.length === 0) return <Empty>No full hour is stored for this time.</Empty>;
  const times = rows.map((row) => Date.parse(row.at) / 1000);
  const common = { times, csv: asked, file: `${pool.id}-history` };
  const each = range?.interval === "1d" ? "a day" : "an hour";
  const inAll = (field: string) => usd(sum(rows.map((row) => row[field] as string | null)));
  return (
    <>
      <p class="quiet">In the time shown: volume {inAll("volume_usd")}, fees {inAll("fees_usd")}, {rows.reduce((sum, row) => sum + Number(row.trades_count), 0).toLocaleString("en")} trades.</p>
      <div class="charts">
        <Chart {...common} title="Price" hint="One whole token0 in whole token1, at the end of each interval"
          lines={[{ name: "Price", values: numbers(rows, "price"), unit: "" }]} />
        <Chart {...common} title="TVL" hint="What all positions held, in dollars of the hour"
          lines={[
            { name: "all", values: numbers(rows, "tvl_usd"), unit: "$", kind: "area" },
            { name: "in range", values: numbers(rows, "tvl_in_range_usd"), unit: "$", kind: "area" },
          ]} />
        <Chart {...common} title={`Volume ${each}`} hint="What went into the pool by trades"
          lines={[{ name: "Volume", values: numbers(rows, "volume_usd"), unit: "$", kind: "bars" }]} />
        <Chart {...common} title={`Fees ${each}`} hint="What trades paid"
          lines={[{ name: "Fees", values: numbers(rows, "fees_usd"), unit: "$", kind: "bars" }]} />
        <Chart {...common} title="APR" hint="Rewards on what eligible positions hold; fees of the interval as a year's rate on the TVL"
          lines={[
            { name: "rewards", values: numbers(rows, "reward_percent"), unit: "%" },
            { name: "fees", values: numbers(rows, "fee_percent"), unit: "%" },
          ]} />
        <Chart {...common} title="Holders" hint="With liquidity at the end of each interval"
          lines={[
            { name: "wallets", values: numbers(rows, "wallets_count"), unit: "" },
            { name: "positions", values: numbers(rows, "positions_count"), unit: "" },
          ]} />
      </div>
      {value.meta.history_cut_by_plan && <p class="quiet">Your plan's history begins <When at={value.meta.history_starts_at ?? null} />.</p>}
    </>
  );
}
