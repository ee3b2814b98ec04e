// `npm run dev -- http://127.0.0.1:8080 [PORT]`: the page from src, bundled anew at each load, over a running accrual.
// For work on the page only: what users get is embedded.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createServer, request } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));
const DIST = join(ROOT, "node_modules", ".dev");
const KINDS = { js: "text/javascript", css: "text/css", txt: "text/plain" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const upstream = new URL(process.argv[2] ?? "http://127.0.0.1:8080");
const port = Number(process.argv[3] ?? 8090);

createServer((asked, answer) => {
  const path = new URL(asked.url, "http://page").pathname;
  if (path === "/") return page(answer);
  if (path.startsWith("/assets/")) return asset(path.slice("/assets/".length), answer);
  pass(asked, answer);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/ over ${upstream.href}`));

/** The server's own page tells what it puts into it: its notice, and whether wallets may sign in. */
async function page(answer) {
  const built = spawnSync("node", [join(ROOT, "build.mjs")], { encoding: "utf8", env: { ...process.env, PAGE_DIST: DIST } });
  if (built.status !== 0) return answer.writeHead(500, { "content-type": "text/plain" }).end(built.stderr);
  const real = await (await fetch(upstream)).text();
  const told = real.match(/<body[^>]*>/)?.[0] ?? "<body>";
  const notice = real.match(/<aside class="notice"[^]*?<\/aside>/)?.[0] ?? "";
  const html = readFileSync(join(DIST, "index.html"), "utf8").replace("<body>", told).replace("<!-- notice -->", notice);
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY }).end(html);
}

function asset(name, answer) {
  if (!readdirSync(DIST).includes(name)) return answer.writeHead(404).end();
  const kind = KINDS[name.split(".").pop()] ?? "application/octet-stream";
  answer.writeHead(200, { "content-type": `${kind}; charset=utf-8` }).end(readFileSync(join(DIST, name)));
}

function pass(asked, answer) {
  const options = { method: asked.method, headers: { ...asked.headers, host: upstream.host }, path: asked.url };
  const onward = request({ host: upstream.hostname, port: upstream.port, ...options }, (real) => {
    answer.writeHead(real.statusCode, real.headers);
    real.pipe(answer);
  });
  onward.on("error", (error) => answer.writeHead(502).end(String(error)));
  answer.on("close", () => onward.destroy());
  asked.pipe(onward);
}
