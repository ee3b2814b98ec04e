// The one place where a key is asked for.

import { useState } from "preact/hooks";
import { refusal, useKey } from "../lib/key";
import { useStore } from "../lib/store";
import { canSignIn, hasWallet, signIn } from "../lib/wallet";
import { Secret } from "../ui/secret";

const FORM = /^acr_(live|test)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/;

export function Gate() {
  const why = useStore(refusal);
  const [text, setText] = useState("");
  const [isKept, setKept] = useState(false);
  const [trouble, setTrouble] = useState("");
  const give = (event: Event) => {
    event.preventDefault();
    const given = text.trim();
    if (!FORM.test(given)) return setTrouble("A key is acr_live_ or acr_test_ with 12 and 49 letters and digits behind.");
    useKey(given, isKept);
  };
  return (
    <section class="gate">
      <h1>Liquidity rewards, recomputed from the chain block by block.</h1>
      <p>What each position has earned, why it did not, and how sure that is. Every figure names its block.</p>
      <form class="panel" onSubmit={give}>
        <label for="key">API key</label>
        <input
          id="key" type="password" value={text} autocomplete="off" spellcheck={false} placeholder="acr_live_…"
          onInput={(event) => setText(event.currentTarget.value)} aria-describedby="key-why" aria-invalid={Boolean(trouble || why)}
        />
        <label class="check"><input type="checkbox" checked={isKept} onChange={(event) => setKept(event.currentTarget.checked)} /> Keep it until this tab is closed</label>
        <p id="key-why" class="trouble" role="alert" hidden={!(trouble || why)}>{trouble || why}</p>
        <button type="submit" class="main">Show the figures</button>
        <p class="quiet">The key is sent to this server only. It is not kept when the page is loaded again, unless you say so.</p>
      </form>
      {canSignIn() && <WalletKey />}
    </section>
  );
}

/** A Free key for whoever signs with a wallet. */
function WalletKey() {
  const [shown, setShown] = useState<string | null>(null);
  const [trouble, setTrouble] = useState("");
  const [isBusy, setBusy] = useState(false);
  const sign = async (replace: boolean) => {
    setBusy(true);
    setTrouble("");
    try {
      const answer = await signIn(replace);
      if (answer.key) setShown(answer.key);
      else setTrouble("This wallet has a key already, which was shown when it was made. Replace it if it is lost.");
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return (
    <div class="panel">
      <h2>No key yet?</h2>
      <p>Sign in with a wallet and get a key of the Free plan: a signature of a text, no transaction, nothing to pay.</p>
      {!hasWallet() && <p class="quiet">This browser has no wallet that the page can ask.</p>}
      {hasWallet() && !shown && (
        <p>
          <button type="button" disabled={isBusy} onClick={() => void sign(false)}>Sign in with the wallet</button>{" "}
          {trouble && <button type="button" disabled={isBusy} onClick={() => void sign(true)}>Replace its key</button>}
        </p>
      )}
      {trouble && <p class="trouble" role="alert">{trouble}</p>}
      {shown && <Secret of={shown} used={() => useKey(shown, false)} />}
    </div>
  );
}
