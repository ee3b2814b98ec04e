// Compiles our own small contracts and prints { contract: creation code } as JSON.
// The result is kept in node_modules/.cache until a source or the compiler changes.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const contracts = join(here, "..", "contracts");
const cache = join(here, "node_modules", ".cache");
const require = createRequire(import.meta.url);

const sources = readSources();
const kept = join(cache, `contracts-${fingerprint()}.json`);
process.stdout.write(readKept() ?? keep(JSON.stringify(compile())));

function readSources() {
  const names = readdirSync(contracts).filter((name) => name.endsWith(".sol")).sort();
  return Object.fromEntries(names.map((name) => [name, { content: readFileSync(join(contracts, name), "utf8") }]));
}

function fingerprint() {
  const compiler = require("solc/package.json").version;
  return createHash("sha256").update(JSON.stringify([compiler, sources])).digest("hex").slice(0, 16);
}

function readKept() {
  try {
    return readFileSync(kept, "utf8");
  } catch {
    return null;
  }
}

// Written beside and renamed, so that two processes at once never read half a file.
function keep(text) {
  mkdirSync(cache, { recursive: true });
  const beside = `${kept}.${process.pid}`;
  writeFileSync(beside, text);
  renameSync(beside, kept);
  return text;
}

function compile() {
  const input = {
    language: "Solidity",
    sources,
    settings: {
      evmVersion: "paris",
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(require("solc").compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) {
    process.stderr.write(errors.map((error) => error.formattedMessage).join("\n"));
    process.exit(1);
  }
  const made = Object.values(output.contracts).flatMap(Object.entries);
  return Object.fromEntries(
    made.map(([name, { evm }]) => [name, `0x${evm.bytecode.object}`]).filter(([, code]) => code !== "0x"),
  );
}
