// A browser before a line that can be cut, and the API beside it to compare with.

import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
/** A busy machine may take its time; nothing here waits longer than it must. */
const PATIENCE_MS = 120_000;

export async function open(url, key, shots) {
  const line = await lineTo(new URL(url));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
  const complaints = [];
  const contexts = [];

  /** A page of its own, on `path`, with the key where it is not said otherwise. */
  async function page(path, { theme = "light", width = 1440, held = key, wallet = null, sign = null, zone = "Europe/Berlin", touch = false } = {}) {
    const context = await browser.newContext({
      viewport: { width, height: 900 }, colorScheme: theme, timezoneId: zone, acceptDownloads: true, reducedMotion: "reduce",
      hasTouch: touch,
    });
    contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    if (held) await context.addInitScript((key) => sessionStorage.setItem("key", key), held);
    if (sign) await context.exposeFunction("walletSigns", sign);
    if (wallet) await context.addInitScript(walletOf, wallet);
    const one = await context.newPage();
    one.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
    one.on("console", (said) => /Content Security Policy/.test(said.text()) && complaints.push(`${path}: ${said.text()}`));
    one.on("request", (asked) => {
      const { host, protocol } = new URL(asked.url());
      if (host !== line.host && !["data:", "blob:"].includes(protocol)) complaints.push(`${path} asks ${asked.url()}`);
    });
    await one.goto(`http://${line.host}${path}`);
    return one;
  }

  /** What the API itself answers. */
  async function api(path, options = {}) {
    const headers = { "x-api-key": key, ...options.headers };
    const answer = await fetch(`${url.replace(/\/$/, "")}${path}`, { ...options, headers });
    assert(answer.ok, `${path}: ${answer.status} ${answer.ok ? "" : await answer.clone().text()}`);
    return answer;
  }
  const json = async (path) => (await api(path)).json();

  async function close() {
    await browser.close();
    line.cut();
  }
  return { url: url.replace(/\/$/, ""), key, shots, page, api, json, line, complaints, close };
}

/** A wallet that shows one account and signs texts, as EIP-1193 has it. */
function walletOf(account) {
  window.ethereum = {
    request: async ({ method, params }) => {
      if (method === "eth_requestAccounts") return [account];
      if (method === "personal_sign") return window.walletSigns(params[0]);
      throw new Error(`nobody should ask for ${method}`);
    },
  };
}

/** A port of this machine that leads to the server until it is cut. */
async function lineTo(server) {
  const sockets = new Set();
  const listener = createServer((socket) => {
    const onward = connect(Number(server.port), server.hostname);
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on("close", () => sockets.delete(one));
      one.on("error", () => one.destroy());
    }
    socket.pipe(onward).pipe(socket);
    socket.on("close", () => onward.destroy());
    onward.on("close", () => socket.destroy());
  });
  const listen = (port) => new Promise((done) => listener.listen(port, "127.0.0.1", () => done(listener.address().port)));
  const port = await listen(0);
  return {
    host: `127.0.0.1:${port}`,
    cut: () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: () => listen(port),
  };
}
