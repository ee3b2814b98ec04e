// What a new position would earn now; or, in the place of one that is there, what re-ranging it would change.

import { useEffect, useState } from "preact/hooks";
import { Failure, ask, path } from "../lib/api";
import { percent, price, tickPrice } from "../lib/format";
import type { List, Pool, Position, Simulation } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { reason } from "../lib/words";
import { Amount, Chip, Empty, Known, Panel, Trouble, Usd } from "../ui/bits";
import { isEverywhere } from "../ui/span";
import { type Column, Table } from "../ui/table";

const CONCENTRATED = ["uniswap_v3", "aerodrome_cl"];
const WIDTHS = [["5", "±5 %"], ["20", "±20 %"], ["50", "±50 %"]] as const;

interface Props {
  pool: Pool;
  /** The position that would leave. */
  instead?: Position;
  spacing?: number;
}

export function Simulate({ pool, instead }: Props) {
  const query = useQuery();
  const hasRanges = CONCENTRATED.includes(pool.venue);
  const amount = query.amount ?? (instead?.value_usd ? String(Math.floor(Number(instead.value_usd) * 100) / 100) : "1000");
  const [lower, upper] = ends(query.lower, query.upper, pool, instead);
  const [result, setResult] = useState<{ asked: string; rows: Simulation[] } | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const asked = path("/v1/simulate", {
    pool: pool.id, amount_usd: amount,
    ...(hasRanges && { tick_lower: lower, tick_upper: upper }),
    ...(instead && { leaving: instead.position }),
  });
  const isGood = Number(amount) > 0 && (!hasRanges || (lower !== null && upper !== null));

  useEffect(() => {
    if (!isGood) return;
    // While somebody types, nothing is asked.
    const timer = setTimeout(() => {
      ask<List<Simulation>>(asked).then(
        (answer) => { setResult({ asked, rows: answer.data }); setFailure(null); },
        (error: unknown) => setFailure(error instanceof Failure ? error : new Failure(String(error), 0, "unreadable")),
      );
    }, 400);
    return () => clearTimeout(timer);
  }, [asked, isGood]);

  const [d0, d1] = [pool.token0?.decimals ?? 0, pool.token1?.decimals ?? 0];
  const around = (percents: number) => {
    const ticks = Math.round(Math.log(1 + percents / 100) / Math.log(1.0001));
    const now = pool.tick ?? 0;
    adjust({ lower: String(aligned(now - ticks, pool)), upper: String(aligned(now + ticks, pool)) });
  };
  return (
    <Panel title={instead ? "If it left, or took another range" : "What would a new position earn?"}>
      <form class="simulate" onSubmit={(event) => event.preventDefault()}>
        <label>Put in, USD <input inputMode="decimal" value={amount} onInput={(event) => adjust({ amount: event.currentTarget.value })} /></label>
        {hasRanges && (
          <>
            <label>
              From tick <input inputMode="numeric" value={lower ?? ""} onInput={(event) => adjust({ lower: event.currentTarget.value })} />
              <span class="quiet">{lower !== null && `price ${price(tickPrice(lower, d0, d1))}`}</span>
            </label>
            <label>
              to tick <input inputMode="numeric" value={upper ?? ""} onInput={(event) => adjust({ upper: event.currentTarget.value })} />
              <span class="quiet">{upper !== null && `price ${price(tickPrice(upper, d0, d1))}`}</span>
            </label>
            <div class="choice" role="group" aria-label="Around the price">
              {WIDTHS.map(([width, label]) => <button type="button" key={width} onClick={() => around(Number(width))}>{label}</button>)}
            </div>
          </>
        )}
      </form>
      <Trouble failure={failure} />
      {result && !failure && <Results rows={result.rows} {...(instead && { instead })} />}
      <p class="quiet">By the state of this block, taken to hold for a day: the same price, the same others. Nothing is sent anywhere.</p>
    </Panel>
  );
}

function Results({ rows, instead }: { rows: Simulation[]; instead?: Position }) {
  if (rows.length === 0) return <Empty>No campaign runs on this pool now, so a position would earn fees only.</Empty>;
  return (
    <>
      {rows.map((row) => {
        const now = instead?.campaigns.find((one) => one.campaign === row.campaign);
        return (
          <div class="result" key={row.campaign}>
            <h3><span class="name" title={row.campaign}>{row.campaign}</span> {row.in_range ? <Chip kind="good">in range</Chip> : <Chip kind="idle">out of range</Chip>}</h3>
            <dl class="facts">
              {now && (
                <>
                  <div><dt>Now, a day</dt><dd><Amount units={now.reward_units_per_day} token={row.reward_token} why={now.reward_reason} /></dd><dd class="note">{percent(now.reward_percent)} reward APR</dd></div>
                  <div><dt>If it left</dt><dd><Amount units="0" token={row.reward_token} /></dd><dd class="note">what was earned stays earned</dd></div>
                </>
              )}
              <div><dt>{now ? "Then, a day" : "Rewards a day"}</dt><dd><Amount units={row.reward_units_per_day} token={row.reward_token} why={row.reward_reason} /></dd>{row.reward_units_per_day && now?.reward_units_per_day && <dd class="note">{compared(row.reward_units_per_day, now.reward_units_per_day)}</dd>}</div>
              <div><dt>Reward APR</dt><dd><Known text={percent(row.reward_percent)} why={row.reward_reason} /></dd></div>
              <div><dt>Fee APR</dt><dd><Known text={percent(row.base_percent)} why={row.base_reason} /></dd>{row.base_percent === null && <dd class="note">{reason(row.base_reason)}</dd>}</div>
              <div><dt>Put in</dt><dd><Usd value={row.put_in_usd} exact /></dd></div>
            </dl>
            <Dilution of={row} />
          </div>
        );
      })}
    </>
  );
}

function compared(then: string, now: string): string {
  if (BigInt(now) === 0n) return BigInt(then) === 0n ? "as now: nothing" : "instead of nothing";
  const part = Number((BigInt(then) * 10_000n) / BigInt(now)) / 100;
  return `${part.toFixed(1)} % of now`;
}

/** How the rate thins out as others join. */
function Dilution({ of }: { of: Simulation }) {
  type Row = Simulation["dilution"][number];
  const columns: Column<Row>[] = [
    { name: "If the others held", text: true, cell: (row) => `× ${row.tvl_factor}` },
    { name: "A day", cell: (row) => <Amount units={row.reward_units_per_day} token={of.reward_token} places={4} why={row.reason} /> },
    { name: "Reward APR", cell: (row) => <Known text={percent(row.reward_percent)} why={row.reason} /> },
  ];
  return <Table caption="How it thins out as others join" columns={columns} rows={of.dilution} id={(row) => row.tvl_factor} empty="" />;
}

function ends(lower: string | undefined, upper: string | undefined, pool: Pool, instead?: Position): [number | null, number | null] {
  const whole = (text: string) => (/^-?\d+$/.test(text) ? Number(text) : null);
  const now = pool.tick ?? 0;
  const own = instead && !isEverywhere(instead) ? [instead.tick_lower, instead.tick_upper] : [aligned(now - 1800, pool), aligned(now + 1800, pool)];
  return [lower === undefined ? (own[0] ?? null) : whole(lower), upper === undefined ? (own[1] ?? null) : whole(upper)];
}

/** The nearest end that the pool allows. */
function aligned(tick: number, pool: Pool): number {
  const spacing = pool.tick_spacing ?? 1;
  return Math.round(tick / spacing) * spacing;
}
