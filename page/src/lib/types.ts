// What the API answers, by the names that the page has for it. The types are the API's own: types.mjs makes them from its
// document. Amounts are decimal strings of smallest units, times RFC 3339 in UTC.

import type { components } from "../../types/api";

type Schemas = components["schemas"];

export type AsOf = Schemas["AsOf"];
export type Meta = Schemas["Meta"];
export type Token = Schemas["TokenView"];

/** A list, or a page of it. */
export interface List<T> {
  data: T[];
  meta: Meta;
}

/** One thing: its own fields, with `meta` beside them. */
export type One<T> = T & { meta: Meta };

export interface Data<T> {
  data: T;
}

/** A key that was made: its secret comes once. */
export interface Shown<T> extends Data<T> {
  key?: string | null;
  secret_shown: boolean;
}

/** Told in words by the document, since each is one of a few. */
type Said<T, Words> = Omit<T, keyof Words> & Words;

export type Campaign = Said<Schemas["CampaignView"], { status: "scheduled" | "running" | "ended" }>;
export type Announced = NonNullable<Campaign["announced"]>;
export type Pool = Schemas["PoolView"];
export type Band = Schemas["BandView"];
export type Liquidity = Schemas["LiquidityView"];

export type Earner = Schemas["AccountView"];
export type Reward = Schemas["RewardView"];
export type Position = Schemas["PositionView"];
export type Standing = Schemas["StandingView"];
export type Timeline = Schemas["TimelineView"];
export type Stretch = Schemas["StretchView"];
export type Simulation = Schemas["SimulationView"];

export type HistoryMeta = Schemas["HistoryMeta"];
/** A row of any history; which fields it has depends on whose it is. */
export type HistoryRow = Pick<Schemas["PoolHistoryRow"], "at" | "interval_seconds" | "complete"> & { [field: string]: unknown };
export interface History {
  data: HistoryRow[];
  meta: HistoryMeta;
}

export type Scope = Schemas["Scope"];
export type Key = Schemas["KeyView"];
export type NewKey = Schemas["NewKey"];
export type Rotation = Schemas["RotationView"];
export type Hour = Schemas["HourView"];
export type Caller = Schemas["CallerView"];
export type Own = Schemas["OwnKey"];
export type Usage = Schemas["UsageView"];
export type UsageRow = Schemas["UsageRow"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditPage = Schemas["AuditPage"];

export type Health = Schemas["Health"];
export type ServiceStatus = Schemas["Status"];
export type Problem = Schemas["Problem"];
export type Comparison = Schemas["ReconciliationView"];
export type ComparedAccount = Schemas["RowView"];
