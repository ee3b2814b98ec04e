// When to look again: at each block that the server's stream tells of, and by the clock where it tells of none. The one
// place that knows whether there is a connection.

import { Failure, minuteQuota, request } from "./api";
import { key } from "./key";
import { store } from "./store";
import { events } from "./stream";

const POLL_MS = 3_000;
const RETRY_MS_MAX = 10_000;
/** Between two looks at the same figures when blocks come fast. */
const BLOCK_MS_MIN = 1_000;

export interface Connection {
  state: "ok" | "lost";
  /** When it was lost. */
  since: number | null;
  why: string | null;
  /** How news arrive. */
  by: "stream" | "poll";
  /** What a stream told last of a block being taken back. */
  rewound: { to: number | null; at: number } | null;
}

/** Counts up whenever there may be something new. */
export const pulse = store(0);
export const connection = store<Connection>({ state: "ok", since: null, why: null, by: "poll", rewound: null });

/** How many counted calls a pulse makes now, so that a small plan's minute is not used up by looking. */
let callsPerPulse = 1;
let beaten = 0;
let soon: ReturnType<typeof setTimeout> | undefined;

export function setCallsPerPulse(calls: number) {
  callsPerPulse = Math.max(1, calls);
}

/** Half of the plan's minute at most is used for looking again. */
function intervalMs(): number {
  const quota = minuteQuota.get();
  return quota ? Math.max(POLL_MS, (60_000 * callsPerPulse) / (quota / 2)) : POLL_MS;
}

function beat() {
  beaten = Date.now();
  pulse.set(pulse.get() + 1);
}

/** Once for however many blocks come before it is time to look again. */
function beatSoon() {
  if (soon) return;
  const restMs = Math.max(BLOCK_MS_MIN, intervalMs() - POLL_MS) - (Date.now() - beaten);
  soon = setTimeout(() => {
    soon = undefined;
    beat();
  }, Math.max(0, restMs));
}

export function reached() {
  if (connection.get().state === "ok") return;
  connection.set({ ...connection.get(), state: "ok", since: null, why: null });
}

export function lost(why: string) {
  if (connection.get().state === "lost") return;
  connection.set({ ...connection.get(), state: "lost", since: Date.now(), why });
}

/** Starts looking; once. */
export function start() {
  void poll();
  void follow();
  addEventListener("offline", () => lost("This device has no network."));
  addEventListener("online", beat);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && beat());
  key.watch(beat);
}

async function poll() {
  let waitMs = POLL_MS;
  for (;;) {
    await sleep(waitMs);
    const isLost = connection.get().state === "lost";
    waitMs = isLost ? Math.min(RETRY_MS_MAX, waitMs * 1.5) : POLL_MS;
    const isDue = Date.now() - beaten >= (connection.get().by === "stream" ? 20_000 : intervalMs());
    if (isLost ? await isThere() : isDue && document.visibilityState === "visible") {
      reached();
      beat();
    }
  }
}

/** Whether the server answers at all. */
async function isThere(): Promise<boolean> {
  return request("/health/live", { open: true }).then(() => true, (error) => error instanceof Failure && error.status > 0);
}

/** Takes news from the stream for as long as there is one; where it breaks, where it stopped is told when it goes on. */
async function follow() {
  let after: string | null = null;
  for (;;) {
    let waitMs = 2_000;
    try {
      if (key.get() && connection.get().state === "ok") {
        for await (const event of events("/v1/stream?events=apr", after)) {
          if (connection.get().by !== "stream") connection.set({ ...connection.get(), by: "stream" });
          reached();
          after = event.id ?? after;
          told(event.kind, event.data);
        }
      }
    } catch (error) {
      const status = error instanceof Failure ? error.status : 0;
      // Whether only the stream broke, or the line: what is looked at next tells.
      if (status === 0 && key.get()) beat();
      // No stream for this key or at this server: it is looked for seldom. A cursor that is too old starts afresh.
      if (status >= 400) waitMs = 60_000;
      if (status === 400 || status === 410) [after, waitMs] = [null, 1_000];
    }
    if (connection.get().by !== "poll") connection.set({ ...connection.get(), by: "poll" });
    await sleep(waitMs);
  }
}

/** `head` ends what is said of a block; `rewind` says that blocks above one left the chain. */
function told(kind: string, data: string) {
  if (kind !== "head" && kind !== "rewind") return;
  if (kind === "rewind") {
    const to = (JSON.parse(data) as { block_number: number | null }).block_number;
    connection.set({ ...connection.get(), rewound: { to, at: Date.now() } });
  }
  beatSoon();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
