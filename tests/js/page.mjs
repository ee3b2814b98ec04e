// Reads the page as its readers do, in a real browser: `node page.mjs`, with URL, KEY and SHOTS in the environment. Ends
// with 1 and a sentence at the first thing that is not so.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { open } from "./page/browser.mjs";
import { docs } from "./page/docs.mjs";
import { figures } from "./page/figures.mjs";
import { fit } from "./page/fit.mjs";
import { gate } from "./page/gate.mjs";
import { lines } from "./page/lines.mjs";
import { many } from "./page/many.mjs";
import { pace } from "./page/pace.mjs";
import { reorg } from "./page/reorg.mjs";
import { rotation } from "./page/rotation.mjs";
import { sign_in } from "./page/sign_in.mjs";
import { stream } from "./page/stream.mjs";

const { URL: url, KEY: key = "", SHOTS: shots } = process.env;
assert(url && shots, "URL and SHOTS are needed");
mkdirSync(shots, { recursive: true });

const parts = { docs, gate, figures, many, lines, rotation, fit, sign_in, stream, reorg, pace };
const wanted = process.argv.slice(2);
assert(wanted.length, `which parts? ${Object.keys(parts).join(", ")}`);
const world = await open(url, key, shots);
try {
  for (const name of wanted) {
    await parts[name](world);
    console.log(`ok ${name}`);
  }
  assert.deepEqual(world.complaints, [], "the browser has nothing to complain of");
} finally {
  await world.close();
}
