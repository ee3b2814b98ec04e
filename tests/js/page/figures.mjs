// Each view has the API's own figures. Every amount has its exact units on hover, so they are compared to the unit.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export async function figures(world) {
  const campaigns = (await world.json("/v1/campaigns")).data;
  const earners = (await world.json(`/v1/campaigns/${campaigns[0].id}/accruals?limit=25`)).data;
  await overview(world, campaigns);
  await campaign(world, campaigns[0], earners);
  for (const pool of (await world.json("/v1/pools")).data) await poolView(world, pool);
  await account(world, earners[0].account);
  await operator(world);
  await tables(world, campaigns[0]);
}

const units = (amount) => `[title$="= ${amount} units"]`;
const dollars = (usd) => `[title="${usd} USD"]`;

async function overview({ page, json }, campaigns) {
  const one = await page("/");
  for (const { id, earned_units, budget_units, tvl_usd } of campaigns) {
    const row = one.getByRole("row").filter({ has: one.getByRole("link", { name: id, exact: true }) });
    await row.locator(units(budget_units)).waitFor();
    if (tvl_usd !== null) await row.locator(dollars(tvl_usd)).waitFor();
    assert(earned_units !== null, "the rehearsal's sums are known");
  }
  for (const pool of (await json("/v1/pools")).data) await one.locator(dollars(pool.tvl_usd)).first().waitFor();
  const block = await one.locator(".fresh").textContent();
  const told = (await json("/v1/campaigns")).meta;
  assert(block.includes(told.as_of.block_number.toLocaleString("en")), block);
  // What is looked at is in the address, and an address is a view.
  await one.getByRole("button", { name: "Volume" }).click();
  assert(one.url().includes("metric=volume_usd"), one.url());
  await one.reload();
  await one.locator('button[aria-pressed="true"]', { hasText: "Volume" }).waitFor();
}

async function campaign({ page }, campaign, earners) {
  const one = await page(`/?campaign=${campaign.id}`);
  for (const amount of [campaign.earned_units, campaign.undistributed_units, campaign.budget_units]) {
    await one.locator(units(amount)).first().waitFor();
  }
  for (const { account, earned_units } of earners) {
    const row = one.getByRole("row").filter({ has: one.locator(`a[title="${account}"]`) });
    await row.locator(units(earned_units)).waitFor();
  }
  if (campaign.accounts_count > earners.length) {
    await one.getByRole("button", { name: "Smaller" }).click();
    await one.getByText(`26 to ${Math.min(50, campaign.accounts_count)} of ${campaign.accounts_count}`).waitFor();
  }
}

async function poolView({ page, json }, pool) {
  const one = await page(`/?pool=${pool.id}`);
  const told = await json(`/v1/pools/${pool.id}?window=24h`);
  await one.locator(dollars(told.tvl_usd)).first().waitFor();
  await one.locator(`[title="${told.price}"]`).first().waitFor();
  const liquidity = await json(`/v1/pools/${pool.id}/liquidity`);
  if (liquidity.reason) {
    await one.getByText("liquidity is everywhere").waitFor();
  } else {
    await one.locator(".depth svg rect").first().waitFor();
  }
}

async function account({ page, json }, address) {
  const one = await page("/", { wallet: address.toLowerCase() });
  await one.getByRole("button", { name: "From my wallet" }).click();
  await one.getByRole("heading", { name: address }).waitFor();
  const rewards = (await json(`/v1/accounts/${address}/rewards`)).data;
  for (const { earned_units } of rewards) await one.locator(`.earned ${units(earned_units)}`).waitFor();
  const positions = (await json(`/v1/accounts/${address}/positions?explain=true`)).data;
  for (const position of positions) {
    const card = one.locator("article.position").filter({ has: one.locator(`[title="${position.position}"]`) });
    await card.locator(dollars(position.value_usd)).waitFor();
    await card.getByText(position.in_range ? "in range" : "out of range", { exact: true }).waitFor();
    const earned = rewards.flatMap((reward) => reward.positions).filter((part) => part.position === position.position);
    for (const part of earned) await card.locator(units(part.earned_units)).first().waitFor();
    await card.locator(".strip svg rect").first().waitFor();
  }
  const merkl = await one.locator(".merkl").textContent();
  assert.match(merkl, /claimable and pending are unknown/, "nobody has compared the rehearsal with Merkl");
  // What another range would change: nothing runs in the rehearsal's last hours, and that is said.
  await one.getByRole("button", { name: "What if it left" }).first().click();
  await one.getByText("No campaign runs on this pool now").or(one.getByText("If it left", { exact: true })).first().waitFor();
  assert(one.url().includes("position="), one.url());
}

async function operator({ page, json, api }) {
  const usage = (await json("/v1/usage")).data;
  const one = await page("/?view=usage");
  await one.getByText(usage.plan.calls_per_minute.toLocaleString("en")).first().waitFor();
  const audit = (await json("/v1/audit?limit=100")).data;
  const told = await page("/?view=audit");
  await told.getByText(audit[0].action, { exact: true }).first().waitFor();
  const status = await page("/?view=status");
  const { components } = await (await api("/status.json")).json();
  const rows = status.getByRole("row");
  for (const { title } of components) await rows.filter({ hasText: title }).first().waitFor();
  const database = components.find(({ component }) => component === "database");
  await rows.filter({ hasText: database.title }).getByText(database.state, { exact: true }).waitFor();
}

/** What is saved as CSV is what the API answers as CSV. */
async function tables({ page, api }, campaign) {
  const one = await page(`/?campaign=${campaign.id}`);
  const figure = one.locator("figure", { has: one.getByRole("heading", { name: "Reward APR" }) });
  const asked = one.waitForRequest((request) => request.url().includes("/history") && request.headers()["accept"] === "text/csv");
  const saved = one.waitForEvent("download");
  await figure.getByRole("button", { name: "save as CSV" }).click();
  const { pathname, search } = new URL((await asked).url());
  const own = readFileSync(await (await saved).path(), "utf8");
  const expected = await (await api(pathname + search, { headers: { accept: "text/csv" } })).text();
  assert.equal(own, expected);
  assert(own.split("\n").length > 100, "hours of two weeks");
}
