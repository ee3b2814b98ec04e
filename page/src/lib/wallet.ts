// A wallet in the browser (EIP-1193), asked for its address, and for a signature where its owner wants a key. Nothing is
// ever sent to the chain.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { ask } from "./api";
import type { Data, Key, Shown } from "./types";

interface Wallet {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

declare global {
  interface Window {
    ethereum?: Wallet;
  }
}

export function hasWallet(): boolean {
  return typeof window.ethereum?.request === "function";
}

/** The account that the wallet shows to this page, as it writes it. */
export async function connect(): Promise<string> {
  if (!window.ethereum) throw new Error("This browser has no wallet.");
  const accounts = await window.ethereum.request({ method: "eth_requestAccounts" }).catch((error: unknown) => {
    throw new Error(`The wallet refused: ${told(error)}`);
  });
  const first = Array.isArray(accounts) ? (accounts[0] as unknown) : undefined;
  if (typeof first !== "string") throw new Error("The wallet shows no account to this page.");
  return first;
}

/** Whether this server gives keys to wallets that sign in; it says so in its page. */
export function canSignIn(): boolean {
  return document.body.dataset["signIn"] === "offered";
}

/** A Free key for the wallet's account: the server's text, signed; no transaction, no gas. */
export async function signIn(replace: boolean): Promise<Shown<Key>> {
  const account = await connect();
  const { data } = await ask<Data<{ message: string }>>("/v1/sign_in/nonce", { open: true, method: "POST" });
  const message = data.message.replace("{address}", checksummed(account));
  const hex = `0x${[...new TextEncoder().encode(message)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const signature = await window.ethereum?.request({ method: "personal_sign", params: [hex, account] }).catch((error: unknown) => {
    throw new Error(`The wallet did not sign: ${told(error)}`);
  });
  return ask<Shown<Key>>("/v1/sign_in", { open: true, method: "POST", body: { message, signature, replace } });
}

/** As EIP-55 writes an address, which the text to sign must hold. */
function checksummed(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = keccak_256(new TextEncoder().encode(digits));
  const isUpper = (index: number) => ((hash[index >> 1] ?? 0) >> (index % 2 ? 0 : 4)) & 8;
  return `0x${[...digits].map((digit, index) => (isUpper(index) ? digit.toUpperCase() : digit)).join("")}`;
}

function told(error: unknown): string {
  return typeof error === "object" && error !== null && "message" in error ? String(error.message) : "it did not say why";
}
