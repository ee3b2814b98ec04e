// What was done to keys, by whom and why.

import { path } from "../lib/api";
import { useAsk } from "../lib/ask";
import type { AuditEntry, AuditPage } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { Link, Panel, Trouble, Waiting, When } from "../ui/bits";
import { type Column, Table } from "../ui/table";

const PAGE = 100;

export function Audit() {
  const query = useQuery();
  const { value, failure } = useAsk<AuditPage>(path("/v1/audit", { limit: PAGE, after: query.after }), "slow");
  const columns: Column<AuditEntry>[] = [
    { name: "Entry", by: (one) => one.seq, cell: (one) => <span title={`Bound to the entry before it by ${one.hash}`}>{one.seq}</span> },
    { name: "Time", text: true, by: (one) => one.at, cell: (one) => <When at={one.at} /> },
    { name: "What", text: true, by: (one) => one.action, cell: (one) => one.action },
    { name: "Key", text: true, cell: (one) => one.key_id ? <Link to={{ view: "keys", id: one.key_id }} class="mono">{one.key_id}</Link> : "" },
    { name: "By", text: true, by: (one) => one.actor, cell: (one) => <span class="name" title={one.actor}>{one.actor}</span> },
    { name: "Why", text: true, cell: (one) => <span class="name" title={one.reason}>{one.reason || <span class="quiet">not told</span>}</span> },
  ];
  return (
    <>
      <header class="title"><h1>Audit</h1><p class="quiet">Each entry is bound to the one before it; <code>accrual check audit</code> holds the chain against itself.</p></header>
      <Panel title="What was done to keys">
        <Trouble failure={failure} />
        {value ? <Table caption="What was done to keys" columns={columns} rows={value.data} id={(one) => String(one.seq)} empty="Nothing further was done." /> : !failure && <Waiting />}
        <nav class="pages" aria-label="Pages of the audit">
          <button type="button" disabled={!query.after} onClick={() => adjust({ after: "" })}>From the beginning</button>
          <button type="button" disabled={value?.next_after == null} onClick={() => adjust({ after: String(value?.next_after) })}>Later</button>
        </nav>
      </Panel>
    </>
  );
}
