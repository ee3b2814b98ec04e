// Whether the server has something true to say: probes, how far each pool is read, and what Merkl says beside ours.

import { useEffect, useState } from "preact/hooks";
import { useAsk } from "../lib/ask";
import { count, duration, ppm } from "../lib/format";
import { pulse } from "../lib/pulse";
import { useStore } from "../lib/store";
import type { Campaign, Health, List, Pool, ServiceStatus } from "../lib/types";
import { pair, venue } from "../lib/words";
import { Chip, Link, Panel, Trouble, Waiting, When } from "../ui/bits";
import { useTick } from "../ui/shell";
import { type Column, Table } from "../ui/table";
import { Apart, missing, useComparison } from "./reconciliation";

export function Status() {
  return (
    <>
      <header class="title"><h1>Status</h1></header>
      <Service />
      <Reading />
      <Merkl />
    </>
  );
}

/** What the server says of its parts; of a server that says no more, its probe. */
function Service() {
  const [told, setTold] = useState<ServiceStatus | null>(null);
  const [health, setHealth] = useState<Health | null>(null);
  const beat = useStore(pulse);
  useEffect(() => {
    void look<ServiceStatus>("/status.json").then(async (found) => {
      setTold(found);
      if (!found) setHealth(await look<Health>("/health/ready"));
    });
  }, [beat]);
  if (told) return <Parts of={told} />;
  if (!health) return <Panel title="Server"><Waiting /></Panel>;
  return (
    <Panel title="Server" aside={<Chip kind={health.status === "ready" ? "good" : "bad"}>{health.status.replace("_", " ")}</Chip>}>
      {health.reasons.length === 0
        ? <p>The database answers, and the newest block is as young as promised.</p>
        : <ul class="list">{health.reasons.map((one) => <li key={one.code}><strong>{one.code}</strong> {one.detail}</li>)}</ul>}
    </Panel>
  );
}

/** An answer that needs no key; a probe's 503 is an answer too. Null where the server has none. */
async function look<T>(path: string): Promise<T | null> {
  const answer = await fetch(path, { cache: "no-store", credentials: "omit" }).catch(() => null);
  return answer && answer.status !== 404 ? ((await answer.json().catch(() => null)) as T | null) : null;
}

const STATES: Record<string, "good" | "idle" | "bad"> = { operational: "good", degraded: "idle", down: "bad" };

function Parts({ of: status }: { of: ServiceStatus }) {
  type Part = ServiceStatus["components"][number];
  const columns: Column<Part>[] = [
    { name: "Part", text: true, cell: (one) => <span title={one.component}>{one.title}</span> },
    { name: "State", text: true, cell: (one) => <Chip kind={STATES[one.state] ?? "idle"}>{one.state}</Chip> },
    { name: "Behind, blocks", by: (one) => one.lag_blocks, cell: (one) => one.lag_blocks === null ? "" : count(one.lag_blocks) },
    { name: "Behind", by: (one) => one.lag_seconds, cell: (one) => one.lag_seconds === null ? "" : duration(one.lag_seconds) },
    { name: "Last success", text: true, by: (one) => one.last_success_at, cell: (one) => one.last_success_at ? <When at={one.last_success_at} short /> : "" },
    { name: "90 days", hint: "The part of the time that was looked at in which it was well", cell: (one) => well(one.days) },
  ];
  if (status.components.some((one) => one.reason)) columns.push({ name: "Why", text: true, cell: (one) => one.reason ?? "" });
  const { error_budget: budget } = status;
  return (
    <>
      <Panel title="Server" aside={<Chip kind={STATES[status.status] ?? "idle"}>{status.status}</Chip>}>
        <Table caption="Parts of the server" columns={columns} rows={status.components} id={(one) => one.component} empty="No part was looked at." />
        {budget && (
          <p class="quiet">
            Promised: {ppm(budget.objective_ppm)} over {budget.window_days} days. {budget.left_ms >= 0 ? `It may be down for ${duration(Math.floor(budget.allowed_ms / 1000))} of them, of which ${duration(Math.floor(budget.left_ms / 1000))} are left.` : "The promise is broken."}
          </p>
        )}
      </Panel>
      <Panel title="Incidents of 90 days">
        {status.incidents.length === 0
          ? <p class="empty">None: every part was well.</p>
          : <ul class="list">{status.incidents.map((one) => (
              <li key={`${one.component} ${one.began_at}`}>
                <Chip kind={STATES[one.state] ?? "idle"}>{one.state}</Chip> {one.component} <When at={one.began_at} /> {one.ended_at ? `for ${duration(one.seconds)}` : "and still"} <span class="quiet">{one.reason}</span>
              </li>
            ))}</ul>}
      </Panel>
    </>
  );
}

function well(days: ServiceStatus["components"][number]["days"]): string {
  const sum = (of: (day: (typeof days)[number]) => number) => days.reduce((sum, day) => sum + of(day), 0);
  const all = sum((day) => day.operational_seconds + day.degraded_seconds + day.down_seconds);
  return all === 0 ? "" : ppm(Math.floor((sum((day) => day.operational_seconds) / all) * 1_000_000));
}

function Reading() {
  const { value, failure } = useAsk<List<Pool>>("/v1/pools");
  const { now } = useTick();
  const columns: Column<Pool>[] = [
    { name: "Pool", text: true, cell: (one) => <Link to={{ pool: one.id }} class="name" title={one.id}>{pair(one)}</Link> },
    { name: "Venue", text: true, cell: (one) => venue(one.venue) },
    { name: "Read up to block", by: (one) => one.as_of?.block_number ?? null, cell: (one) => <span title={one.as_of?.block_hash ?? undefined}>{count(one.as_of?.block_number ?? null)}</span> },
    { name: "Block's time", text: true, cell: (one) => one.as_of ? <When at={one.as_of.at} /> : "nothing yet" },
    { name: "Age", by: (one) => one.as_of ? Date.parse(one.as_of.at) : null, cell: (one) => one.as_of ? duration(Math.max(0, (now - Date.parse(one.as_of.at)) / 1000)) : "" },
  ];
  return (
    <Panel title="How far each pool is read">
      <Trouble failure={failure} />
      {value ? <Table caption="How far each pool is read" columns={columns} rows={value.data} id={(one) => one.id} empty="No pool is configured." /> : !failure && <Waiting />}
    </Panel>
  );
}

function Merkl() {
  const { value } = useAsk<List<Campaign>>("/v1/campaigns");
  const columns: Column<Campaign>[] = [
    { name: "Campaign", text: true, cell: (one) => <Link to={{ campaign: one.id }} class="name" title={one.id}>{one.id}</Link> },
    { name: "Merkl's campaign", text: true, cell: (one) => one.merkl_campaign_id ? <span class="mono name" title={one.merkl_campaign_id}>{one.merkl_campaign_id}</span> : <span class="quiet">not configured</span> },
    { name: "Difference", text: true, cell: (one) => <Difference of={one} /> },
  ];
  return (
    <Panel title="Against Merkl">
      {value ? <Table caption="Against Merkl" columns={columns} rows={value.data} id={(one) => one.id} empty="No campaign is configured." /> : <Waiting />}
    </Panel>
  );
}

function Difference({ of }: { of: Campaign }) {
  const { value, failure } = useComparison(of, { limit: 1 });
  return value ? <Apart of={value} /> : <span class="unknown" title={missing(of, failure)}>unknown</span>;
}
