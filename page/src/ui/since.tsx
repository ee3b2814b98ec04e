// Since when the price is in a position's range, or out of it: by the pool's tick at each full hour, which is known of every
// pool, whether a campaign pays on it or not. What happened between two hours is not seen, and that is said.

import { path } from "../lib/api";
import { useAsk } from "../lib/ask";
import { duration } from "../lib/format";
import type { History, HistoryRow, Position } from "../lib/types";
import { When } from "./bits";
import { isEverywhere } from "./span";

const HOUR_MS = 3_600_000;
/** As far back as it is looked: 336 rows, which the API answers at once. */
const DAYS = 14;
const ROWS_MAX = 500;

type Side = "in" | "above" | "below";
const SAYS: Record<Side, string> = { in: "in this range", above: "above this range", below: "below this range" };

export function InRangeSince({ position }: { position: Position }) {
  const { pool, as_of: newest } = position;
  const hour = Math.floor(Date.parse(newest.at) / HOUR_MS) * HOUR_MS;
  const from = `${new Date(hour - DAYS * 24 * HOUR_MS).toISOString().slice(0, 19)}Z`;
  const asked = isEverywhere(position) ? null : path(`/v1/pools/${encodeURIComponent(pool)}/history`, { interval: "1h", from, limit: ROWS_MAX });
  const { value } = useAsk<History>(asked, "slow");
  const ticks = value?.data.filter((row) => typeof row["tick"] === "number" && Date.parse(row.at) <= hour) ?? [];
  const since = run(ticks, position);
  if (!since) return null;
  const long = duration((Date.parse(newest.at) - Date.parse(since.at)) / 1000);
  return (
    <p class="quiet since" title={`By the pool's tick at each full hour${since.isAll ? ` of the ${duration((hour - Date.parse(since.at)) / 1000)} that were looked at` : ""}; what happened between two hours is not seen`}>
      The price was {SAYS[since.side]} at each full hour since {since.isAll && "at least "}<When at={since.at} short /> · {long}
    </p>
  );
}

/** The hours up to the newest at which the price was on the same side. */
function run(rows: HistoryRow[], position: Position): { side: Side; at: string; isAll: boolean } | null {
  const last = rows.at(-1);
  if (!last) return null;
  const side = sideOf(last, position);
  const before = rows.findLastIndex((row) => sideOf(row, position) !== side);
  const first = rows[before + 1] ?? last;
  return { side, at: first.at, isAll: before < 0 };
}

/** As the pool counts it: the lower end is in, the upper one is not. */
function sideOf(row: HistoryRow, { tick_lower: lower, tick_upper: upper }: Position): Side {
  const tick = row["tick"] as number;
  return tick < lower ? "below" : tick < upper ? "in" : "above";
}
