// What components ask of the API: asked once for all of them, and again at each pulse while somebody looks.

import { useEffect, useRef, useState } from "preact/hooks";
import { Failure, request } from "./api";
import { key } from "./key";
import { lost, pulse, reached, setCallsPerPulse } from "./pulse";
import { store } from "./store";
import type { List, Meta } from "./types";

export interface Asked<T> {
  /** The newest answer; it stays while later ones fail. */
  value: T | null;
  failure: Failure | null;
  /** When the newest answer came, by this machine's clock. */
  at: number;
}

/** How often it is asked again. */
export type Pace = "block" | "slow" | "live" | "once";

const SLOW_MS = 30_000;
const LIVE_MS = 2_000;
const KEPT = 60;
/** Of a list that is asked for with all its pages: 5,000 rows. */
const PAGES_MAX = 10;

const NOTHING: Asked<unknown> = { value: null, failure: null, at: 0 };

class Entry {
  asked = NOTHING;
  readonly listeners = new Set<() => void>();
  pace: Pace = "block";
  isWhole = false;
  isUnderWay = false;
  wants = false;
  notBefore = 0;
  private etag: string | null = null;
  private lookedAt = 0;

  constructor(readonly path: string) {}

  async look(): Promise<void> {
    if (this.isUnderWay) {
      this.wants = true;
      return;
    }
    const held = key.get();
    if (Date.now() < this.notBefore || !held) return;
    this.isUnderWay = true;
    this.lookedAt = Date.now();
    let isNews = true;
    try {
      const answer = await request(this.path, { etag: this.asked.value ? this.etag : null });
      const value: unknown = answer.status === 304 ? this.asked.value : await this.whole(await answer.json());
      // What another key may see is not shown to this one.
      if (held !== key.get()) throw new Failure("Asked with another key.", 0, "other_key");
      this.etag = answer.headers.get("etag");
      if (answer.status === 304) {
        // Its age is counted on from when it came.
        isNews = this.asked.failure !== null;
        this.asked = { ...this.asked, failure: null };
      } else {
        this.asked = { value, failure: null, at: Date.now() };
      }
      reached();
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure(String(error), 0, "unreadable");
      if (failure.code === "other_key") this.wants = true;
      else if (failure.status === 0) lost(failure.message);
      if (failure.retryAfter) this.notBefore = Date.now() + failure.retryAfter * 1000;
      this.asked = { ...this.asked, failure };
    }
    this.isUnderWay = false;
    if (isNews) drawSoon(this.listeners);
    if (this.wants) {
      this.wants = false;
      void this.look();
    }
  }

  /** A list with its further pages, which are of the block of the first, as far as that was asked for. */
  private async whole(first: unknown): Promise<unknown> {
    const list = first as List<unknown>;
    for (let pages = 1; this.isWhole && list.meta?.next_cursor && pages < PAGES_MAX; pages += 1) {
      const cursor = encodeURIComponent(list.meta.next_cursor);
      const next = (await (await request(`${this.path}&cursor=${cursor}`)).json()) as List<unknown>;
      list.data.push(...next.data);
      list.meta.next_cursor = next.meta.next_cursor ?? null;
    }
    return first;
  }

  /** Whether it is asked for when somebody begins to look at it. */
  isWanted(): boolean {
    if (this.asked.at === 0) return true;
    return this.pace === "slow" ? Date.now() - this.lookedAt > SLOW_MS : this.pace !== "once";
  }

  isDue(): boolean {
    const age = Date.now() - this.lookedAt;
    const refused = this.asked.failure?.status ?? 0;
    // What is refused stays so for a while; what broke is tried at each pulse.
    if (refused >= 400 && refused < 500) return age > SLOW_MS;
    if (this.asked.failure) return true;
    return this.pace === "block" || (this.pace === "slow" && age > SLOW_MS);
  }
}

/** Counts up when an answer was drawn: how fresh what is on the screen is may be another matter then. */
export const answered = store(0);
/** Who is to draw anew: however many answers come within a frame, their views are drawn once. */
const waiting = new Set<() => void>();

function drawSoon(listeners: Set<() => void>) {
  const isFirst = waiting.size === 0;
  for (const listener of listeners) waiting.add(listener);
  if (!isFirst || waiting.size === 0) return;
  // A tab that nobody sees has no frames.
  if (document.visibilityState === "hidden") setTimeout(draw);
  else requestAnimationFrame(draw);
}

function draw() {
  const now = [...waiting];
  waiting.clear();
  for (const listener of now) listener();
  answered.set(answered.get() + 1);
}

const entries = new Map<string, Entry>();

pulse.watch(() => {
  for (const entry of looked()) if (entry.isDue()) void entry.look();
});
setInterval(() => {
  for (const entry of looked()) if (entry.pace === "live") void entry.look();
}, LIVE_MS);
// Another key sees other things.
key.watch(() => {
  for (const entry of entries.values()) entry.asked = NOTHING;
  for (const entry of looked()) void entry.look();
});

function looked(): Entry[] {
  return [...entries.values()].filter((entry) => entry.listeners.size > 0);
}

function entryOf(path: string): Entry {
  const found = entries.get(path) ?? new Entry(path);
  entries.delete(path);
  entries.set(path, found);
  for (const [other, { listeners }] of entries) {
    if (entries.size <= KEPT) break;
    if (listeners.size === 0) entries.delete(other);
  }
  return found;
}

/** The answer of `path`; nothing is asked while that is null. */
export function useAsk<T>(path: string | null, pace: Pace = "block", isWhole = false): Asked<T> {
  const [, again] = useState(0);
  const asked = ((path === null ? undefined : entries.get(path)?.asked) ?? NOTHING) as Asked<T>;
  const drawn = useRef<Asked<unknown>>(asked);
  drawn.current = asked;
  useEffect(() => {
    if (path === null) return;
    const entry = entryOf(path);
    const listener = () => again((count) => count + 1);
    entry.pace = pace;
    entry.isWhole = isWhole;
    entry.listeners.add(listener);
    count();
    // Another component's question may have been answered after this one was drawn and before it listens.
    const { value, failure } = entry.asked;
    if (value !== drawn.current.value || failure !== drawn.current.failure) listener();
    if (entry.isWanted()) void entry.look();
    return () => {
      entry.listeners.delete(listener);
      count();
    };
  }, [path, pace]);
  return asked;
}

/** The same, with the last answer kept while another stretch or window of the same thing is on its way. */
export function useAskOn<T>(path: string | null, pace: Pace = "block"): Asked<T> {
  const asked = useAsk<T>(path, pace);
  const last = useRef<T | null>(null);
  if (asked.value) last.current = asked.value;
  return { ...asked, value: asked.value ?? last.current };
}

/** Asks for it now, e.g. since it was just changed. */
export function refresh(beginning: string) {
  for (const entry of looked()) if (entry.path.startsWith(beginning)) void entry.look();
}

function count() {
  setCallsPerPulse(looked().filter((entry) => entry.pace === "block").length);
}

/** The block of what is looked at: of the answer with the oldest, so that nobody is told that all is newer than it is. */
export function lookedAt(): { meta: Meta; at: number } | null {
  let found: { meta: Meta; at: number } | null = null;
  for (const { asked, pace } of looked()) {
    const meta = (asked.value as { meta?: Meta } | null)?.meta;
    if (!meta?.as_of || pace === "once" || pace === "slow") continue;
    if (!found?.meta.as_of || meta.as_of.block_number < found.meta.as_of.block_number) found = { meta, at: asked.at };
  }
  return found;
}
