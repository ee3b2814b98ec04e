// Where an LP begins: an address, pasted or told by a wallet.

import { useState } from "preact/hooks";
import { go } from "../lib/url";
import { connect, hasWallet } from "../lib/wallet";

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

export function LookUp({ now = "" }: { now?: string }) {
  const [text, setText] = useState(now);
  const [why, setWhy] = useState("");
  const look = (event: Event) => {
    event.preventDefault();
    const address = text.trim();
    if (!ADDRESS.test(address)) return setWhy("An address is 0x and 40 hexadecimal digits.");
    setWhy("");
    go({ account: address });
  };
  const fromWallet = () => void connect().then((address) => go({ account: address }), (error: Error) => setWhy(error.message));
  return (
    <form class="look-up" onSubmit={look}>
      <label for="address">What has an account earned?</label>
      <div class="line">
        <input
          id="address" class="mono" value={text} placeholder="0x…" spellcheck={false} autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
          aria-describedby="address-why" aria-invalid={why !== ""}
        />
        <button type="submit" class="main">Show</button>
        {hasWallet() && <button type="button" onClick={fromWallet} title="Asks the wallet for its address, and for nothing else">From my wallet</button>}
      </div>
      <p id="address-why" class="trouble" role="alert" hidden={!why}>{why}</p>
    </form>
  );
}
