// A list of which only what is near the screen is made, however long it is: as many cards beside each other as there is room
// for, line by line. Lines that are not made are held open by their height, as it was measured or as others have it.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props<Row> {
  rows: Row[];
  id: (row: Row) => string;
  draw: (row: Row) => ComponentChildren;
}

/** The narrowest that a card is, as the style has it. */
const CARD_MIN_PX = 544;
const GAP_PX = 16;
/** How much more than the screen is made, above and below. */
const NEAR_PX = 700;
/** What a line takes until the first one is measured. */
const LINE_PX = 480;
/** Lines that are made before anything is measured. */
const LINES_FIRST = 3;

/** The lines from `from` up to `to`, which is excluded. */
interface Seen {
  columns: number;
  from: number;
  to: number;
}

export function Many<Row>({ rows, id, draw }: Props<Row>) {
  const host = useRef<HTMLDivElement>(null);
  const heights = useRef<Heights>(new Heights());
  const [seen, setSeen] = useState<Seen>({ columns: 1, from: 0, to: LINES_FIRST });
  const lines = Math.ceil(rows.length / seen.columns);
  const { from, to } = within(seen, lines);

  const look = useRef(() => {});
  look.current = () => {
    if (!host.current) return;
    measure(host.current, heights.current);
    const next = looked(host.current, heights.current, rows.length);
    if (next.columns !== seen.columns) heights.current = new Heights();
    if (next.columns !== seen.columns || next.from !== seen.from || next.to !== seen.to) setSeen(next);
  };
  // All three come when the browser has laid out everything, so that to measure costs nothing.
  useEffect(() => {
    const soon = () => look.current();
    const watcher = new ResizeObserver(soon);
    if (host.current) watcher.observe(host.current);
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon, { passive: true });
    return () => {
      watcher.disconnect();
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, []);
  const made = Array.from({ length: to - from }, (_, index) => from + index);
  return (
    <div class="many" ref={host}>
      <div class="held" style={{ height: `${heights.current.upTo(from)}px` }} />
      {made.map((line) => (
        <div class="positions" key={line} data-line={line} style={{ gridTemplateColumns: `repeat(${Math.min(seen.columns, rows.length)}, minmax(0, 1fr))` }}>
          {rows.slice(line * seen.columns, (line + 1) * seen.columns).map((row) => <InTurn key={id(row)} height={heights.current.of(line) - GAP_PX} draw={() => draw(row)} />)}
        </div>
      ))}
      <div class="held" style={{ height: `${heights.current.upTo(lines) - heights.current.upTo(to)}px` }} />
    </div>
  );
}

/** A card whose place is held until it is its turn. */
function InTurn({ height, draw }: { height: number; draw: () => ComponentChildren }) {
  const [isDrawn, setDrawn] = useState(false);
  useEffect(() => inTurn(() => setDrawn(true)), []);
  return isDrawn ? <>{draw()}</> : <div class="position" aria-busy="true" style={{ height: `${height}px` }} />;
}

/** Who waits to be made: one card a frame, since a whole line of them takes longer than a frame may. */
const waiting: (() => void)[] = [];
/** Of more than this, two are made at once: somebody goes fast. */
const WAITING_MANY = 6;

/** Answers with what gives the turn up. */
function inTurn(make: () => void): () => void {
  waiting.push(make);
  if (waiting.length === 1) requestAnimationFrame(next);
  return () => {
    const place = waiting.indexOf(make);
    if (place >= 0) waiting.splice(place, 1);
  };
}

function next() {
  const isMany = waiting.length > WAITING_MANY;
  waiting.shift()?.();
  if (isMany) waiting.shift()?.();
  if (waiting.length > 0) requestAnimationFrame(next);
}

/** There may be fewer rows than when it was looked. */
function within(seen: Seen, lines: number): { from: number; to: number } {
  const to = Math.min(seen.to, lines);
  return { from: Math.max(0, Math.min(seen.from, to - 1)), to };
}

function measure(host: HTMLElement, heights: Heights) {
  for (const child of host.children) {
    const { dataset, offsetHeight } = child as HTMLElement;
    const isWhole = [...child.children].every((card) => card.ariaBusy !== "true");
    if (dataset["line"] !== undefined && isWhole) heights.measure(Number(dataset["line"]), offsetHeight + GAP_PX);
  }
}

function looked(host: HTMLElement, heights: Heights, rows: number): Seen {
  const { top, width } = host.getBoundingClientRect();
  const columns = Math.max(1, Math.floor((width + GAP_PX) / (CARD_MIN_PX + GAP_PX)));
  const lines = Math.ceil(rows / columns);
  const from = heights.at(-top - NEAR_PX, lines);
  return { columns, from, to: Math.min(lines, heights.at(innerHeight - top + NEAR_PX, lines) + 1) };
}

/** How high each line is. */
class Heights {
  private readonly known = new Map<number, number>();
  /** What a line has that was never made: what the first one had. */
  private usual: number | null = null;

  measure(line: number, height: number) {
    this.usual ??= height;
    this.known.set(line, height);
  }

  /** All lines before this one. */
  upTo(line: number): number {
    let sum = 0;
    for (let one = 0; one < line; one += 1) sum += this.of(one);
    return sum;
  }

  /** The line that lies so far below the first one's beginning. */
  at(distance: number, lines: number): number {
    let sum = 0;
    for (let line = 0; line < lines; line += 1) {
      sum += this.of(line);
      if (sum > distance) return line;
    }
    return Math.max(0, lines - 1);
  }

  /** Of one line, with the gap below it. */
  of(line: number): number {
    return this.known.get(line) ?? this.usual ?? LINE_PX;
  }
}
