// A position's time in a campaign: when it earned, when it stood idle, and why.

import { useState } from "preact/hooks";
import { duration, localTime, utcTime } from "../lib/format";
import type { Stretch, Timeline } from "../lib/types";
import { reason } from "../lib/words";
import { Amount, When } from "./bits";

interface Props {
  timeline: Timeline;
  token: { symbol: string | null; decimals: number | null };
  /** The newest block's time. */
  now: string;
  /** What it has earned for the account that is looked at. */
  own: string | null;
}

const IDLE_SHOWN = 6;
const WIDTH = 1000;
const HEIGHT = 12;

export function Strip({ timeline, token, now, own }: Props) {
  const [isOpen, setOpen] = useState(false);
  const { stretches } = timeline;
  const first = stretches[0];
  if (!first) return <p class="quiet">It was there at no time of this campaign.</p>;
  const begins = Date.parse(first.from_at);
  const ends = Math.max(...stretches.map((one) => end(one, now)), begins + 1);
  const part = (ms: number) => ((ms - begins) / (ends - begins)) * WIDTH;
  // What lies under the pointer is told when it is there: a picture of each stretch would be as many as there are trades.
  const tell = ({ currentTarget: svg, offsetX }: { currentTarget: SVGSVGElement; offsetX: number }) => {
    const at = begins + (offsetX / svg.clientWidth) * (ends - begins);
    const one = stretches.findLast((one) => Date.parse(one.from_at) <= at) ?? first;
    const title = svg.querySelector("title");
    if (title) title.textContent = `${localTime(one.from_at)}: ${reason(one.reason)} for ${length(one, now)}`;
  };
  const idle = stretches.filter((one) => one.state === "idle" && !isOutside(one));
  return (
    <div class="strip">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words(stretches, now)} onPointerMove={tell} onPointerDown={tell}>
        <title />
        {(["rest", "earning", "idle"] as const).map((kind) => (
          <path key={kind} class={kind} d={stretches.filter((one) => kindOf(one) === kind).map((one) => box(part(Date.parse(one.from_at)), part(end(one, now)))).join("")} />
        ))}
      </svg>
      <p class="ends"><span>{localTime(first.from_at).slice(0, 10)}</span><span>{localTime(new Date(ends).toISOString()).slice(0, 10)}</span></p>
      {idle.length > 0 && (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            Idle {idle.length === 1 ? "once" : `${idle.length} times`}, {duration(idle.reduce((sum, one) => sum + (end(one, now) - Date.parse(one.from_at)) / 1000, 0))} in all
          </summary>
          {isOpen && <ul class="stretches">
            {idle.slice(-IDLE_SHOWN).reverse().map((one) => (
              <li key={one.from_block}>
                <When at={one.from_at} short /> <span>for {length(one, now)}</span> <span class="quiet">{reason(one.reason)}</span>
              </li>
            ))}
            {idle.length > IDLE_SHOWN && <li class="quiet">and {idle.length - IDLE_SHOWN} before these</li>}
          </ul>}
        </details>
      )}
      <Total stretches={stretches} token={token} own={own} />
    </div>
  );
}

/** A position may have changed hands: what it earned in all is told where that is more than what it earned for one. */
function Total({ stretches, token, own }: { stretches: Stretch[]; token: Props["token"]; own: string | null }) {
  const known = stretches.every((one) => one.earned_units !== null);
  if (!known) return null;
  const sum = stretches.reduce((sum, one) => sum + BigInt(one.earned_units ?? 0), 0n);
  if (sum <= BigInt(own ?? 0) + 2n * BigInt(stretches.length)) return null;
  return <p class="quiet">In all, whoever held it: <Amount units={String(sum)} token={token} places={4} /></p>;
}

/** How it stands since when: of the newest stretches, those that are alike. */
export function since(timeline: Timeline | undefined): { at: string; reason: string; state: Stretch["state"] } | null {
  const last = timeline?.stretches.at(-1);
  if (!last || last.to_at !== null) return null;
  return { at: last.from_at, reason: last.reason, state: last.state };
}

function kindOf(one: Stretch): "rest" | "earning" | "idle" {
  return isOutside(one) ? "rest" : one.state === "earning" ? "earning" : "idle";
}

/** However short it is, it is seen. */
function box(from: number, to: number): string {
  return `M${from.toFixed(1)} 0H${Math.max(from + 1, to).toFixed(1)}V${HEIGHT}H${from.toFixed(1)}Z`;
}

/** Before and after the campaign nobody earns. */
function isOutside(one: Stretch): boolean {
  return one.reason === "not_started" || one.reason === "campaign_over";
}

function end(one: Stretch, now: string): number {
  return Date.parse(one.to_at ?? now);
}

function length(one: Stretch, now: string): string {
  return duration(Math.max(0, (end(one, now) - Date.parse(one.from_at)) / 1000));
}

function words(stretches: Stretch[], now: string): string {
  const told = stretches.slice(-8).map((one) => `${one.state} from ${utcTime(one.from_at)} for ${length(one, now)}: ${reason(one.reason)}`);
  return `The newest stretches: ${told.join("; ")}.`;
}
