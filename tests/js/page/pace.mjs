// How fast the page is: told for BENCHMARKS.md, since a busy machine proves nothing. What it weighs is held.

import assert from "node:assert/strict";

const POSITIONS = 2_000;
const COMPRESSED_BYTES_MAX = 150_000;

export async function pace(world) {
  await weight(world);
  const campaigns = (await world.json("/v1/campaigns")).data;
  const [earner] = (await world.json(`/v1/campaigns/${campaigns[0].id}/accruals?limit=1`)).data;
  await world.page("/").then((warm) => warm.locator(".amount").first().waitFor());
  await first(world, "/", "the overview");
  await first(world, `/?account=${earner.account}`, "an account");
  await frames(world, earner.account);
}

/** Script and style as a browser takes them. */
async function weight({ url }) {
  const html = await (await fetch(`${url}/`)).text();
  const names = [...html.matchAll(/\/assets\/page-[^"]+\.(?:js|css)/g)].map(([name]) => name);
  assert.equal(names.length, 2, html);
  let bytes = 0;
  for (const name of names) {
    const answer = await fetch(`${url}${name}`, { headers: { "accept-encoding": "br" } });
    assert.equal(answer.headers.get("content-encoding"), "br");
    bytes += Number(answer.headers.get("content-length"));
  }
  assert(bytes > 10_000 && bytes <= COMPRESSED_BYTES_MAX, `${bytes} bytes`);
  console.log(`   script and style: ${bytes} bytes compressed`);
}

/** From the click to the first paint, and to the first figure of the API's. */
async function first({ page }, path, what) {
  const one = await page("/");
  await one.addInitScript(() => {
    new MutationObserver((_, watcher) => {
      if (!document.querySelector(".amount")) return;
      watcher.disconnect();
      requestAnimationFrame(() => (window.figureAt = performance.now()));
    }).observe(document, { childList: true, subtree: true });
  });
  await one.goto(new URL(path, one.url()).href);
  await one.waitForFunction(() => window.figureAt);
  const told = await one.evaluate(() => ({
    paint: Math.round(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN),
    figure: Math.round(window.figureAt),
  }));
  console.log(`   ${what}: first paint after ${told.paint} ms, first figure after ${told.figure} ms`);
  await one.context().close();
}

/** 2,000 positions and hourly points of two weeks: frames while scrolling, and while the pointer goes over a chart. */
async function frames({ page }, account) {
  const one = await page("/");
  await one.route(/\/v1\/accounts\/[^/]+\/positions/, async (route) => {
    const answer = await route.fetch();
    // What is held already is not told again.
    if (answer.status() !== 200) return route.fulfill({ response: answer });
    const told = await answer.json();
    const data = Array.from({ length: POSITIONS }, (_, index) => {
      const like = told.data[index % told.data.length];
      return { ...like, position: `${like.position}${index}` };
    });
    await route.fulfill({ response: answer, json: { ...told, data } });
  });
  let points = 0;
  one.on("response", async (answer) => {
    if (!answer.url().includes("/history")) return;
    points = Math.max(points, (await answer.json().catch(() => ({ data: [] }))).data.length);
  });
  await one.goto(new URL(`/?account=${account}&range=14d`, one.url()).href);
  await one.locator("article.position").first().waitFor();
  const chart = one.locator(".u-over").first();
  await chart.waitFor();
  const scrolling = await one.evaluate(paced, 40);
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  const counting = one.evaluate(paced, 0);
  for (let step = 0; step < 60; step += 1) await one.mouse.move(box.x + (box.width * step) / 60, box.y + box.height / 2);
  const pointing = await counting;
  console.log(`   ${POSITIONS} positions, ${points} points a chart: frames a second ${scrolling.rate} while scrolling (slowest ${scrolling.slowest} ms), ${pointing.rate} while pointing (slowest ${pointing.slowest} ms)`);
}

async function paced(step) {
  const took = [];
  let last = performance.now();
  for (let frame = 0; frame < 120; frame += 1) {
    await new Promise(requestAnimationFrame);
    if (step) scrollBy(0, step);
    took.push(performance.now() - last);
    last = performance.now();
  }
  const whole = took.reduce((sum, one) => sum + one, 0);
  return { rate: Math.round((took.length / whole) * 1000), slowest: Math.round(Math.max(...took)) };
}
