// What a key may do, from where, and until when: for a key that is made and for one that is changed.

import type { Scope } from "../lib/types";
import { Choice } from "./bits";

const SCOPES: readonly (readonly [Scope, string])[] = [
  ["read:public", "campaigns and pools"],
  ["read:wallet", "what an account holds and has earned"],
  ["read:reconciliation", "our figures against Merkl's"],
  ["export", "whole tables"],
  ["stream", "news as they come"],
  ["webhooks", "whom to tell of what happens"],
  ["keys:rotate_self", "exchanging itself"],
  ["admin", "making and ending everybody's keys"],
];
const DAY_MS = 86_400_000;
const ENDS = [["never", "never"], ["30", "30 d"], ["90", "90 d"], ["365", "1 y"], ["date", "on a day"]] as const;
type Ends = (typeof ENDS)[number][0];

export interface Terms {
  scopes: Scope[];
  /** As it was written: networks with a space, a comma or a line between them. */
  networks: string;
  ends: Ends;
  /** The last day of `on`, as the browser's field has it. */
  date: string;
}

export const FRESH: Terms = { scopes: ["read:public", "read:wallet"], networks: "", ends: "never", date: "" };

/** The terms that a key has. */
export function termsOf(key: { scopes: Scope[]; allowed_networks: string[]; expires_at: string | null }): Terms {
  const date = key.expires_at?.slice(0, 10) ?? "";
  return { scopes: key.scopes, networks: key.allowed_networks.join("\n"), ends: date ? "date" : "never", date };
}

/** The same as the API takes them. */
export function told(terms: Terms, now: number) {
  return {
    scopes: terms.scopes,
    allowed_networks: terms.networks.split(/[\s,;]+/).filter((one) => one !== ""),
    expires_at: endOf(terms, now),
  };
}

function endOf({ ends, date }: Terms, now: number): string | null {
  if (ends === "never") return null;
  // The day that is named is the last one, in UTC.
  if (ends === "date") return date ? `${date}T23:59:59Z` : null;
  return new Date(Math.floor((now + Number(ends) * DAY_MS) / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

export function TermFields({ of: terms, set }: { of: Terms; set: (terms: Terms) => void }) {
  const toggle = (scope: Scope) =>
    set({ ...terms, scopes: terms.scopes.includes(scope) ? terms.scopes.filter((one) => one !== scope) : [...terms.scopes, scope] });
  return (
    <>
      <fieldset class="scopes">
        <legend>May</legend>
        {SCOPES.map(([scope, says]) => (
          <label class="check" key={scope}>
            <input type="checkbox" checked={terms.scopes.includes(scope)} onChange={() => toggle(scope)} /> <span>{scope} <span class="quiet">{says}</span></span>
          </label>
        ))}
      </fieldset>
      <label class="wide">
        From these networks only
        <textarea rows={2} value={terms.networks} onInput={(event) => set({ ...terms, networks: event.currentTarget.value })} placeholder="anywhere; or e.g. 203.0.113.0/24 2001:db8::/32" spellcheck={false} />
      </label>
      <fieldset class="ends">
        <legend>Ends by itself</legend>
        <Choice name="Ends by itself" of={ENDS} now={terms.ends} choose={(ends) => set({ ...terms, ends })} />
        {terms.ends === "date" && (
          <label class="line">last day, UTC <input type="date" required value={terms.date} onInput={(event) => set({ ...terms, date: event.currentTarget.value })} /></label>
        )}
      </fieldset>
    </>
  );
}
