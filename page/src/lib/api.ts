// One way to ask the API: with the reader's key, and with every failure as a sentence.

import { forgetKey, key } from "./key";
import { store } from "./store";
import type { Problem } from "./types";

/** What went wrong, with the API's own words where it has some. */
export class Failure extends Error {
  constructor(
    message: string,
    /** 0 where no answer came. */
    readonly status: number,
    readonly code: string,
    /** Seconds to wait before asking again. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** Calls a minute that the key's plan has, once an answer has told. */
export const minuteQuota = store<number | null>(null);
/** When the key that is used ends, if it ends soon: the server says so on each answer to it, and no more once it does not. */
export const keyEnds = store<string | null>(null);

export interface Call {
  method?: "GET" | "POST" | "PATCH";
  body?: unknown;
  accept?: string;
  /** Repeats of one change are one change. */
  idempotencyKey?: string;
  signal?: AbortSignal;
  /** The answer that is held already: where it still holds, 304 comes instead of it. */
  etag?: string | null;
  /** Where a stream goes on. */
  lastEventId?: string | null;
  /** For calls that need no key. */
  open?: boolean;
}

/** The answer as it came, if it is a good one. */
export async function request(path: string, call: Call = {}): Promise<Response> {
  const headers: Record<string, string> = {};
  const held = key.get();
  if (held && !call.open) headers["X-API-Key"] = held;
  if (call.accept) headers["Accept"] = call.accept;
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  if (call.etag) headers["If-None-Match"] = call.etag;
  if (call.lastEventId) headers["Last-Event-ID"] = call.lastEventId;
  if (call.idempotencyKey) headers["Idempotency-Key"] = call.idempotencyKey;
  const options: RequestInit = { method: call.method ?? "GET", headers, cache: "no-store", credentials: "omit" };
  if (call.body !== undefined) options.body = JSON.stringify(call.body);
  if (call.signal) options.signal = call.signal;
  const answer = await fetch(path, options).catch((error: unknown) => {
    if (call.signal?.aborted) throw error;
    throw new Failure("The server cannot be reached.", 0, "unreachable");
  });
  note(answer);
  if (answer.ok || (answer.status === 304 && call.etag)) return answer;
  const failure = await told(answer);
  // Another key may have been given while this one was being refused.
  if (failure.status === 401 && held && held === key.get()) forgetKey(failure.message);
  throw failure;
}

export async function ask<T>(path: string, call: Call = {}): Promise<T> {
  const answer = await request(path, call);
  return (await answer.json()) as T;
}

/** A change, which a repeat does not make twice. */
export function change<T>(path: string, body: unknown = {}, method: "POST" | "PATCH" = "POST"): Promise<T> {
  return ask<T>(path, { method, body, idempotencyKey: crypto.randomUUID() });
}

function note(answer: Response) {
  const minute = answer.headers.get("ratelimit-policy")?.match(/"minute";q=(\d+)/)?.[1];
  if (!minute) return;
  minuteQuota.set(Number(minute));
  // Only an answer to a key has limits: another says nothing of whether the key ends.
  keyEnds.set(answer.headers.get("accrual-key-ends"));
}

async function told(answer: Response): Promise<Failure> {
  const problem = (await answer.json().catch(() => null)) as Partial<Problem> | null;
  const after = Number(answer.headers.get("retry-after") ?? NaN);
  return new Failure(
    problem?.detail || problem?.title || `The server answered with status ${answer.status}.`,
    answer.status,
    problem?.code ?? "unknown",
    Number.isFinite(after) ? after : null,
  );
}

/** Hands what the API answers as CSV to the reader as a file. A link could not carry the key. */
export async function download(path: string, name: string) {
  const answer = await request(path, { accept: "text/csv" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A path with what is asked for; what is null is left out. */
export function path(base: string, query: Record<string, string | number | null | undefined> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `${base}?${search}` : base;
}
