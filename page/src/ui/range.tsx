// Which stretch of time a view's charts tell: a length up to the newest block, or one that was marked in a chart.

import { localTime } from "../lib/format";
import { adjust, type Query, useQuery } from "../lib/url";
import { Choice } from "./bits";

const LENGTHS = [["24h", "24 h"], ["7d", "7 d"], ["14d", "14 d"], ["all", "all"]] as const;
type Length = (typeof LENGTHS)[number][0] | "";
const SECONDS: Record<string, number> = { "24h": 86_400, "7d": 604_800, "14d": 1_209_600 };
/** Beyond so many hours a row is a day: the API answers with 500 rows at most. */
const HOURS_MAX = 480;

export interface Range {
  interval: "1h" | "1d";
  from: string | null;
  to: string | null;
}

/** What to ask a history for, up to the time of the newest block; null while that is not known. */
export function useRange(newest: string | null | undefined, begins?: string): Range | null {
  const query = useQuery();
  if (!newest) return null;
  const { from, to } = ends(query, newest, begins);
  const hours = from ? (Date.parse(to ?? newest) - Date.parse(from)) / 3_600_000 : Infinity;
  return { interval: hours <= HOURS_MAX ? "1h" : "1d", from, to };
}

function ends(query: Query, newest: string, begins?: string): { from: string | null; to: string | null } {
  if (query.from) return { from: query.from, to: query.to ?? null };
  const seconds = SECONDS[query.range ?? "14d"];
  if (!seconds) return { from: begins ?? "2020-01-01T00:00:00Z", to: null };
  // To the full hour, so that a new block does not make it another question.
  const hour = Math.floor(Date.parse(newest) / 3_600_000) * 3_600_000;
  return { from: `${new Date(hour - seconds * 1000).toISOString().slice(0, 19)}Z`, to: null };
}

export function RangePicker() {
  const query = useQuery();
  const now: Length = query.from ? "" : ((query.range ?? "14d") as Length);
  return (
    <div class="range">
      <Choice name="Time shown" of={LENGTHS} now={now as "24h"} choose={(range) => adjust({ range, from: "", to: "" })} />
      {query.from && (
        <span class="quiet">
          {localTime(query.from)} to {query.to ? localTime(query.to) : "now"}
        </span>
      )}
    </div>
  );
}
