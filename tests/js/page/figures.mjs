// Each view has the API's own figures. Every amount has its exact units on hover, so they are compared to the unit.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { until } from "./wait.mjs";

const HOUR_MS = 3_600_000;

export async function figures(world) {
  const campaigns = (await world.json("/v1/campaigns")).data;
  const earners = (await world.json(`/v1/campaigns/${campaigns[0].id}/accruals?limit=25`)).data;
  await overview(world, campaigns);
  await campaign(world, campaigns[0], earners);
  for (const pool of (await world.json("/v1/pools")).data) await poolView(world, pool);
  await account(world, earners[0].account);
  await operator(world);
  await tables(world, campaigns[0], earners[0].account);
}

const units = (amount) => `[title$="= ${amount} units"]`;
const dollars = (usd) => `[title="${usd} USD"]`;

async function overview({ page, json }, campaigns) {
  const one = await page("/");
  for (const { id, earned_units, emitted_units, budget_units, tvl_usd } of campaigns) {
    const row = one.getByRole("row").filter({ has: one.getByRole("link", { name: id, exact: true }) });
    await row.locator(units(budget_units)).waitFor();
    const emitted = await row.locator("th, td").nth(await column(one, "Emitted so far")).textContent();
    assert.equal(emitted, percentOf(emitted_units, budget_units), `${id}: what is emitted, of which not all is earned`);
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

/** The place of a column of the first table. */
async function column(one, name) {
  const names = await one.getByRole("table").first().getByRole("columnheader").allTextContents();
  const place = names.findIndex((one) => one.startsWith(name));
  assert(place >= 0, `${name} is none of ${names}`);
  return place;
}

/** Cut after two places. */
function percentOf(units, whole) {
  const hundredths = String((BigInt(units) * 10_000n) / BigInt(whole)).padStart(3, "0");
  return `${hundredths.slice(0, -2)}.${hundredths.slice(-2)} %`;
}

async function campaign({ page }, campaign, earners) {
  const one = await page(`/?campaign=${campaign.id}`);
  await one.waitForFunction((title) => document.title === title, `${campaign.id} · accrual`);
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
    // What is proposed can be simulated: both ends are on the pool's ticks.
    assert(told.tick_spacing > 0, `the tick spacing of ${pool.id} is ${told.tick_spacing}`);
    for (const end of ["From tick", "to tick"]) {
      const tick = Number(await one.getByLabel(end).inputValue());
      assert(tick !== 0 && tick % told.tick_spacing === 0, `${end} ${tick} is no multiple of ${told.tick_spacing}`);
    }
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
    if (position.tick_lower !== position.tick_upper) await since(json, card, position);
    const earned = rewards.flatMap((reward) => reward.positions).filter((part) => part.position === position.position);
    for (const part of earned) await card.locator(units(part.earned_units)).first().waitFor();
    const strip = card.locator(".strip svg").first();
    await strip.locator('path:not([d=""])').first().waitFor();
    // What lies under the pointer is told.
    await strip.hover();
    assert.match(await strip.locator("title").textContent(), /^\d{4}-\d\d-\d\d .+ for \d/);
  }
  const merkl = await one.locator(".merkl").textContent();
  assert.match(merkl, /claimable and pending are unknown/, "nobody has compared the rehearsal with Merkl");
  // What another range would change: nothing runs in the rehearsal's last hours, and that is said.
  await one.getByRole("button", { name: "What if it left" }).first().click();
  await one.getByText("No campaign runs on this pool now").or(one.getByText("If it left", { exact: true })).first().waitFor();
  assert(one.url().includes("position="), one.url());
}

/** Since when the price is where it is: by the API's ticks at full hours. */
async function since(json, card, { pool, tick_lower: lower, tick_upper: upper, as_of: newest }) {
  const from = new Date(Math.floor(Date.parse(newest.at) / HOUR_MS) * HOUR_MS - 336 * HOUR_MS).toISOString().slice(0, 19);
  const { data } = await json(`/v1/pools/${pool}/history?interval=1h&limit=500&from=${from}Z`);
  const side = ({ tick }) => (tick < lower ? "below" : tick < upper ? "in" : "above");
  const hours = data.filter((row) => row.tick !== null && row.at.endsWith(":00:00Z")).reverse();
  const left = hours.findIndex((row) => side(row) !== side(hours[0]));
  const first = hours[(left < 0 ? hours.length : left) - 1];
  const told = card.locator(".since");
  assert((await told.textContent()).includes(`was ${side(hours[0])} this range`), await told.textContent());
  assert.equal(await told.locator("time").getAttribute("datetime"), first.at);
}

async function operator({ page, json, api }) {
  const usage = (await json("/v1/usage")).data;
  const one = await page("/?view=usage");
  await one.getByText(usage.plan.calls_per_minute.toLocaleString("en")).first().waitFor();
  const audit = (await json("/v1/audit?limit=100")).data;
  const told = await page("/?view=audit");
  await told.getByText(audit[0].action, { exact: true }).first().waitFor();
  await filtered(told, audit[0]);
  const status = await page("/?view=status");
  const { components } = await (await api("/status.json")).json();
  const rows = status.getByRole("row");
  for (const { title } of components) await rows.filter({ hasText: title }).first().waitFor();
  const database = components.find(({ component }) => component === "database");
  await rows.filter({ hasText: database.title }).getByText(database.state, { exact: true }).waitFor();
}

/** One client's entries and one key's; what is chosen is in the address. */
async function filtered(one, entry) {
  const rows = one.locator("tbody tr");
  const client = await one.getByLabel("Client").locator("option").nth(1).textContent();
  await one.getByLabel("Client").selectOption(client);
  await one.getByLabel("Key", { exact: true }).fill(entry.key_id);
  await one.getByText(/entr(y|ies) of the client about this key/).waitFor();
  assert((await rows.count()) > 0, "the key's own entries are there");
  for (const text of await rows.allTextContents()) assert(text.includes(entry.key_id), text);
  assert(one.url().includes(`client=${client}`) && one.url().includes(`key=${entry.key_id}`), one.url());
  await one.getByLabel("Key", { exact: true }).fill("nobody-has-this");
  await one.getByText("A key's id has 12 letters and digits.").waitFor();
}

/** What each chart saves as CSV is what the API answers as CSV. */
async function tables(world, campaign, account) {
  const [pool] = (await world.json("/v1/pools")).data;
  for (const path of ["/", `/?campaign=${campaign.id}`, `/?pool=${pool.id}`, `/?account=${account}`]) await charts(world, path);
}

/** Whether there is something to see on each chart of which anything is known. */
function allDrawn() {
  const charts = [...document.querySelectorAll(".plot:not(.empty)")].map((plot) => plot.querySelector("canvas"));
  return charts.length > 0 && charts.every((canvas) => {
    if (!canvas?.width || !canvas.height) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((channel) => channel !== 0);
  });
}

async function charts({ page, api }, path) {
  const one = await page(path);
  const buttons = one.getByRole("button", { name: "save as CSV" });
  await buttons.first().waitFor();
  await one.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
  let [asked, saved] = [[], []];
  one.on("request", (request) => request.headers()["accept"] === "text/csv" && asked.push(new URL(request.url())));
  one.on("download", (file) => saved.push(file));
  const count = await buttons.count();
  assert(count > 0, `${path} has charts`);
  await one.evaluate(() => document.querySelectorAll(".plot").forEach((plot) => plot.scrollIntoView()));
  await until(() => one.evaluate(allDrawn), `${path}: every chart is drawn`);
  for (let place = 0; place < count; place += 1) {
    [asked, saved] = [[], []];
    await buttons.nth(place).click();
    // All are asked for at the click; each is saved when it came.
    await until(async () => saved.length > 0 && saved.length === asked.length, `${path}: chart ${place} is saved`);
    const own = await Promise.all(saved.map(async (file) => readFileSync(await file.path(), "utf8")));
    const expected = await Promise.all(asked.map(async ({ pathname, search }) => (await api(pathname + search, { headers: { accept: "text/csv" } })).text()));
    assert.deepEqual(own.sort(), expected.sort(), `${path}: chart ${place}`);
    assert(own.every((text) => text.split("\n").length > 3), `${path}: chart ${place} has rows`);
  }
  await one.context().close();
}
