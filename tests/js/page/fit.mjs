// Every view in both themes and at every width: nothing that keeps anybody out, nothing that runs over the edge.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HEIGHT_MAX = 10_000;
/** A figure with its token's symbol. */
const LETTERS_MAX = 24;
const WIDTHS = [360, 390, 1440, 2560];

export async function fit(world) {
  await longNames(world);
  const views = await all(world);
  const faults = [];
  for (const theme of ["light", "dark"]) {
    for (const [name, path] of Object.entries(views)) {
      const one = await world.page(path, { theme, ...(name === "gate" && { held: null }) });
      await settled(one);
      for (const width of WIDTHS) {
        await one.setViewportSize({ width, height: 900 });
        const over = await one.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0) faults.push(`${name} runs ${over} px over the edge at ${width} px`);
        if (width !== 390 && width !== 1440) continue;
        const wide = await one.evaluate(tooWide, width);
        faults.push(...wide.map((table) => `${name}: ${table} px at ${width} px`));
        await wholly(one, width);
        await one.screenshot({ path: `${world.shots}/${name}-${width}-${theme}.png`, fullPage: true });
        faults.push(...(await violations(one, `${name} at ${width} px, ${theme}`)));
      }
      await one.context().close();
    }
  }
  assert.deepEqual(faults, []);
  await byKeyboard(world);
  await byTouch(world, views.nobody);
}

/** A key of somebody with a long name and much to say. */
async function longNames({ api }) {
  const wanted = { client: "the-analytics-dashboard-of-a-partner", note: "the nightly export of all that is earned", plan: "vip" };
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  await api("/v1/keys", { method: "POST", headers, body: JSON.stringify({ ...wanted, scopes: ["read:public"], allowed_networks: ["203.0.113.0/24", "2001:db8::/32"] }) });
}

async function all({ json, key }) {
  const [campaigns, pools] = [(await json("/v1/campaigns")).data, (await json("/v1/pools")).data];
  const [earner] = (await json(`/v1/campaigns/${campaigns[0].id}/accruals?limit=1`)).data;
  return {
    gate: "/",
    overview: "/",
    campaign: `/?campaign=${campaigns[0].id}`,
    ...Object.fromEntries(pools.map((pool, index) => [`pool-${index}`, `/?pool=${pool.id}`])),
    account: `/?account=${earner.account}`,
    nobody: "/?account=0x0000000000000000000000000000000000000001",
    missing: "/?campaign=there-is-none-of-this-name",
    status: "/?view=status",
    keys: "/?view=keys",
    key: `/?view=keys&id=${key.split("_")[2]}`,
    usage: "/?view=usage",
    audit: "/?view=audit",
  };
}

/** Until nothing is on its way any more. */
async function settled(one) {
  await one.locator("main > *").first().waitFor();
  await one.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
}

/** Tables that their panel has no room for. On a phone some of few columns may scroll a little; those of many are cards. */
function tooWide(width) {
  const all = [...document.querySelectorAll(".scroll")].filter((one) => width > 1000 || one.querySelector("table.cards"));
  const wide = all.filter((one) => one.scrollWidth > one.clientWidth);
  return wide.map((one) => `"${one.getAttribute("aria-label")}" is too wide by ${one.scrollWidth - one.clientWidth}`);
}

/** A screen as high as the page: of a long list only what is near the screen is made. */
async function wholly(one, width) {
  const height = await one.evaluate(() => document.documentElement.scrollHeight);
  await one.setViewportSize({ width, height: Math.min(height, HEIGHT_MAX) });
  await settled(one);
}

async function violations(one, where) {
  await one.evaluate(AXE);
  const { violations } = await one.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const shown = (nodes) => nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ");
  return violations.map(({ id, help, nodes }) => `${where}: ${id}: ${help} (${shown(nodes)})`);
}

/** The first tab stop leads past the top; views are reached without a mouse. */
async function byKeyboard({ page }) {
  const one = await page("/");
  await settled(one);
  await one.keyboard.press("Tab");
  assert.equal(await one.evaluate(() => document.activeElement?.textContent), "To the figures");
  await one.keyboard.press("Tab");
  await one.keyboard.press("Tab");
  await one.keyboard.press("Tab");
  assert.equal(await one.evaluate(() => document.activeElement?.textContent), "Status");
  await one.keyboard.press("Enter");
  await one.getByRole("heading", { name: "Status", level: 1 }).waitFor();
  assert.equal(await one.evaluate(() => document.activeElement?.id), "main", "a reader goes on where the view begins");
}

/** A finger is told what a mouse is told by hovering; and however small an amount is, it is not a row of zeros. */
async function byTouch({ page }, path) {
  const one = await page(path, { width: 390, touch: true });
  await settled(one);
  const amounts = await one.locator(".amount").allTextContents();
  assert(amounts.length > 0, "the account has amounts");
  for (const amount of amounts) assert(amount.trim().length <= LETTERS_MAX, amount);
  const first = one.locator(".amount").first();
  await first.tap();
  assert.equal(await one.locator(".told").textContent(), await first.getAttribute("title"));
  await one.locator("h1").tap({ position: { x: 1, y: 1 } });
  assert.match(await one.locator(".told").textContent(), /^0x0{39}1$/);
}
