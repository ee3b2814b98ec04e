// Keys: who has which, made, exchanged and taken away. For keys with the scope admin; any other sees itself.

import { useAsk } from "../lib/ask";
import { count } from "../lib/format";
import type { Data, Key, Own } from "../lib/types";
import { Chip, Fact, Facts, Link, Panel, Trouble, Waiting, When } from "../ui/bits";
import { type Column, Table } from "../ui/table";
import { MakeKey } from "./make_key";

export const KEY_STATES: Record<string, "good" | "idle" | "bad" | "plain"> = {
  active: "good", staged: "plain", ending: "idle", paused: "idle", revoked: "bad", ended: "plain", expired: "plain",
};

export function Keys() {
  const own = useAsk<Own>("/v1/keys/self");
  const isAdmin = own.value?.data.scopes.includes("admin") ?? false;
  return (
    <>
      <header class="title"><h1>Keys</h1></header>
      <Trouble failure={own.failure} />
      {!own.value && !own.failure && <Waiting />}
      {own.value && !isAdmin && <OwnKey own={own.value} />}
      {isAdmin && <All />}
    </>
  );
}

function OwnKey({ own: { data: key } }: { own: Own }) {
  return (
    <Panel title="This key" aside={<Chip kind={KEY_STATES[key.state] ?? "plain"}>{key.state}</Chip>}>
      <Facts>
        <Fact name="Id"><span class="mono">{key.id}</span></Fact>
        <Fact name="Client" note={`plan ${key.plan}`}><span class="name" title={key.client}>{key.client}</span></Fact>
        <Fact name="May" wide>{key.scopes.join(", ")}</Fact>
        <Fact name="Ends">{key.overlap_ends_at ?? key.expires_at ? <When at={key.overlap_ends_at ?? key.expires_at} /> : "not by itself"}</Fact>
        <Fact name="Calls in 24 h">{count(key.calls_24h)}</Fact>
      </Facts>
      <p class="quiet">Others' keys are shown to keys with the scope admin.</p>
    </Panel>
  );
}

function Networks({ of }: { of: string[] }) {
  if (of.length === 0) return <span class="quiet">anywhere</span>;
  return <span class="name" title={of.join(", ")}>{of.length === 1 ? of[0] : `${of.length} networks`}</span>;
}

function All() {
  const { value, failure } = useAsk<Data<Key[]>>("/v1/keys", "live");
  const columns: Column<Key>[] = [
    { name: "Key", text: true, by: (one) => one.id, cell: (one) => <Link to={{ view: "keys", id: one.id }} class="mono">{one.id}</Link> },
    { name: "Client", hint: "Leads to its usage", text: true, by: (one) => one.client, cell: (one) => <Link to={{ view: "usage", client: one.client }} class="name brief" title={one.client}>{one.client}</Link> },
    { name: "Plan", text: true, by: (one) => one.plan, cell: (one) => one.plan },
    { name: "State", text: true, by: (one) => one.state, cell: (one) => <Chip kind={KEY_STATES[one.state] ?? "plain"}>{one.state}</Chip> },
    { name: "Calls in 24 h", by: (one) => one.calls_24h, cell: (one) => count(one.calls_24h) },
    { name: "Last used", text: true, by: (one) => one.last_used_at, cell: (one) => <When at={one.last_used_at} short /> },
    { name: "From", text: true, cell: (one) => <span class="name" title={one.last_used_agent ?? undefined}>{one.last_used_network ?? ""}</span> },
    { name: "Only from", text: true, cell: (one) => <Networks of={one.allowed_networks} /> },
    { name: "Made", text: true, by: (one) => one.created_at, cell: (one) => <When at={one.created_at} short /> },
    { name: "Ends", text: true, by: (one) => one.overlap_ends_at ?? one.expires_at, cell: (one) => one.overlap_ends_at ?? one.expires_at ? <When at={one.overlap_ends_at ?? one.expires_at} short /> : <span class="quiet">not by itself</span> },
    { name: "Note", text: true, cell: (one) => <span class="name brief" title={one.note}>{one.note}</span> },
  ];
  return (
    <>
      <MakeKey />
      <Panel title="All keys">
        <Trouble failure={failure} />
        {value ? <Table caption="All keys" columns={columns} rows={value.data} id={(one) => one.id} empty="No key has been made." /> : !failure && <Waiting />}
      </Panel>
    </>
  );
}
