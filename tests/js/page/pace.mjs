// How fast the page is: told for BENCHMARKS.md, since a busy machine proves nothing. What it weighs is held.

import assert from "node:assert/strict";

const POSITIONS = 2_000;
const PAGE = 500;
const RUNS = 3;
const FRAMES = 240;
const NEWS = 3;
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

/** 2,000 positions and hourly points of two weeks: frames while scrolling, while news arrive, and while the pointer moves. */
export async function frames({ page }, account) {
  const one = await page("/");
  const told = await multiplied(one);
  let points = 0;
  one.on("response", async (answer) => {
    if (!answer.url().includes("/history")) return;
    points = Math.max(points, (await answer.json().catch(() => ({ data: [] }))).data.length);
  });
  await one.goto(new URL(`/?account=${account}&range=14d`, one.url()).href);
  await one.locator("article.position .strip").first().waitFor();
  const chart = one.locator(".u-over").first();
  await chart.waitFor();
  console.log(`   ${POSITIONS} positions, ${points} points a chart; of a browser that draws 60 frames a second at most:`);
  const work = await workOf(one);
  const measured = async (what, step, meanwhile) => {
    const before = await work();
    const counting = one.evaluate(paced, { step, frames: FRAMES });
    await meanwhile?.();
    const { rate, late, slowest } = await counting;
    const ms = ((await work()) - before) / FRAMES;
    console.log(`   ${what}: ${rate} frames a second, ${late} of ${FRAMES} late, the slowest ${slowest} ms; ${ms.toFixed(2)} ms of CPU a frame`);
  };
  const news = async () => {
    const before = told.news;
    for (let time = 0; time < NEWS; time += 1) {
      await one.evaluate(() => dispatchEvent(new Event("online")));
      await one.waitForTimeout(1_000);
    }
    assert(told.news > before, "news arrived");
  };
  for (let run = 1; run <= RUNS; run += 1) {
    await measured(`run ${run}, scrolling`, 40);
    await measured(`run ${run}, scrolling while news arrive`, 40, news);
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.boundingBox();
    await measured(`run ${run}, pointing`, 0, async () => {
      for (let step = 0; step < 120; step += 1) await one.mouse.move(box.x + (box.width * step) / 120, box.y + box.height / 2);
    });
  }
}

/** What the page's own thread has worked so far, in ms of its CPU time: that others keep the machine busy does not change it. */
async function workOf(one) {
  const browser = await one.context().newCDPSession(one);
  await browser.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await browser.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  };
}

/** The API's own answers on an account, told so many times over, and worth something else each time: nothing is held already. */
async function multiplied(one) {
  const told = { news: 0 };
  const answers = new Map();
  await one.route(/\/v1\/accounts\/[^/]+\/(positions|rewards)/, async (route) => {
    const asked = new URL(route.request().url());
    const from = Number(asked.searchParams.get("cursor") ?? 0);
    asked.searchParams.delete("cursor");
    const path = asked.href;
    // When each stood idle stays as it was; the API explains no more than twenty at once, these are many.
    if (path.includes("explain") && route.request().headers()["if-none-match"]) return route.fulfill({ status: 304 });
    if (!answers.has(path)) {
      const headers = { ...route.request().headers() };
      delete headers["if-none-match"];
      const response = await route.fetch({ headers });
      answers.set(path, { response, json: await response.json() });
    }
    const { response, json } = answers.get(path);
    told.news += 1;
    if (path.includes("/rewards")) {
      const data = json.data.map((reward) => ({ ...reward, positions: times(reward.positions) }));
      return route.fulfill({ response, json: { ...json, data } });
    }
    // Page by page, as the API does it.
    const all = times(json.data).map((position, index) => ({ ...position, value_usd: String(100_000 - index + told.news) }));
    const next = from + PAGE < all.length ? String(from + PAGE) : null;
    await route.fulfill({ response, json: { data: all.slice(from, from + PAGE), meta: { ...json.meta, next_cursor: next } } });
  });
  return told;
}

function times(list) {
  return Array.from({ length: list.length && POSITIONS }, (_, index) => {
    const like = list[index % list.length];
    return { ...like, position: `${like.position}${index}` };
  });
}

async function paced({ step, frames }) {
  const took = [];
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame += 1) {
    if (step) scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    took.push(now - last);
    last = now;
  }
  const whole = took.reduce((sum, one) => sum + one, 0);
  return {
    rate: ((took.length / whole) * 1000).toFixed(1),
    late: took.filter((one) => one > 25).length,
    slowest: Math.round(Math.max(...took)),
  };
}
