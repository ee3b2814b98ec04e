// What components ask of the API: asked once for all of them, and again at each pulse while somebody looks.

import { useEffect, useState } from "preact/hooks";
import { Failure, ask } from "./api";
import { key } from "./key";
import { lost, pulse, reached, setCallsPerPulse } from "./pulse";
import type { Meta } from "./types";

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

class Entry {
  asked: Asked<unknown> = { value: null, failure: null, at: 0 };
  readonly listeners = new Set<() => void>();
  pace: Pace = "block";
  isUnderWay = false;
  wants = false;
  notBefore = 0;

  constructor(readonly path: string) {}

  async look(): Promise<void> {
    if (this.isUnderWay) {
      this.wants = true;
      return;
    }
    if (Date.now() < this.notBefore || !key.get()) return;
    this.isUnderWay = true;
    try {
      const value = await ask(this.path);
      this.asked = { value, failure: null, at: Date.now() };
      reached();
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure(String(error), 0, "unreadable");
      if (failure.status === 0) lost(failure.message);
      if (failure.retryAfter) this.notBefore = Date.now() + failure.retryAfter * 1000;
      this.asked = { ...this.asked, failure };
    }
    this.isUnderWay = false;
    for (const listener of [...this.listeners]) listener();
    if (this.wants) {
      this.wants = false;
      void this.look();
    }
  }

  isDue(): boolean {
    const age = Date.now() - this.asked.at;
    if (this.asked.failure) return true;
    return this.pace === "block" || (this.pace === "slow" && age > SLOW_MS);
  }
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
  for (const entry of entries.values()) entry.asked = { value: null, failure: null, at: 0 };
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
export function useAsk<T>(path: string | null, pace: Pace = "block"): Asked<T> {
  const [, again] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const entry = entryOf(path);
    const listener = () => again((count) => count + 1);
    entry.pace = pace;
    entry.listeners.add(listener);
    count();
    if (entry.asked.at === 0 || pace !== "once") void entry.look();
    return () => {
      entry.listeners.delete(listener);
      count();
    };
  }, [path, pace]);
  const entry = path === null ? undefined : entries.get(path);
  return (entry?.asked ?? { value: null, failure: null, at: 0 }) as Asked<T>;
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
