// Numbers and times for eyes. Amounts stay integers: they are cut, never rounded, so that nobody is shown more than is so.

/** What stands where a figure is not known. */
export const UNKNOWN = "unknown";

const GROUPS = /\B(?=(\d{3})+$)/g;

export function grouped(digits: string | number): string {
  const text = String(digits);
  return text.startsWith("-") ? `−${grouped(text.slice(1))}` : text.replace(GROUPS, ",");
}

/** A decimal text cut after so many places, grouped. */
export function cut(text: string, places: number): string {
  const negative = text.startsWith("-");
  const [whole = "0", part = ""] = text.replace("-", "").split(".");
  const digits = part.padEnd(places, "0").slice(0, places);
  const shown = grouped(whole) + (places > 0 ? `.${digits}` : "");
  return negative && /[1-9]/.test(shown) ? `−${shown}` : shown;
}

/** Smallest units as a decimal text of whole tokens, exact. */
export function wholeTokens(units: string, decimals: number): string {
  if (decimals === 0) return units;
  const digits = units.padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** An amount of a token with so many places; in units where the token does not say its decimals. */
export function tokens(units: string | null, decimals: number | null, places = 4): string {
  if (units === null) return UNKNOWN;
  if (decimals === null) return `${grouped(units)} units`;
  if (units.startsWith("-")) return `−${tokens(units.slice(1), decimals, places)}`;
  return cut(wholeTokens(units, decimals), Math.min(places, decimals));
}

/** The same with the digits that the size asks for: a small amount is not shown as nothing. */
export function tokensSensibly(units: string | null, decimals: number | null): string {
  if (units === null || decimals === null) return tokens(units, decimals);
  const text = wholeTokens(units, decimals);
  const [whole = "0", part = ""] = text.split(".");
  if (whole.length > 5) return cut(text, 0);
  if (whole.length > 3) return cut(text, 2);
  if (whole !== "0") return cut(text, Math.min(4, part.length));
  const zeros = part.match(/^0*/)?.[0].length ?? 0;
  if (zeros === part.length) return "0";
  if (zeros < ZEROS_MAX) return cut(text, Math.min(part.length, zeros + 4));
  const digits = part.slice(zeros, zeros + 4);
  return power(`${digits.slice(0, 1)}.${digits.slice(1)}`.replace(/\.?0*$/, ""), -zeros - 1);
}

/** Zeros behind the point that are still counted by eye. */
const ZEROS_MAX = 6;
const RAISED: Record<string, string> = {
  "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
};

function scientific(value: number, places: number): string {
  const [digits = "", exponent] = value.toExponential(places).split("e");
  return power(digits.replace("-", "−").replace(/\.0+$/, ""), Number(exponent));
}

/** `7.96×10⁻¹²` */
function power(digits: string, exponent: number): string {
  return `${digits}×10${[...String(exponent)].map((one) => RAISED[one]).join("")}`;
}

/** For the axes and lines of pictures, which are for orientation. */
export function rough(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 1e-6) return scientific(value, 1);
  const [scaled, unit] = size >= 1e9 ? [value / 1e9, "B"] : size >= 1e6 ? [value / 1e6, "M"] : size >= 1e5 ? [value / 1e3, "k"] : [value, ""];
  return `${scaled.toLocaleString("en", { maximumSignificantDigits: 4 })}${unit}`.replace("-", "−");
}

/** Dollars with the digits that the size asks for. */
export function usd(text: string | null | undefined, exact = false): string {
  if (text == null) return UNKNOWN;
  const value = Number(text);
  if (value > 0 && value < 0.01) return "<$0.01";
  if (exact || Math.abs(value) < 100_000) return dollars(cut(text, 2));
  if (Math.abs(value) < 10_000_000) return dollars(cut(text, 0));
  return dollars(`${cut(String(value / 1e6), 1)}M`);
}

function dollars(shown: string): string {
  return shown.startsWith("−") ? `−$${shown.slice(1)}` : `$${shown}`;
}

/** Millionths of a dollar; a price below a cent keeps its digits. */
export function microUsd(micro: number): string {
  return micro > 0 && micro < 10_000 ? `$${micro / 1e6}` : usd(String(micro / 1e6), true);
}

export function percent(text: string | null | undefined): string {
  if (text == null) return UNKNOWN;
  return `${cut(text, Math.abs(Number(text)) >= 1000 ? 0 : 2)} %`;
}

/** Millionths as per cent. */
export function ppm(millionths: number | null): string {
  if (millionths === null) return UNKNOWN;
  return `${cut((millionths / 10_000).toFixed(4), 2)} %`;
}

export function count(number: number | null | undefined): string {
  return number == null ? UNKNOWN : grouped(number);
}

/** A price of one token in another, by significant digits: these are for orientation, not for accounts. */
export function price(value: number): string {
  if (!Number.isFinite(value)) return "∞";
  if (value === 0) return "0";
  const places = Math.max(0, 5 - Math.ceil(Math.log10(Math.abs(value)) + 1e-9));
  if (places > 12) return scientific(value, 3);
  return cut(value.toFixed(Math.min(places, 12)), Math.min(places, 12));
}

/** The price at a tick: one whole token0 in whole token1. */
export function tickPrice(tick: number, decimals0: number, decimals1: number): number {
  return Math.exp(tick * Math.log(1.0001)) * 10 ** (decimals0 - decimals1);
}

export function duration(seconds: number): string {
  const part = (size: number, name: string) => `${Math.floor(seconds / size)} ${name}`;
  if (seconds < 100) return part(1, "s");
  if (seconds < 5_400) return part(60, "min");
  if (seconds < 129_600) return part(3_600, "h");
  if (seconds < 2 * 31_536_000) return part(86_400, "d");
  return part(31_536_000, "y");
}

const LOCAL: Intl.DateTimeFormatOptions = {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
};
// The Swedish way of writing is ISO's own order, which sorts and lines up.
const local = new Intl.DateTimeFormat("sv-SE", LOCAL);

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const zoneIsUtc = ["UTC", "Etc/UTC", "GMT"].includes(zone);

const LOCALS_KEPT = 10_000;
/** Each time stands in many places, and the browser takes its time for it. */
const locals = new Map<string, string>();

/** In the reader's own zone, to the minute. */
export function localTime(text: string): string {
  const known = locals.get(text);
  if (known !== undefined) return known;
  if (locals.size > LOCALS_KEPT) locals.clear();
  const told = local.format(new Date(text));
  locals.set(text, told);
  return told;
}

/** In UTC, to the second. */
export function utcTime(text: string): string {
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}

/** What to put beside a local time: the day only where it is another one. */
export function utcBeside(text: string): string {
  const iso = new Date(text).toISOString();
  return `${localTime(text).startsWith(iso.slice(0, 10)) ? "" : `${iso.slice(5, 10)} `}${iso.slice(11, 16)} UTC`;
}

export function shortAddress(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

/** `uniswap_v3:0xPOOL:nft:0xMANAGER:123` and the like, as people call them. */
export function positionName(key: string): string {
  const [, , kind, holder = "", first = "", second = ""] = key.split(":");
  if (kind === "nft") return `NFT ${first}`;
  return first ? `held by ${shortAddress(holder)}, ${first} to ${second}` : `shares of ${shortAddress(holder)}`;
}
