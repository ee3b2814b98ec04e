// A key made, exchanged under load, rolled back and revoked through the page; whoever swaps in time is never refused.

import assert from "node:assert/strict";
import { until } from "./wait.mjs";

export async function rotation(world) {
  const one = await world.page("/?view=keys");
  await one.getByLabel("Client").fill("load-of-the-page");
  await one.getByLabel("Plan").fill("vip");
  await one.getByLabel("From these networks only").fill("127.0.0.0/8, 2001:db8::/32");
  await one.getByLabel("read:reconciliation").check();
  await one.getByRole("button", { name: "90 d", exact: true }).click();
  await one.getByRole("button", { name: "Make it" }).click();
  const first = await secret(one);
  await termed(world, idOf(first));
  const load = begin(world.url, first);
  await one.getByRole("link", { name: idOf(first) }).click();
  await one.getByRole("heading", { name: idOf(first) }).waitFor();

  await changed(world, one, first);
  await one.getByRole("button", { name: "Exchange", exact: true }).click();
  const second = await secret(one);
  assert.equal((await status(world.url, first)) + (await status(world.url, second)), 400, "both are accepted");
  await counted(one, "old");
  load.swap(second);
  await counted(one, "new");
  assert.deepEqual(load.refused, [], "nobody is refused who swaps in time");
  const holder = await world.page("/", { held: first });
  const notice = holder.locator(".banner.idle", { hasText: "This key is being exchanged and ends" });
  await notice.waitFor();

  await one.getByRole("button", { name: "Roll back" }).click();
  load.swap(first);
  await load.settled();
  await one.getByRole("group", { name: "Roll back" }).getByRole("button", { name: "Roll back" }).click();
  await until(async () => (await status(world.url, second)) === 401, "what is rolled back is refused");
  assert.equal(await status(world.url, first), 200, "the old one lives on");
  // Its holder's page says so no more, from its next answer on.
  await holder.getByRole("link", { name: "Usage", exact: true }).click();
  await notice.waitFor({ state: "detached" });
  await holder.close();

  await one.getByRole("button", { name: "Exchange", exact: true }).click();
  const third = await secret(one);
  load.swap(third);
  await load.settled();
  await one.getByRole("button", { name: "Finish though it is used" }).click();
  await one.getByRole("group", { name: "Finish though it is used" }).getByRole("button", { name: "Finish" }).click();
  await until(async () => (await status(world.url, first)) === 401, "the old one is refused");
  assert.deepEqual(load.refused, [], "through all of this nobody was refused who swapped in time");
  await load.end();

  await one.goto(`${new URL(one.url()).origin}/?view=keys&id=${idOf(third)}`);
  await one.getByRole("button", { name: "Revoke" }).click();
  await one.getByRole("group", { name: "Revoke" }).getByRole("button", { name: "Revoke" }).click();
  await until(async () => (await status(world.url, third)) === 401, "a revoked key is refused");
  await one.getByText("revoked", { exact: true }).first().waitFor();
}

/** The key is as it was asked for: from where, until when, and what it may. */
async function termed({ json }, id) {
  const { data } = await json(`/v1/keys/${id}`);
  assert.deepEqual([...data.allowed_networks].sort(), ["127.0.0.0/8", "2001:db8::/32"]);
  assert.deepEqual([...data.scopes].sort(), ["read:public", "read:reconciliation", "read:wallet"]);
  const days = (Date.parse(data.expires_at) - Date.now()) / 86_400_000;
  assert(days > 89 && days < 91, data.expires_at);
}

/** Its terms are changed in place, and the secret goes on. */
async function changed({ json, url }, one, key) {
  await one.getByRole("button", { name: "Change its terms" }).click();
  await one.getByLabel("From these networks only").fill("");
  await one.getByRole("button", { name: "never", exact: true }).click();
  await one.getByRole("button", { name: "Save" }).click();
  await one.getByText("anywhere", { exact: true }).first().waitFor();
  const { data } = await json(`/v1/keys/${idOf(key)}`);
  assert.deepEqual([data.allowed_networks, data.expires_at], [[], null]);
  assert.equal(await status(url, key), 200);
}

const idOf = (key) => key.split("_")[2];

/** The key that is shown, once. */
async function secret(one) {
  const shown = await one.locator(".secret code").textContent();
  assert.match(shown, /^acr_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
  await one.getByRole("button", { name: "I have it" }).click();
  await one.locator(".secret").waitFor({ state: "detached" });
  return shown;
}

/** Until the live picture has calls of this key. */
async function counted(one, which) {
  const told = one.locator(".traffic figcaption span", { hasText: `${which} key` }).locator("strong");
  await until(async () => /[1-9]/.test((await told.textContent()) ?? ""), `the picture counts the ${which} key's calls`);
}

async function status(url, key) {
  return (await fetch(`${url}/v1/keys/self`, { headers: { "x-api-key": key } })).status;
}

/** Calls one after the other with the newest key that its holder was given. */
function begin(url, first) {
  let [key, isOver, calls] = [first, false, 0];
  const refused = [];
  const done = (async () => {
    while (!isOver) {
      const used = key;
      const answer = await fetch(`${url}/v1/pools`, { headers: { "x-api-key": used } });
      if (answer.status === 401) refused.push(`${idOf(used)} after ${calls} calls`);
      calls += 1;
      await new Promise((next) => setTimeout(next, 150));
    }
  })();
  const settled = async () => {
    const wanted = calls + 2;
    await until(async () => calls >= wanted, "the load goes on");
  };
  return {
    refused,
    settled,
    swap: (next) => (key = next),
    end: () => ((isOver = true), done),
  };
}
