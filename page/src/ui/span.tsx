// A position's range against the price, as a picture and in words.

import { price, tickPrice } from "../lib/format";
import type { Position } from "../lib/types";

const WIDTH = 320;
const HEIGHT = 32;
/** Nearer to a side than this, a word begins or ends at its place. */
const EDGE = 0.1;
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
      <p class="above"><strong style={placed(now)}>{priced}</strong></p>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words} preserveAspectRatio="none">
        <rect x="0" y="13" width={WIDTH} height="6" rx="3" class="track" />
        <rect x={from} y="8" width={Math.max(3, to - from)} height="16" rx="3" class={position.in_range ? "in" : "out"} />
        <line x1={now} x2={now} y1="0" y2={HEIGHT} class="price" />
      </svg>
      <p class="below"><span style={placed(from)}>{at(lower)}</span><span style={placed(to)}>{at(upper)}</span></p>
      <figcaption class="quiet">{unit}</figcaption>
    </figure>
  );
}

/** A word under or over its place in the picture, and never over the picture's edge. */
function placed(x: number) {
  const part = x / WIDTH;
  return { left: `${part * 100}%`, transform: `translateX(${part < EDGE ? 0 : part > 1 - EDGE ? -100 : -50}%)` };
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
