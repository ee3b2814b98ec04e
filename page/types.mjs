// Writes types/api.d.ts: the types of the API's answers, from the document that accrual itself prints. For editors and for
// the check alone: what is built needs no types. `node types.mjs [BINARY]`; target/debug/accrual where none is named.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import openapi, { astToString } from "openapi-typescript";

const ROOT = dirname(fileURLToPath(import.meta.url));
const OUT = join(ROOT, "types", "api.d.ts");
const binary = process.argv[2] ?? join(ROOT, "..", "target", "debug", "accrual");

const document = JSON.parse(execFileSync(binary, ["openapi"], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }));
const types = astToString(await openapi(document));
mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(OUT, `// Written by types.mjs from \`accrual openapi\`. Not committed.\n\n${types}`);
console.log(`types/api.d.ts: ${Object.keys(document.components.schemas).length} types of ${Object.keys(document.paths).length} paths`);
