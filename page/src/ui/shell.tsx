// What surrounds every view: where one is, how fresh what one sees is, and what is wrong.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { keyEnds } from "../lib/api";
import { answered, lookedAt } from "../lib/ask";
import { duration, grouped, localTime } from "../lib/format";
import { forgetKey, key } from "../lib/key";
import { connection, pulse } from "../lib/pulse";
import { useStore } from "../lib/store";
import { chooseTheme, theme, type Theme } from "../lib/theme";
import { type Query, useQuery } from "../lib/url";
import { finality, sureness } from "../lib/words";
import { Link, When } from "./bits";

const VIEWS: [Query, string, (query: Query) => boolean][] = [
  [{}, "Overview", (query) => !query.view && !query.account],
  [{ view: "status" }, "Status", (query) => query.view === "status"],
  [{ view: "keys" }, "Keys", (query) => query.view === "keys"],
  [{ view: "usage" }, "Usage", (query) => query.view === "usage"],
  [{ view: "audit" }, "Audit", (query) => query.view === "audit"],
];
const REWOUND_SHOWN_MS = 60_000;

export function Shell({ children }: { children: ComponentChildren }) {
  const query = useQuery();
  const held = useStore(key);
  return (
    <>
      <a class="skip" href="#main">To the figures</a>
      <header class="top">
        <Link to={{}} class="brand">accrual</Link>
        {held && (
          <nav aria-label="Views">
            {VIEWS.map(([to, name, isHere]) => <Link to={to} current={isHere(query)} key={name}>{name}</Link>)}
          </nav>
        )}
        <div class="end">
          {held && <Freshness />}
          <ThemeChoice />
          {held && <button type="button" class="small" onClick={() => forgetKey()}>Forget the key</button>}
        </div>
      </header>
      <Banners />
      <main id="main" tabIndex={-1}>{children}</main>
    </>
  );
}

/** Block, finality and age of what is on the screen. */
function Freshness() {
  const { now } = useTick();
  const { by } = useStore(connection);
  useStore(answered);
  const seen = lookedAt();
  const block = seen?.meta.as_of;
  if (!seen || !block) return null;
  const age = (seen.meta.age_seconds ?? 0) + Math.max(0, Math.round((now - seen.at) / 1000));
  return (
    <div class="fresh" title={`All figures here are true at block ${grouped(block.block_number)} of chain ${block.chain_id} or later, ${localTime(block.at)}. ${sureness(seen.meta.finality)} News come ${by === "stream" ? "with each block" : "by asking every few seconds"}.`}>
      <span class={`dot ${seen.meta.stale ? "bad" : by === "stream" ? "live" : "good"}`} />
      <span>block <strong>{grouped(block.block_number)}</strong></span>
      <span class={seen.meta.finality === "finalized" ? "" : "unsure"}>{finality(seen.meta.finality)}</span>
      <span class="quiet">{duration(age)} old</span>
    </div>
  );
}

function Banners() {
  const { now } = useTick();
  const { state, since, why, rewound } = useStore(connection);
  const ends = useStore(keyEnds);
  const seen = lookedAt();
  return (
    <div class="banners" aria-live="polite">
      {state === "lost" && (
        <p class="banner bad">
          {why} What is shown is as of {since ? localTime(new Date(since).toISOString()) : "before"}; it goes on by itself.
        </p>
      )}
      {seen?.meta.stale && (
        <p class="banner idle">
          The newest block is older than this server promises: {duration(seen.meta.age_seconds ?? 0)}. Its node or its indexer is behind; figures are right as of their block.
        </p>
      )}
      {rewound && now - rewound.at < REWOUND_SHOWN_MS && (
        <p class="banner idle">
          The chain took blocks back{rewound.to === null ? "" : ` above ${grouped(rewound.to)}`}; figures were made anew.
        </p>
      )}
      {ends && <p class="banner idle">This key is being exchanged and ends <When at={ends} />. Use the new one from now on.</p>}
    </div>
  );
}

const THEMES: [Theme, string][] = [["auto", "as the device"], ["light", "light"], ["dark", "dark"]];

function ThemeChoice() {
  const now = useStore(theme);
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select value={now} onChange={(event) => chooseTheme(event.currentTarget.value as Theme)}>
        {THEMES.map(([value, name]) => <option value={value} key={value}>{name}</option>)}
      </select>
    </label>
  );
}

/** Again each second, for ages. */
export function useTick(): { now: number } {
  const [now, setNow] = useState(Date.now());
  useStore(pulse);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return { now };
}
