// A new key: whose, what it may do, from where and until when. Its secret is shown once.

import { useState } from "preact/hooks";
import { change, type Failure } from "../lib/api";
import { refresh } from "../lib/ask";
import type { Key, NewKey, Shown } from "../lib/types";
import { Panel, Trouble } from "../ui/bits";
import { Secret } from "../ui/secret";
import { FRESH, TermFields, told } from "../ui/terms";

export function MakeKey() {
  const [client, setClient] = useState("");
  const [plan, setPlan] = useState("");
  const [note, setNote] = useState("");
  const [terms, setTerms] = useState(FRESH);
  const [secret, setSecret] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const create = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const wanted: NewKey = { client: client.trim(), note: note.trim(), ...told(terms, Date.now()), ...(plan.trim() && { plan: plan.trim() }) };
      const made = await change<Shown<Key>>("/v1/keys", wanted);
      setSecret(made.key ?? null);
      setTerms(FRESH);
      refresh("/v1/keys");
    } catch (error) {
      setFailure(error as Failure);
    }
    setBusy(false);
  };
  return (
    <Panel title="Make a key">
      <form class="inline terms" onSubmit={(event) => void create(event)}>
        <label>Client <input required value={client} onInput={(event) => setClient(event.currentTarget.value)} placeholder="who will use it" /></label>
        <label>Plan <input value={plan} onInput={(event) => setPlan(event.currentTarget.value)} placeholder="as the client has" /></label>
        <label>Note <input value={note} maxLength={200} onInput={(event) => setNote(event.currentTarget.value)} placeholder="what for" /></label>
        <TermFields of={terms} set={setTerms} />
        <button type="submit" class="main" disabled={isBusy || terms.scopes.length === 0}>Make it</button>
      </form>
      <Trouble failure={failure} />
      {secret && <Secret of={secret} done={() => setSecret(null)} />}
    </Panel>
  );
}
