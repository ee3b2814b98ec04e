// The reader's key: in memory, or for this tab where its reader says so. Never in an address, a cookie or a log.

import { store } from "./store";

const PLACE = "key";

export const key = store<string | null>(sessionStorage.getItem(PLACE));
/** Why a key is asked for again. */
export const refusal = store<string | null>(null);

export function useKey(text: string, keepForTab: boolean) {
  refusal.set(null);
  if (keepForTab) sessionStorage.setItem(PLACE, text);
  else sessionStorage.removeItem(PLACE);
  key.set(text);
}

export function forgetKey(why: string | null = null) {
  sessionStorage.removeItem(PLACE);
  refusal.set(why);
  key.set(null);
}

/** `accrual demo` hands its key over in the fragment, which never leaves the browser; it is taken out at once. */
export function takeKeyFromFragment() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!given) return;
  history.replaceState(null, "", location.pathname + location.search);
  useKey(given, true);
}
