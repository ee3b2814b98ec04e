// Sums and parts of figures, exact where they are amounts.

import type { Campaign } from "./types";

/** What the campaign has not set free yet; null where that is not known. */
export function toCome(campaign: Campaign): string | null {
  if (campaign.sums_reason === "fees_unknown") return null;
  if (campaign.emitted_units === null) return campaign.budget_units;
  return String(BigInt(campaign.budget_units) - BigInt(campaign.emitted_units));
}

/** Millionths of the budget. */
export function ofBudget(units: string | null, campaign: Campaign): number | null {
  if (units === null || campaign.budget_units === "0") return null;
  return Number((BigInt(units) * 1_000_000n) / BigInt(campaign.budget_units));
}

/** A part of a whole, for orientation. */
export function ratio(part: string | null, whole: string | null): number | null {
  return part === null || whole === null || Number(whole) === 0 ? null : Number(part) / Number(whole);
}

/** The exact sum of decimal texts; null when one is not known. */
export function sum(texts: (string | null)[]): string | null {
  const PLACES = 18;
  let total = 0n;
  for (const text of texts) {
    if (text === null) return null;
    const [whole = "0", part = ""] = text.split(".");
    total += BigInt(whole + part.padEnd(PLACES, "0").slice(0, PLACES));
  }
  const digits = String(total).padStart(PLACES + 1, "0");
  return `${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`;
}

/** A column of a history as numbers for a picture; null stays null. */
export function numbers(rows: { [field: string]: unknown }[], field: string, scale = 1): (number | null)[] {
  return rows.map((row) => (row[field] == null ? null : Number(row[field]) * scale));
}
