// News come with the blocks; a stream that is cut goes on where it was.

import assert from "node:assert/strict";
import { until } from "./wait.mjs";

export async function stream({ page, line }) {
  const one = await page("/");
  const resumed = [];
  one.on("request", (asked) => {
    if (asked.url().includes("/v1/stream") && asked.headers()["last-event-id"]) resumed.push(asked.headers()["last-event-id"]);
  });
  const block = async () => Number((await one.locator(".fresh strong").textContent()).replaceAll(",", ""));
  await one.locator(".fresh .dot.live").waitFor();
  const first = await block();
  await until(async () => (await block()) > first, "blocks come by the stream");

  line.cut();
  await one.locator(".banner.bad").waitFor();
  const last = await block();
  await line.mend();
  await one.locator(".banner.bad").waitFor({ state: "detached" });
  await one.locator(".fresh .dot.live").waitFor();
  await until(async () => (await block()) > last, "blocks come again");
  assert(resumed.length > 0, "the stream goes on after the last event that came");
}
