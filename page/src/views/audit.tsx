// What was done to keys, by whom and why: all of it, or one client's, or one key's.

import { useState } from "preact/hooks";
import { path } from "../lib/api";
import { useAsk, useAskOn } from "../lib/ask";
import { count } from "../lib/format";
import type { AuditEntry, AuditPage, Data, Key, Own } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { Link, Panel, Trouble, Waiting, When } from "../ui/bits";
import { type Column, Table } from "../ui/table";

/** As many as the API answers at once. */
const PAGE = 500;

const KEY_ID = /^[0-9A-Za-z]{12}$/;

export function Audit() {
  const query = useQuery();
  const isId = KEY_ID.test(query.key ?? "");
  const key_id = isId ? query.key : undefined;
  const { value, failure } = useAskOn<AuditPage>(path("/v1/audit", { limit: PAGE, after: query.after, client: query.client, key_id }), "slow");
  const rows = query.key && !isId ? [] : value?.data ?? [];
  const isMore = value?.next_after != null;
  return (
    <>
      <header class="title"><h1>Audit</h1><p class="quiet">Each entry is bound to the one before it; <code>accrual check audit</code> holds the chain against itself.</p></header>
      <Panel title="What was done to keys">
        <Filter />
        <Trouble failure={failure} />
        {value && isId && (
          <p class="quiet">
            {count(rows.length)} {rows.length === 1 ? "entry" : "entries"}{query.client ? " of the client" : ""} about this key{query.after || isMore ? "; other pages may have more." : "."}
          </p>
        )}
        {value ? <Table caption="What was done to keys" columns={COLUMNS} rows={rows} id={(one) => String(one.seq)} empty={query.key && !isId ? "A key's id has 12 letters and digits." : "Nothing further was done."} /> : !failure && <Waiting />}
        {(query.after || isMore) && (
          <nav class="pages" aria-label="Pages of the audit">
            <button type="button" disabled={!query.after} onClick={() => adjust({ after: "" })}>From the beginning</button>
            <button type="button" disabled={!isMore} onClick={() => adjust({ after: String(value?.next_after) })}>Later</button>
          </nav>
        )}
      </Panel>
    </>
  );
}

const COLUMNS: Column<AuditEntry>[] = [
  { name: "Entry", by: (one) => one.seq, cell: (one) => <span title={`Bound to the entry before it by ${one.hash}`}>{count(one.seq)}</span> },
  { name: "Time", text: true, by: (one) => one.at, cell: (one) => <When at={one.at} /> },
  { name: "What", text: true, by: (one) => one.action, cell: (one) => <Changed of={one} /> },
  { name: "Key", text: true, by: (one) => one.key_id, cell: (one) => one.key_id ? <Link to={{ view: "keys", id: one.key_id }} class="mono">{one.key_id}</Link> : "" },
  { name: "By", text: true, by: (one) => one.actor, cell: (one) => <span class="name" title={one.actor}>{one.actor}</span> },
  { name: "Why", text: true, cell: (one) => <span class="name long" title={one.reason}>{one.reason || <span class="quiet">not told</span>}</span> },
];

/** What was done, and on hover what it changed. */
function Changed({ of: { action, before, after } }: { of: AuditEntry }) {
  const [was, is] = [before ?? {}, after ?? {}] as [Record<string, unknown>, Record<string, unknown>];
  const told = (value: unknown) => (value === undefined || value === null || value === "" ? "nothing" : String(value));
  const changed = Object.keys({ ...was, ...is }).filter((field) => was[field] !== is[field]);
  const says = before && after ? changed.map((field) => `${field}: ${told(was[field])} → ${told(is[field])}`).join("\n") : "";
  return <span title={says || undefined}>{action}</span>;
}

/** One client's entries and one key's, as the API picks them. */
function Filter() {
  const query = useQuery();
  const keys = useAsk<Data<Key[]>>("/v1/keys", "slow").value?.data ?? [];
  const own = useAsk<Own>("/v1/keys/self", "slow").value?.data;
  const clients = [...new Set([...keys.map((one) => one.client), ...(own ? [own.client] : [])])].sort();
  const [text, setText] = useState(query.key ?? "");
  return (
    <form class="inline" onSubmit={(event) => { event.preventDefault(); adjust({ key: text.trim(), after: "" }); }}>
      <label>
        Client
        <select value={query.client ?? ""} onChange={(event) => adjust({ client: event.currentTarget.value, after: "" })}>
          <option value="">all</option>
          {clients.map((one) => <option value={one} key={one}>{one}</option>)}
        </select>
      </label>
      <label>
        Key
        <input class="mono" list="keys" value={text} placeholder="all" spellcheck={false} autocomplete="off"
          onInput={(event) => { setText(event.currentTarget.value); adjust({ key: event.currentTarget.value.trim(), after: "" }); }} />
      </label>
      <datalist id="keys">{keys.map((one) => <option value={one.id} key={one.id}>{one.client}</option>)}</datalist>
    </form>
  );
}
