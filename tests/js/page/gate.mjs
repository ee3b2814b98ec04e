// The key: asked for once, refused with a sentence, kept nowhere unless its reader says so.

import assert from "node:assert/strict";

export async function gate({ page, key, json }) {
  const one = await page("/", { held: null });
  await one.getByLabel("API key").fill("acr_live_nonsense");
  await one.getByRole("button", { name: "Show the figures" }).click();
  await one.getByText("A key is acr_live_ or acr_test_").waitFor();
  const unknown = key.replace(/^(acr_live_.{12}_)./, (_, start) => `${start}${key[22] === "a" ? "b" : "a"}`);
  await one.getByLabel("API key").fill(unknown);
  await one.getByRole("button", { name: "Show the figures" }).click();
  await one.locator("#key-why:not([hidden])").waitFor();
  assert(await one.getByLabel("API key").isVisible(), "a refused key is asked for again");

  await one.getByLabel("API key").fill(key);
  await one.getByRole("button", { name: "Show the figures" }).click();
  const { data } = await json("/v1/campaigns");
  await one.getByRole("link", { name: data[0].id, exact: true }).waitFor();
  const kept = await one.evaluate(() => JSON.stringify([location.href, document.cookie, { ...sessionStorage }, { ...localStorage }]));
  assert(!kept.includes(key.slice(22, 40)), `the key is kept: ${kept}`);
  await one.getByRole("button", { name: "Forget the key" }).click();
  await one.getByLabel("API key").waitFor();

  const handed = await page(`/?view=usage#key=${key}`, { held: null });
  await handed.getByRole("heading", { name: "Usage" }).waitFor();
  assert(!handed.url().includes("acr_"), `the address still has the key: ${handed.url()}`);
  const notice = await handed.locator(".notice").textContent();
  assert.match(notice, /^REHEARSAL/);
}
