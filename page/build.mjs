// Builds the page into dist: one script and one style with their hash in the name, each also compressed, so that the
// server only picks. What is built already is not built again. `--check` fails when it is not.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const ROOT = dirname(fileURLToPath(import.meta.url));
// `npm run dev` builds elsewhere, so that cargo does not find half of it.
const DIST = process.env.PAGE_DIST ?? join(ROOT, "dist");
const STAMP = join(DIST, "stamp");
/** Script and style together, as brotli sends them. */
export const COMPRESSED_BYTES_MAX = 150_000;

const stamp = fingerprint();
if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === stamp) {
  console.log("the page is built already");
} else if (process.argv.includes("--check")) {
  console.error("the page is not built: run `cargo xtask page`");
  process.exit(1);
} else {
  await build();
}

/** Everything that what is built depends on. */
function fingerprint() {
  const hash = createHash("sha256");
  const inputs = ["build.mjs", "package-lock.json", "tsconfig.json", ...filesBelow(join(ROOT, "src"))];
  for (const path of inputs) hash.update(`${path}\0`).update(readFileSync(join(ROOT, path))).update("\0");
  return hash.digest("hex");
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name))).sort();
}

async function build() {
  const { build: bundle } = await import("esbuild");
  const { outputFiles } = await bundle({
    absWorkingDir: ROOT,
    entryPoints: { page: "src/main.tsx" },
    outdir: DIST,
    entryNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "none",
    write: false,
  });
  const files = outputFiles.map((file) => ({ name: relative(DIST, file.path), bytes: Buffer.from(file.contents) }));
  files.push(licences());
  empty();
  let size = 0;
  for (const { name, bytes } of files) {
    const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
    write(name, bytes);
    write(`${name}.br`, brotli);
    write(`${name}.gz`, gzipSync(bytes, { level: 9 }));
    if (!name.endsWith(".txt")) size += brotli.length;
    console.log(`${name}: ${bytes.length} bytes, ${brotli.length} as brotli`);
  }
  if (size > COMPRESSED_BYTES_MAX) {
    throw new Error(`script and style are ${size} bytes compressed, above ${COMPRESSED_BYTES_MAX}`);
  }
  write("index.html", index(files));
  // Last: a build that broke off is begun anew.
  writeFileSync(STAMP, stamp);
}

function index(files) {
  const named = (ending) => `/assets/${files.find((file) => file.name.endsWith(ending)).name}`;
  const html = readFileSync(join(ROOT, "src", "index.html"), "utf8");
  return html
    .replace("page.css", named(".css"))
    .replace("page.js", named(".js"))
    .replace("licences.txt", named(".txt"));
}

/** The bundle holds others' work, whose terms go with it. */
function licences() {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const terms = Object.keys(dependencies).map((name) => {
    const folder = join(ROOT, "node_modules", name);
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    if (!text) throw new Error(`${name} comes without the text of its licence`);
    return `${name} ${version}\n\n${readFileSync(join(folder, text), "utf8").trim()}\n`;
  });
  const bytes = Buffer.from(terms.join(`\n${"-".repeat(80)}\n\n`));
  return { name: `licences-${createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase()}.txt`, bytes };
}

function empty() {
  mkdirSync(DIST, { recursive: true });
  for (const name of readdirSync(DIST).filter((name) => name !== ".gitignore")) rmSync(join(DIST, name));
}

function write(name, content) {
  writeFileSync(join(DIST, name), content);
}
