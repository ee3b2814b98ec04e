// Where a pool's liquidity lies around its price.

import { price as shownPrice, tickPrice, usd } from "../lib/format";
import type { Band, Liquidity } from "../lib/types";
import { reason } from "../lib/words";
import { Known } from "./bits";

const WIDTH = 800;
const HEIGHT = 150;
/** How many dollars lie within so many per cent of the price, for those who do not read pictures. */
const NEAR_PERCENT = [1, 2, 5, 10];
const TICKS_A_PERCENT = 1 / (100 * Math.log(1.0001));

export function Depth({ liquidity, zoom }: { liquidity: Liquidity; zoom: number }) {
  const { bands, tick } = liquidity;
  if (liquidity.reason) return <p class="empty">{sentence(reason(liquidity.reason))}.</p>;
  if (tick === null || bands.length === 0) return <p class="empty">No liquidity is there yet.</p>;
  const half = Math.log(zoom) / Math.log(1.0001);
  const [low, high] = [tick - half, tick + half];
  const seen = bands.filter((band) => band.tick_upper > low && band.tick_lower < high);
  const most = Math.max(...seen.map((band) => Number(band.liquidity)), 1);
  const x = (one: number) => ((Math.max(low, Math.min(high, one)) - low) / (high - low)) * WIDTH;
  const [d0, d1] = [liquidity.token0?.decimals ?? 0, liquidity.token1?.decimals ?? 0];
  const at = (one: number) => shownPrice(tickPrice(one, d0, d1));
  const priced = liquidity.price === null ? at(tick) : shownPrice(Number(liquidity.price));
  const held = NEAR_PERCENT.map((percent) => ({ percent, usd: within(bands, tick, percent) }));
  const words = held.map((one) => `${one.usd === null ? "an unknown value" : usd(String(one.usd))} within ${one.percent} per cent`);
  return (
    <figure class="depth">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`Liquidity around the price ${priced}: ${words.join(", ")}.`}>
        {seen.map((band) => {
          const height = (Number(band.liquidity) / most) * (HEIGHT - 12);
          const side = band.tick_upper <= tick ? "below" : band.tick_lower > tick ? "above" : "here";
          const width = Math.max(1, x(band.tick_upper) - x(band.tick_lower) - 0.5);
          return (
            <rect key={band.tick_lower} x={x(band.tick_lower)} y={HEIGHT - height} width={width} height={height} class={side}>
              <title>{`${at(band.tick_lower)} to ${at(band.tick_upper)}: ${usd(band.value_usd)} (liquidity ${band.liquidity})`}</title>
            </rect>
          );
        })}
        <line x1={x(tick)} x2={x(tick)} y1="0" y2={HEIGHT} class="price" />
      </svg>
      <figcaption>
        <span>{at(low)}</span>
        <strong>{priced} {liquidity.token1?.symbol ?? ""} for one {liquidity.token0?.symbol ?? "token0"}</strong>
        <span>{at(high)}</span>
      </figcaption>
      <dl class="facts near">
        {held.map((one) => (
          <div key={one.percent}>
            <dt>within {one.percent} %</dt>
            <dd><Known text={one.usd === null ? "unknown" : usd(String(one.usd))} why="no_price" /></dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Dollars in bands near the price; of a band that reaches further, the part that lies near. For orientation. */
function within(bands: Band[], tick: number, percent: number): number | null {
  const half = percent * TICKS_A_PERCENT;
  let sum = 0;
  for (const band of bands) {
    const near = Math.min(band.tick_upper, tick + half) - Math.max(band.tick_lower, tick - half);
    if (near <= 0) continue;
    if (band.value_usd === null) return null;
    sum += (Number(band.value_usd) * near) / (band.tick_upper - band.tick_lower);
  }
  return sum;
}
