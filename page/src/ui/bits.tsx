// The small pieces that every view is made of. Text goes in as text only: names are chosen by strangers.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Failure } from "../lib/api";
import { localTime, shortAddress, tokens, tokensSensibly, UNKNOWN, usd, utcBeside, utcTime, zone, zoneIsUtc } from "../lib/format";
import { address, onFollow, type Query } from "../lib/url";
import { isNone, reason } from "../lib/words";

type Children = { children?: ComponentChildren };

/** A figure, or that it is not known and why. */
export function Known({ text, why, title }: { text: string; why?: string | null | undefined; title?: string | undefined }) {
  if (text !== UNKNOWN) return <span title={title}>{text}</span>;
  if (isNone(why)) return <span class="quiet" title={`None: ${reason(why)}`}>none</span>;
  return <span class="unknown" title={why ? `Unknown: ${reason(why)}` : "Unknown: the reason is not told"}>unknown</span>;
}

/** An amount of a token; the exact one on hover. */
export function Amount(props: {
  units: string | null;
  token: { symbol: string | null; decimals: number | null };
  places?: number;
  why?: string | null | undefined;
  bare?: boolean;
}) {
  const { units, token, places, why, bare } = props;
  if (units === null) return <Known text={UNKNOWN} why={why} />;
  const cut = places === undefined ? "" : tokens(units, token.decimals, places);
  // What is less than the last place is not shown as nothing.
  const shown = /[1-9]/.test(cut) || (cut && BigInt(units) === 0n) ? cut : tokensSensibly(units, token.decimals);
  const exact = `${tokens(units, token.decimals, 36)} ${token.symbol ?? ""} = ${units} units`;
  return (
    <span class="amount" title={exact}>
      {shown}
      {!bare && token.symbol && <span class="symbol"> {token.symbol.slice(0, 12)}</span>}
    </span>
  );
}

export function Usd({ value, why, exact }: { value: string | null | undefined; why?: string | null | undefined; exact?: boolean }) {
  return <Known text={usd(value, exact)} why={why} title={value == null ? undefined : `${value} USD`} />;
}

/** A time in the reader's zone with UTC beside it. */
export function When({ at, short }: { at: string | null; short?: boolean }) {
  if (at === null) return <span class="quiet">never</span>;
  const title = `${localTime(at)} in ${zone}, ${utcTime(at)}`;
  return (
    <time dateTime={at} title={title} class="when">
      <span class="whole">{localTime(at)}</span>
      {zoneIsUtc ? <span class="quiet"> UTC</span> : !short && <span class="quiet"> ({utcBeside(at)})</span>}
    </time>
  );
}

/** An account that leads to its view: shortened, or whole where the screen has room for it. */
export function Account({ of, roomy }: { of: string; roomy?: boolean }) {
  return (
    <Link to={{ account: of }} title={of} class="mono">
      {roomy ? <><span class="in-room">{of}</span><span class="in-short">{shortAddress(of)}</span></> : shortAddress(of)}
    </Link>
  );
}

export function Link({ to, title, children, ...rest }: { to: Query; title?: string; class?: string; current?: boolean } & Children) {
  return (
    <a href={address(to)} onClick={onFollow(to)} title={title} class={rest.class} aria-current={rest.current ? "page" : undefined}>
      {children}
    </a>
  );
}

/** What a word means, on hover and for screen readers. */
export function Hint({ says, children }: { says: string } & Children) {
  return <abbr title={says}>{children}</abbr>;
}

export function Chip({ kind, title, children }: { kind?: "good" | "idle" | "bad" | "plain"; title?: string } & Children) {
  return <span class={`chip ${kind ?? "plain"}`} title={title}>{children}</span>;
}

/** A block of a view with its heading. */
export function Panel({ title, aside, class: kind, children }: { title: ComponentChildren; aside?: ComponentChildren; class?: string } & Children) {
  return (
    <section class={`panel ${kind ?? ""}`}>
      <header>
        <h2>{title}</h2>
        {aside && <div class="aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** Figures with their names. */
export function Facts({ children }: Children) {
  return <dl class="facts">{children}</dl>;
}

export function Fact({ name, hint, note, mark, wide, children }: { name: string; hint?: string; note?: ComponentChildren; mark?: string; wide?: boolean } & Children) {
  return (
    <div class={wide ? "wide" : undefined}>
      <dt>{mark && <i class={`swatch ${mark}`} />}{hint ? <Hint says={hint}>{name}</Hint> : name}</dt>
      <dd>{children}</dd>
      {note && <dd class="note">{note}</dd>}
    </div>
  );
}

/** What is said where there is nothing to show. */
export function Empty({ children }: Children) {
  return <p class="empty">{children}</p>;
}

/** A failure in the place of what it kept from being shown. */
export function Trouble({ failure }: { failure: Failure | null }) {
  if (!failure) return null;
  return (
    <p class="trouble" role="alert">
      {failure.message}
      {failure.retryAfter ? ` It is asked again in ${failure.retryAfter} s.` : ""}
    </p>
  );
}

/** A view whose first answer is on its way, or did not come. */
export function Pending({ title, failure }: { title: string; failure: Failure | null }) {
  return (
    <>
      <header class="title"><h1 class="name" title={title}>{title}</h1></header>
      {failure ? <><Trouble failure={failure} /><p><Link to={{}}>All campaigns and pools</Link></p></> : <Waiting />}
    </>
  );
}

/** While the first answer is on its way. */
export function Waiting() {
  return <p class="empty" aria-busy="true">…</p>;
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  return (
    <button type="button" class="small" onClick={copy} aria-label={`Copy ${what}`}>
      {isCopied ? "copied" : "copy"}
    </button>
  );
}

/** A part of the largest, as a bar behind its figure. */
export function Part({ of, children }: { of: number; children: ComponentChildren }) {
  return (
    <span class="part">
      {children}
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" class="bar">
        <rect width="100" height="6" class="rest" />
        <rect width={100 * Math.max(0, Math.min(1, of))} height="6" class="earned" />
      </svg>
    </span>
  );
}

/** A row of choices of which one holds. */
export function Choice<T extends string>(props: { name: string; of: readonly (readonly [T, string])[]; now: T; choose: (value: T) => void }) {
  return (
    <div class="choice" role="group" aria-label={props.name}>
      {props.of.map(([value, label]) => (
        <button type="button" aria-pressed={value === props.now} onClick={() => props.choose(value)} key={value}>{label}</button>
      ))}
    </div>
  );
}
