// An account with 2,000 positions: the API's own, told many times over. Not all are drawn at once, and the last is reached.

import assert from "node:assert/strict";

const POSITIONS = 2_000;
const DRAWN_MAX = 300;

export async function many({ page, json }) {
  const campaigns = (await json("/v1/campaigns")).data;
  const [earner] = (await json(`/v1/campaigns/${campaigns[0].id}/accruals?limit=1`)).data;
  const one = await page("/");
  await one.route(/\/v1\/accounts\/[^/]+\/positions/, async (route) => {
    const answer = await route.fetch();
    const told = await answer.json();
    assert(told.data.length > 0, "the largest earner has positions");
    const data = Array.from({ length: POSITIONS }, (_, index) => {
      const like = told.data[index % told.data.length];
      return { ...like, position: `${like.position}${index}` };
    });
    await route.fulfill({ response: answer, json: { ...told, data } });
  });
  await one.getByLabel("What has an account earned?").fill(earner.account);
  await one.getByRole("button", { name: "Show" }).click();
  await one.getByText("2000 positions").waitFor();
  const drawn = one.locator("article.position");
  await drawn.first().waitFor();
  const first = await drawn.count();
  assert(first < DRAWN_MAX, `${first} are drawn at once`);
  await one.locator(".more").scrollIntoViewIfNeeded();
  await one.waitForFunction((count) => document.querySelectorAll("article.position").length > count, first);
  const frames = await one.evaluate(scrolled);
  console.log(`   ${POSITIONS} positions: ${first} drawn at first; while scrolling, half of the frames within ${frames.median} ms, the slowest ${frames.slowest} ms`);
}

/** Scrolls for a second and tells how long frames took. */
async function scrolled() {
  const took = [];
  let last = performance.now();
  for (let frame = 0; frame < 60; frame += 1) {
    await new Promise(requestAnimationFrame);
    scrollBy(0, 40);
    took.push(performance.now() - last);
    last = performance.now();
  }
  took.sort((a, b) => a - b);
  return { median: Math.round(took[30] * 10) / 10, slowest: Math.round(took[59]) };
}
