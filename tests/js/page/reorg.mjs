// Blocks leave the chain: the page says so, and its figures become those of the chain that is left, to the unit.

import assert from "node:assert/strict";
import { until } from "./wait.mjs";

export async function reorg({ page, json }) {
  const [before] = (await json("/v1/campaigns")).data;
  const path = `/v1/campaigns/${before.id}`;
  const one = await page(`/?campaign=${before.id}`);
  await one.locator(".fresh .dot.live").waitFor();
  await one.locator(units(before.earned_units)).first().waitFor();

  // Whoever runs this script takes the blocks back when it reads this line.
  console.log("take blocks back now");
  let after = before;
  await until(async () => BigInt((after = await json(path)).earned_units) < BigInt(before.earned_units), "the API takes them back");
  const to = after.as_of.block_number.toLocaleString("en");
  await one.locator(".banner.idle", { hasText: `took blocks back above ${to}` }).waitFor();
  await one.locator(units(after.earned_units)).first().waitFor();
  await one.locator(".fresh strong", { hasText: to }).waitFor();
  assert.equal(await one.locator(units(before.earned_units)).count(), 0, "the figure of the lost blocks is nowhere");
}

const units = (amount) => `[title$="= ${amount} units"]`;
