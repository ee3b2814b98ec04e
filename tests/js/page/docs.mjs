// The reference: every call, tried with a key and shown as code, with nothing from elsewhere.

import assert from "node:assert/strict";
import { until } from "./wait.mjs";

const CAMPAIGNS = "/docs#list_campaigns";
/** A word by which each language is known. */
const LANGUAGES = {
  curl: "curl --silent",
  Python: "urllib.request",
  JavaScript: "fetch(",
  Go: "http.NewRequest(",
  Rust: "reqwest::",
};

export async function docs({ page, key, json, api, line, shots }) {
  const described = await (await api("/openapi.json")).json();
  const calls = Object.values(described.paths).flatMap((item) => Object.keys(item));
  const one = await page("/docs", { held: null });
  await until(async () => (await one.locator("#calls a").count()) === calls.length, "every call is listed");

  await one.goto(`http://${line.host}${CAMPAIGNS}`);
  await one.getByRole("heading", { level: 1, name: described.paths["/v1/campaigns"].get.summary }).waitFor();
  await one.getByRole("button", { name: "Send" }).click();
  await one.getByText("key_missing").first().waitFor();

  await one.locator("#key").fill(key);
  await one.getByRole("button", { name: "Send" }).click();
  await one.locator("main strong", { hasText: "200" }).waitFor();
  const shown = JSON.parse(await one.locator("main [aria-live] > pre").textContent());
  const told = await json("/v1/campaigns");
  assert.deepEqual(shown.data.map((row) => [row.id, row.earned_units]), told.data.map((row) => [row.id, row.earned_units]));

  const tabs = one.getByRole("tab");
  assert.deepEqual(await tabs.allTextContents(), Object.keys(LANGUAGES));
  for (const [name, word] of Object.entries(LANGUAGES)) {
    await tabs.filter({ hasText: new RegExp(`^${name}$`) }).click();
    const code = await one.locator(".tabs + pre").textContent();
    assert(code.includes(word) && code.includes("/v1/campaigns"), `${name}: ${code}`);
    assert(!code.includes(key.slice(22, 40)), `${name} shows the key`);
  }
  await one.screenshot({ path: `${shots}/docs.png`, fullPage: false });

  // What is open goes on without the server: each call is read and written as code, and sending says why it cannot.
  line.cut();
  await one.locator("#search").fill("accruals");
  await one.locator('#calls a[href="#list_accruals"]').click();
  await one.getByRole("heading", { level: 1, name: described.paths["/v1/campaigns/{id}/accruals"].get.summary }).waitFor();
  await one.locator("#p-id").fill(told.data[0].id);
  await one.getByRole("button", { name: "Send" }).click();
  await one.getByText("The server does not answer").waitFor();
  await line.mend();
}
