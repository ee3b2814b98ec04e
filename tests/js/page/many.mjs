// An account with 2,000 positions: the API's own, told many times over. Few are drawn at once, wherever one is, and the last
// is reached.

import assert from "node:assert/strict";

const POSITIONS = 2_000;
/** A screen full of them, and about as much above and below it. */
const DRAWN_MAX = 30;

export async function many({ page, json }) {
  const campaigns = (await json("/v1/campaigns")).data;
  const [earner] = (await json(`/v1/campaigns/${campaigns[0].id}/accruals?limit=1`)).data;
  const one = await page("/");
  let last = "";
  await one.route(/\/v1\/accounts\/[^/]+\/positions/, async (route) => {
    const answer = await route.fetch();
    // What is held already is not told again.
    if (answer.status() !== 200) return route.fulfill({ response: answer });
    const told = await answer.json();
    assert(told.data.length > 0, "the largest earner has positions");
    const data = Array.from({ length: POSITIONS }, (_, index) => {
      const like = told.data[index % told.data.length];
      return { ...like, position: `${like.position}${index}` };
    });
    last = byWorth(data).at(-1).position;
    await route.fulfill({ response: answer, json: { ...told, data } });
  });
  await one.getByLabel("What has an account earned?").fill(earner.account);
  await one.getByRole("button", { name: "Show" }).click();
  await one.getByText("2,000 positions").waitFor();
  const drawn = one.locator("article.position");
  await drawn.first().waitFor();
  const few = async (where) => {
    const count = await drawn.count();
    assert(count > 0 && count < DRAWN_MAX, `${count} are drawn ${where}`);
    return count;
  };
  const first = await few("at first");
  const top = await drawn.first().locator("h3 [title]").last().getAttribute("title");
  await one.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await one.locator(`article.position [title="${last}"]`).waitFor();
  await few("at the end");
  await one.evaluate(() => scrollTo(0, 0));
  await one.locator(`article.position [title="${top}"]`).waitFor();
  const frames = await one.evaluate(scrolled);
  console.log(`   ${POSITIONS} positions: ${first} drawn at first; while scrolling, half of the frames within ${frames.median} ms, the slowest ${frames.slowest} ms`);
}

function byWorth(positions) {
  return [...positions].sort((a, b) => Number(b.value_usd) - Number(a.value_usd));
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
