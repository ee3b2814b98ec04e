// A wallet that signs gets a key on the page, and the figures with it. The wallet is a real key pair that signs as wallets do.

import assert from "node:assert/strict";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

const SECRET = keccak_256(new TextEncoder().encode("the wallet of the page's test"));
const hex = (bytes) => `0x${Buffer.from(bytes).toString("hex")}`;

export async function sign_in({ page, url }) {
  const account = hex(keccak_256(secp256k1.getPublicKey(SECRET, false).slice(1)).slice(12));
  const one = await page("/", { held: null, wallet: account, sign: signed });
  await one.getByRole("button", { name: "Sign in with the wallet" }).click();
  const key = await one.locator(".secret code").textContent();
  assert.match(key, /^acr_(live|test)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
  const own = await (await fetch(`${url}/v1/keys/self`, { headers: { "x-api-key": key } })).json();
  assert.equal(own.data.plan, "free");
  assert(own.data.client.toLowerCase().includes(account), own.data.client);

  await one.getByRole("button", { name: "Look with it" }).click();
  await one.getByRole("heading", { name: "Campaigns", exact: true }).waitFor();
  await one.getByRole("link", { name: "Keys" }).click();
  await one.getByText(key.split("_")[2], { exact: true }).waitFor();

  // Whoever signs again is told that there is a key, and may replace it.
  const again = await page("/", { held: null, wallet: account, sign: signed });
  await again.getByRole("button", { name: "Sign in with the wallet" }).click();
  await again.locator(".gate .trouble:not([hidden])").first().waitFor();
  await again.getByRole("button", { name: "Replace its key" }).click();
  const second = await again.locator(".secret code").textContent();
  assert.notEqual(second, key);
}

/** `personal_sign`: EIP-191 over the text, as r, s and v. */
function signed(message) {
  const text = Buffer.from(message.slice(2), "hex");
  const prefix = Buffer.from(`\u0019Ethereum Signed Message:\n${text.length}`);
  const bytes = secp256k1.sign(keccak_256(Buffer.concat([prefix, text])), SECRET, { prehash: false, format: "recovered" });
  return hex([...bytes.slice(1), 27 + bytes[0]]);
}
