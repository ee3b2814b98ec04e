// One key, and its exchange: both keys' traffic side by side until nobody uses the old one.

import { useState } from "preact/hooks";
import { change, Failure } from "../lib/api";
import { refresh, useAsk } from "../lib/ask";
import { count, duration } from "../lib/format";
import type { Caller, Data, Key as KeyView, Rotation, Shown } from "../lib/types";
import { Chip, Choice, Fact, Facts, Link, Panel, Pending, Trouble, Waiting, When } from "../ui/bits";
import { Secret } from "../ui/secret";
import { useTick } from "../ui/shell";
import { type Column, Table } from "../ui/table";
import { TermFields, termsOf, told } from "../ui/terms";
import { Traffic } from "../ui/traffic";
import { KEY_STATES } from "./keys";

const OVERLAPS = [["3600", "1 h"], ["86400", "1 d"], ["604800", "7 d"], ["2592000", "30 d"]] as const;
type Overlap = (typeof OVERLAPS)[number][0];

export function Key({ id }: { id: string }) {
  const base = `/v1/keys/${encodeURIComponent(id)}`;
  const key = useAsk<Data<KeyView>>(base, "live");
  const rotation = useAsk<Data<Rotation>>(`${base}/rotation`, "live");
  const [secret, setSecret] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isChanging, setChanging] = useState(false);
  const act = async (path: string, body: unknown = {}, method: "POST" | "PATCH" = "POST") => {
    setBusy(true);
    setFailure(null);
    let isDone = true;
    try {
      const made = await change<Shown<unknown>>(path ? `${base}/${path}` : base, body, method);
      if (made.key) setSecret(made.key);
    } catch (error) {
      setFailure(error as Failure);
      isDone = false;
    }
    setBusy(false);
    refresh("/v1/keys");
    return isDone;
  };
  if (!key.value) return <Pending title={id} failure={key.failure} />;
  const one = key.value.data;
  const isOpen = rotation.value && rotation.value.data.closed_at === null;
  const isOver = ["revoked", "ended", "expired"].includes(one.state);
  return (
    <>
      <header class="title">
        <h1 class="mono">{one.id}</h1>
        <Chip kind={KEY_STATES[one.state] ?? "plain"}>{one.state}</Chip>
        <p class="quiet"><Link to={{ view: "keys" }}>all keys</Link> · <Link to={{ view: "usage", client: one.client }}>{one.client}</Link>, plan {one.plan} · <Link to={{ view: "audit", client: one.client, key: one.id }}>what was done to it</Link></p>
      </header>
      {secret && <Secret of={secret} done={() => setSecret(null)} />}
      <Trouble failure={failure} />
      <About of={one} change={isOver || isChanging ? null : () => setChanging(true)} />
      {!isOver && isChanging && <Change of={one} act={act} isBusy={isBusy} done={() => setChanging(false)} />}
      {rotation.value && <Exchange of={rotation.value.data} act={act} isBusy={isBusy} />}
      {!isOpen && !isOver && <Rotate act={act} isBusy={isBusy} />}
      {!isOver && <Callers base={base} />}
      {!isOver && <End of={one} act={act} isBusy={isBusy} />}
    </>
  );
}

/** Whether it was done. */
type Act = (path: string, body?: unknown, method?: "POST" | "PATCH") => Promise<boolean>;

function About({ of: key, change }: { of: KeyView; change: (() => void) | null }) {
  return (
    <Panel title="About" aside={change && <button type="button" class="small" onClick={change}>Change its terms</button>}>
      <Facts>
        <Fact name="May" wide>{key.scopes.join(", ")}</Fact>
        <Fact name="From" hint="Networks that it may be used from">{key.allowed_networks.length ? key.allowed_networks.join(", ") : "anywhere"}</Fact>
        <Fact name="Made"><When at={key.created_at} /></Fact>
        <Fact name="Ends">{key.overlap_ends_at ?? key.expires_at ? <When at={key.overlap_ends_at ?? key.expires_at} /> : "not by itself"}</Fact>
        <Fact name="Last used" note={key.last_used_network ? `from ${key.last_used_network}` : undefined}><When at={key.last_used_at} /></Fact>
        <Fact name="Calls in 24 h">{count(key.calls_24h)}</Fact>
        {key.note && <Fact name="Note">{key.note}</Fact>}
        {key.replaces && <Fact name="Replaces"><Link to={{ view: "keys", id: key.replaces }} class="mono">{key.replaces}</Link></Fact>}
        {key.replaced_by && <Fact name="Replaced by"><Link to={{ view: "keys", id: key.replaced_by }} class="mono">{key.replaced_by}</Link></Fact>}
      </Facts>
    </Panel>
  );
}

/** What it may do, from where and until when, changed in place: the secret stays. */
function Change({ of: key, act, isBusy, done }: { of: KeyView; act: Act; isBusy: boolean; done: () => void }) {
  const [terms, setTerms] = useState(termsOf(key));
  const save = async (event: Event) => {
    event.preventDefault();
    if (await act("", { ...told(terms, Date.now()), reason: "changed on the page" }, "PATCH")) done();
  };
  return (
    <Panel title="Change it">
      <form class="inline terms" onSubmit={(event) => void save(event)}>
        <TermFields of={terms} set={setTerms} />
        <p class="line">
          <button type="submit" class="main" disabled={isBusy || terms.scopes.length === 0}>Save</button>
          <button type="button" onClick={done}>Leave it</button>
        </p>
      </form>
    </Panel>
  );
}

function Rotate({ act, isBusy }: { act: Act; isBusy: boolean }) {
  const [overlap, setOverlap] = useState<Overlap>("86400");
  const [isAuto, setAuto] = useState(false);
  return (
    <Panel title="Exchange it">
      <p>A new key works at once beside this one, until the overlap is over; limits and quota stay the client's. It can be rolled back until then.</p>
      <p class="line">
        <Choice name="Both work for" of={OVERLAPS} now={overlap} choose={setOverlap} />
        <label class="check"><input type="checkbox" checked={isAuto} onChange={(event) => setAuto(event.currentTarget.checked)} /> end the old one by itself when nobody uses it any more</label>
        <button type="button" class="main" disabled={isBusy} onClick={() => void act("rotation", { overlap_seconds: Number(overlap), auto_finish: isAuto })}>Exchange</button>
      </p>
    </Panel>
  );
}

function Exchange({ of: rotation, act, isBusy }: { of: Rotation; act: Act; isBusy: boolean }) {
  const { now } = useTick();
  const isClosed = rotation.closed_at !== null;
  const left = rotation.overlap_ends_at ? (Date.parse(rotation.overlap_ends_at) - now) / 1000 : null;
  return (
    <Panel title="Exchange" aside={<Chip kind={rotation.safe_to_finish ? "good" : isClosed ? "plain" : "idle"}>{rotation.state.replaceAll("_", " ")}</Chip>}>
      <p class="exchange">
        <span>old <Link to={{ view: "keys", id: rotation.old_key.id }} class="mono">{rotation.old_key.id}</Link> <Chip kind={KEY_STATES[rotation.old_key.state] ?? "plain"}>{rotation.old_key.state}</Chip></span>
        <span aria-hidden="true">→</span>
        <span>new <Link to={{ view: "keys", id: rotation.new_key.id }} class="mono">{rotation.new_key.id}</Link> <Chip kind={KEY_STATES[rotation.new_key.state] ?? "plain"}>{rotation.new_key.state}</Chip></span>
      </p>
      <Traffic rotation={rotation} />
      <Facts>
        <Fact name="Begun"><When at={rotation.started_at ?? rotation.created_at} /></Fact>
        {isClosed
          ? <Fact name="Closed"><When at={rotation.closed_at} /></Fact>
          : <Fact name="Old one ends" note={left !== null && left > 0 ? `in ${duration(left)}` : undefined}>{rotation.overlap_ends_at ? <When at={rotation.overlap_ends_at} /> : "when the new one is started"}</Fact>}
        <Fact name="Old one last used"><When at={rotation.old_key.last_used_at} /></Fact>
        <Fact name="Safe to finish" hint={`The new key has been used, and the old one not for ${duration(rotation.quiet_seconds)}`}>{rotation.safe_to_finish ? "yes: the old one is drained" : "not yet"}</Fact>
        <Fact name="Everywhere since" hint="When the last server knew of the newest change">{rotation.effective_everywhere_at ? <When at={rotation.effective_everywhere_at} /> : "not yet"}</Fact>
      </Facts>
      {!isClosed && (
        <p class="line">
          {rotation.started_at === null && <button type="button" disabled={isBusy} onClick={() => void act("rotation/start")}>Start</button>}
          <button type="button" disabled={isBusy || !rotation.safe_to_finish} onClick={() => void act("rotation/finish")} title={rotation.safe_to_finish ? "Ends the old key now" : "The old key is still used"}>Finish now</button>
          {!rotation.safe_to_finish && <Sure label="Finish though it is used" says="Whoever still uses the old key is refused at once." disabled={isBusy} act={() => void act("rotation/finish", { force: true })} />}
          <Sure label="Roll back" says="The old key lives on; the new one is refused at once." disabled={isBusy} act={() => void act("rotation/roll_back")} />
        </p>
      )}
    </Panel>
  );
}

function Callers({ base }: { base: string }) {
  const { value, failure } = useAsk<Data<Caller[]>>(`${base}/rotation/preview`, "live");
  const columns: Column<Caller>[] = [
    { name: "Network", text: true, by: (one) => one.network, cell: (one) => one.network },
    { name: "Program", text: true, cell: (one) => <span class="name long" title={one.agent}>{one.agent || <span class="quiet">did not say</span>}</span> },
    { name: "Asks for", text: true, by: (one) => one.endpoint, cell: (one) => one.endpoint },
    { name: "Calls", by: (one) => one.calls, cell: (one) => count(one.calls) },
    { name: "Last", text: true, by: (one) => one.last_at, cell: (one) => <When at={one.last_at} short /> },
  ];
  return (
    <Panel title="Who has used it in seven days">
      <Trouble failure={failure} />
      {value ? <Table caption="Who has used it in seven days" columns={columns} rows={value.data} id={(one) => `${one.network} ${one.agent} ${one.endpoint}`} empty="Nobody has." /> : !failure && <Waiting />}
    </Panel>
  );
}

function End({ of: key, act, isBusy }: { of: KeyView; act: Act; isBusy: boolean }) {
  return (
    <Panel title="Take it away">
      <p class="line">
        {key.state === "paused"
          ? <button type="button" disabled={isBusy} onClick={() => void act("resume")}>Resume</button>
          : <button type="button" disabled={isBusy} onClick={() => void act("pause")}>Pause</button>}
        <Sure label="Revoke" says="It is refused everywhere within seconds, and for ever." disabled={isBusy} act={() => void act("revoke", { reason: "revoked on the page" })} />
      </p>
    </Panel>
  );
}

/** What cannot be taken back is asked twice. */
function Sure({ label, says, disabled, act }: { label: string; says: string; disabled: boolean; act: () => void }) {
  const [isAsked, setAsked] = useState(false);
  if (!isAsked) return <button type="button" class="risky" disabled={disabled} onClick={() => setAsked(true)}>{label}</button>;
  return (
    <span class="sure" role="group" aria-label={label}>
      {says} <button type="button" class="risky" disabled={disabled} onClick={() => { setAsked(false); act(); }}>{label}</button>{" "}
      <button type="button" onClick={() => setAsked(false)}>Leave it</button>
    </span>
  );
}
