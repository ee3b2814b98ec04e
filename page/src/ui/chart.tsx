// A figure over time: drawn by uPlot, read out in words, its data as CSV. A stretch that is marked becomes the range of the
// view, and so part of its address.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { download } from "../lib/api";
import { localTime, rough, utcTime, zone, zoneIsUtc } from "../lib/format";
import { colour, repainted } from "../lib/theme";
import { useStore } from "../lib/store";
import { adjust } from "../lib/url";

export interface Line {
  name: string;
  /** Null where it is not known: the line has a gap there. */
  values: (number | null)[];
  /** What the axis has. */
  unit: "$" | "%" | "";
  /** A value in full, where there is more to tell than the picture has. */
  exact?: (index: number) => string;
  /** Stepped for what holds until it changes, filled for what adds up. */
  kind?: "line" | "bars" | "area";
}

interface Props {
  title: string;
  /** What the figure means, for those who ask. */
  hint: string;
  /** Unix seconds. */
  times: number[];
  lines: Line[];
  /** Where the same is to be had as CSV. */
  csv: string;
  file: string;
  /** Further answers that the picture is made of. */
  more?: { csv: string; file: string }[];
}

const HEIGHT = 190;
/** So many stand close together: a gap of a pixel would be as wide as they are. */
const MANY_BARS = 100;

export function Chart({ title, hint, times, lines, csv, file, more = [] }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [why, setWhy] = useState<string | null>(null);
  const colours = useStore(repainted);
  const isKnown = lines.some((line) => line.values.some((value) => value !== null));

  useEffect(() => {
    const host = place.current;
    if (!host || !isKnown) return;
    const plot = new uPlot(options(host.clientWidth, lines, setAt), [times, ...lines.map((line) => line.values)], host);
    const watcher = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: HEIGHT }));
    watcher.observe(host);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
    // What is drawn depends on nothing but these; the arrays are new at each answer.
  }, [JSON.stringify([times.length, times[0], times.at(-1), lines.map((line) => [line.name, line.values.at(-1), line.values[0]])]), colours, isKnown]);

  // A pointer that moves over it changes no word of it.
  const words = useMemo(() => (isKnown ? summary(title, times, lines) : ""), [title, times, lines]);
  const index = at ?? newest(lines, times.length - 1);
  const save = () => {
    const all = [{ csv, file }, ...more].map((one) => download(one.csv, one.file));
    void Promise.all(all).then(() => setWhy(null), (error: Error) => setWhy(error.message));
  };
  return (
    <figure class="chart">
      <figcaption>
        <h3 title={hint}>{title}</h3>
        <span class="quiet" aria-hidden="true">{times[index] !== undefined && moment(times[index])}</span>
        <button type="button" class="small" onClick={save} aria-label={`${title}: save as CSV`}>CSV</button>
      </figcaption>
      <p class="readout" aria-hidden="true">
        {isKnown && lines.map((line, place) => (
          <span key={line.name} title={line.name}>
            <i class={`swatch s${place % 4}`} />
            {lines.length > 1 && <span class="quiet name">{line.name} </span>}
            {told(line, index)}
          </span>
        ))}
      </p>
      {isKnown
        ? <div ref={place} class="plot" role="img" aria-label={words} />
        : <p class="empty plot">Not known over this time.</p>}
      {why && <p class="trouble" role="alert">{why}</p>}
    </figure>
  );
}

/** The newest place at which something is known. */
function newest(lines: Line[], last: number): number {
  for (let index = last; index >= 0; index -= 1) if (lines.some((line) => line.values[index] != null)) return index;
  return last;
}

function told(line: Line, index: number): string {
  const value = line.values[index];
  return value == null ? "unknown" : (line.exact?.(index) ?? shown(value, line.unit));
}

function shown(value: number, unit: Line["unit"]): string {
  return unit === "$" ? `${value < 0 ? "−" : ""}$${rough(Math.abs(value))}` : unit === "%" ? `${rough(value)} %` : rough(value);
}

function moment(seconds: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  return zoneIsUtc ? `${localTime(iso)} UTC` : `${localTime(iso)} (${iso.slice(11, 16)} UTC)`;
}

/** The picture in words. */
function summary(title: string, times: number[], lines: Line[]): string {
  const first = new Date((times[0] ?? 0) * 1000).toISOString();
  const last = new Date((times.at(-1) ?? 0) * 1000).toISOString();
  const parts = lines.map((line) => {
    const known = line.values.filter((value): value is number => value !== null);
    if (known.length === 0) return `${line.name}: unknown`;
    const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    return `${line.name}: ${told(line, line.values.lastIndexOf(known.at(-1) ?? 0))} at the end, between ${shown(low, line.unit)} and ${shown(high, line.unit)}`;
  });
  return `${title} from ${utcTime(first)} to ${utcTime(last)}. ${parts.join(". ")}.`;
}

function options(width: number, lines: Line[], setAt: (index: number | null) => void): uPlot.Options {
  const font = "11px system-ui, sans-serif";
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font };
  const unit = lines[0]?.unit ?? "";
  const show = (value: number) => shown(value, unit);
  return {
    width,
    height: HEIGHT,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "time" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    scales: { x: { time: true }, y: { range: (_, low, high) => bounds(low, high, lines.some((line) => line.kind)) } },
    axes: [
      { ...axis, size: 26, grid: { show: false }, values: dates },
      { ...axis, size: (_, values) => 14 + 6.4 * Math.max(3, ...(values ?? []).map((value) => value.length)), values: (_, ticks) => ticks.map(show), space: 34 },
    ],
    series: [
      {},
      ...lines.map((line, index): uPlot.Series => ({
        label: line.name,
        stroke: colour(`--s${index % 4}`),
        width: 1.5,
        points: { show: false },
        ...(line.kind && { fill: colour(`--s${index % 4}-pale`) }),
        ...(line.kind === "bars" && { paths: uPlot.paths.bars!({ size: [line.values.length > MANY_BARS ? 1 : 0.8, 40], align: -1 }), width: 0, fill: colour(`--s${index % 4}-bar`) }),
      })),
    ],
    hooks: {
      setCursor: [(plot) => setAt(plot.cursor.idx ?? null)],
      setSelect: [select],
    },
  };
}

/** Zero is shown where the height of a bar or an area is what is read. */
function bounds(low: number, high: number, fromZero: boolean): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [fromZero ? Math.min(0, low) : low - room, high + room];
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function dates(_: uPlot, ticks: number[]): string[] {
  return ticks.map((seconds) => {
    const time = HOUR.format(seconds * 1000);
    return time === "00:00" || (ticks[1] ?? 0) - (ticks[0] ?? 0) >= 86_400 ? DAY.format(seconds * 1000) : time;
  });
}

function select(plot: uPlot) {
  const { left, width } = plot.select;
  if (width < 8) return;
  const at = (pixel: number) => new Date(Math.round(plot.posToVal(pixel, "x")) * 1000).toISOString().slice(0, 19);
  adjust({ range: "", from: `${at(left)}Z`, to: `${at(left + width)}Z` });
}
