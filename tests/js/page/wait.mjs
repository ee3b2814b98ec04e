// Waiting for what is not on the screen.

import assert from "node:assert/strict";

export async function until(holds, what) {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await holds()) return;
    await new Promise((next) => setTimeout(next, 100));
  }
  assert.fail(`it was waited for two minutes: ${what}`);
}
