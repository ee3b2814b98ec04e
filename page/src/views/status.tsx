// Whether the server has something true to say: probes, how far each pool is read, and what Merkl says beside ours.

import { useEffect, useState } from "preact/hooks";
import { useAsk } from "../lib/ask";
import { count, duration } from "../lib/format";
import { pulse } from "../lib/pulse";
import { useStore } from "../lib/store";
import type { Campaign, Health, List, Pool } from "../lib/types";
import { pair, venue } from "../lib/words";
import { Chip, Link, Panel, Trouble, Waiting, When } from "../ui/bits";
import { useTick } from "../ui/shell";
import { type Column, Table } from "../ui/table";

export function Status() {
  return (
    <>
      <header class="title"><h1>Status</h1></header>
      <Probes />
      <Reading />
      <Merkl />
    </>
  );
}

function Probes() {
  const [health, setHealth] = useState<Health | null>(null);
  const beat = useStore(pulse);
  useEffect(() => {
    // A probe's 503 is an answer too.
    void fetch("/health/ready", { cache: "no-store", credentials: "omit" })
      .then((answer) => answer.json() as Promise<Health>)
      .then(setHealth, () => setHealth(null));
  }, [beat]);
  if (!health) return <Panel title="Server"><Waiting /></Panel>;
  return (
    <Panel title="Server" aside={<Chip kind={health.status === "ready" ? "good" : "bad"}>{health.status.replace("_", " ")}</Chip>}>
      {health.reasons.length === 0
        ? <p>The database answers, and the newest block is as young as promised.</p>
        : <ul class="list">{health.reasons.map((one) => <li key={one.code}><strong>{one.code}</strong> {one.detail}</li>)}</ul>}
    </Panel>
  );
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
    { name: "Difference", text: true, cell: () => <span class="unknown" title="Unknown: this server has not read Merkl's figures">unknown</span> },
  ];
  return (
    <Panel title="Against Merkl">
      {value ? <Table caption="Against Merkl" columns={columns} rows={value.data} id={(one) => one.id} empty="No campaign is configured." /> : <Waiting />}
    </Panel>
  );
}

