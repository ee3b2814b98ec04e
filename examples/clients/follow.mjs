// Reads the pools once a second with the key in a file: node follow.mjs URL KEY_FILE [TIMES]

import { readFile, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const ANOTHER_KEY = new Set(["key_ended", "key_revoked", "key_expired", "key_unknown"]);

/** The key in a file, read again when the file has changed. */
class KeyFile {
  /** @type {string | undefined} */
  #stamp;
  /** @type {string} */
  #key = "";

  /** @param {string} path */
  constructor(path) {
    this.path = path;
  }

  /** @returns {Promise<string>} */
  async current() {
    const { mtimeNs, size, ino } = await stat(this.path, { bigint: true });
    const stamp = `${mtimeNs} ${size} ${ino}`;
    if (stamp !== this.#stamp) {
      await this.read();
      this.#stamp = stamp;
    }
    return this.#key;
  }

  /** @returns {Promise<string>} */
  async read() {
    this.#key = (await readFile(this.path, "utf8")).split("\n")[0].trim();
    return this.#key;
  }
}

/**
 * @typedef {{ status: number, headers: Headers, body: any }} Answer
 * @param {string} url
 * @param {string} key
 * @returns {Promise<Answer>}
 */
async function ask(url, key) {
  const answer = await fetch(`${url}/v1/pools`, {
    headers: { "x-api-key": key },
    // A redirect would carry the key to wherever it points.
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  const body = await answer.json().catch(() => ({}));
  return { status: answer.status, headers: answer.headers, body };
}

/**
 * As `ask`, and once more when the key was at its end and the file has another.
 *
 * @param {string} url
 * @param {KeyFile} keys
 * @returns {Promise<Answer>}
 */
async function askWithCurrentKey(url, keys) {
  const key = await keys.current();
  const answer = await ask(url, key);
  if (answer.status === 401 && ANOTHER_KEY.has(answer.body.code)) {
    const other = await keys.read();
    if (other !== key) return ask(url, other);
  }
  return answer;
}

const [url, file, times = "Infinity"] = process.argv.slice(2);
if (!url || !file) {
  console.error("usage: follow.mjs URL KEY_FILE [TIMES]");
  process.exit(2);
}
const keys = new KeyFile(file);
for (let round = 1; round <= Number(times); round += 1) {
  if (round > 1) await pause(Number(process.env.PAUSE_MS ?? 1000));
  const { status, headers, body } = await askWithCurrentKey(url, keys);
  if (status !== 200) {
    console.error(`${status}: ${body.code}: ${body.detail}`);
    process.exit(1);
  }
  if (headers.get("accrual-key-state") === "ending") {
    console.error(`this key ends at ${headers.get("accrual-key-ends")}: put the next one into ${file}`);
  }
  console.log(round, status, body.data.length, "pools");
}
