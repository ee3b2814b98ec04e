// A position's range against the price, as a picture and in words.

import { price, tickPrice } from "../lib/format";
import type { Position } from "../lib/types";

const WIDTH = 320;
const HEIGHT = 46;
/** Ticks around price and range that are shown at least. */
const TICKS_MIN = 400;

interface Props {
  position: Position;
  tick: number | null;
  /** The price itself; a tick tells it to a hundredth of a per cent. */
  price: string | null;
}

export function SpanPicture({ position, tick, price: exact }: Props) {
  const { tick_lower: lower, tick_upper: upper, token0, token1 } = position;
  if (isEverywhere(position)) return <p class="quiet">Shares: its liquidity is everywhere, at any price.</p>;
  if (tick === null) return <p class="quiet">The pool has no price yet.</p>;
  const scale = scaled(lower, upper, tick);
  const [d0, d1] = [token0?.decimals ?? 0, token1?.decimals ?? 0];
  const at = (one: number) => price(tickPrice(one, d0, d1));
  const unit = `${token1?.symbol ?? "token1"} for one ${token0?.symbol ?? "token0"}`;
  const priced = exact === null ? at(tick) : price(Number(exact));
  const words = `Range ${at(lower)} to ${at(upper)}, price ${priced} ${unit}`;
  const [from, to, now] = [scale(lower), scale(upper), scale(tick)];
  return (
    <figure class="span" title={`${words}. Ticks ${lower} to ${upper}, price at tick ${tick}.`}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words} preserveAspectRatio="none">
        <rect x="0" y="19" width={WIDTH} height="8" rx="4" class="track" />
        <rect x={from} y="15" width={Math.max(3, to - from)} height="16" rx="3" class={position.in_range ? "in" : "out"} />
        <line x1={now} x2={now} y1="4" y2="42" class="price" />
      </svg>
      <figcaption>
        <span>{at(lower)}</span>
        <strong>{priced}</strong>
        <span>{at(upper)}</span>
      </figcaption>
      <p class="quiet">{unit}</p>
    </figure>
  );
}

export function isEverywhere({ tick_lower: lower, tick_upper: upper }: { tick_lower: number; tick_upper: number }): boolean {
  return lower === upper || (lower < -880_000 && upper > 880_000);
}

/** The range takes the middle; a price far outside is brought near, at its side. */
function scaled(lower: number, upper: number, tick: number): (tick: number) => number {
  const width = Math.max(upper - lower, TICKS_MIN / 4);
  const near = Math.max(lower - width, Math.min(upper + width, tick));
  const low = Math.min(lower, near) - width * 0.3;
  const high = Math.max(upper, near) + width * 0.3;
  return (one) => 2 + ((Math.max(low, Math.min(high, one)) - low) / (high - low)) * (WIDTH - 4);
}
