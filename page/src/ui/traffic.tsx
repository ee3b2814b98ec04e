// Both keys' calls of a rotation, hour by hour, and since the last look.

import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../lib/format";
import type { Hour, Rotation } from "../lib/types";

const WIDTH = 600;
const HEIGHT = 90;
/** How many looks are kept for the live picture: two minutes at two seconds each. */
const LOOKS_MAX = 60;

interface Look {
  old: number;
  new: number;
}

export function Traffic({ rotation }: { rotation: Rotation }) {
  const old = total(rotation.calls.old);
  const fresh = total(rotation.calls.new);
  const looks = useLooks(old, fresh);
  const steps = looks.slice(1).map((look, index) => ({ old: look.old - (looks[index]?.old ?? 0), new: look.new - (looks[index]?.new ?? 0) }));
  const now = steps.at(-1) ?? { old: 0, new: 0 };
  const most = Math.max(1, ...steps.map((step) => Math.max(step.old, step.new)));
  const words = `Old key: ${count(old)} calls since the exchange began, ${now.old} in the last two seconds. New key: ${count(fresh)} calls, ${now.new} in the last two seconds.`;
  return (
    <figure class="traffic">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
        {steps.map((step, index) => {
          const x = WIDTH - (steps.length - index) * (WIDTH / LOOKS_MAX);
          const height = (calls: number) => (calls / most) * (HEIGHT / 2 - 4);
          return (
            <g key={index}>
              <rect x={x} width={WIDTH / LOOKS_MAX - 2} y={HEIGHT / 2 - height(step.new)} height={height(step.new)} class="new" />
              <rect x={x} width={WIDTH / LOOKS_MAX - 2} y={HEIGHT / 2} height={height(step.old)} class="old" />
            </g>
          );
        })}
        <line x1="0" x2={WIDTH} y1={HEIGHT / 2} y2={HEIGHT / 2} class="axis" />
      </svg>
      <figcaption>
        <span><i class="swatch new" /> new key <strong>{count(fresh)}</strong> calls <span class="quiet">+{now.new}</span></span>
        <span><i class="swatch old" /> old key <strong>{count(old)}</strong> calls <span class="quiet">+{now.old}</span></span>
        <span class="quiet">the last two minutes, every two seconds</span>
      </figcaption>
    </figure>
  );
}

function total(hours: Hour[]): number {
  return hours.reduce((sum, hour) => sum + hour.calls, 0);
}

/** What was counted at each look, the newest last. */
function useLooks(old: number, fresh: number): Look[] {
  const newest = useRef<Look>({ old, new: fresh });
  newest.current = { old, new: fresh };
  const [looks, setLooks] = useState<Look[]>([{ old, new: fresh }]);
  useEffect(() => {
    const timer = setInterval(() => setLooks((before) => [...before, newest.current].slice(-LOOKS_MAX)), 2_000);
    return () => clearInterval(timer);
  }, []);
  return looks;
}
