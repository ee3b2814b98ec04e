// The reference: reads /openapi.json and shows one call at a time. It loads nothing from elsewhere; the key stays in this page.
import { call, languages, least, resolved } from "/docs/snippets.js";

const at = (id) => document.getElementById(id);

/** An element with texts and elements in it. Texts are texts: nothing that the server says becomes markup. */
function make(name, attributes, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...inside.flat().filter((one) => one !== undefined && one !== null));
  return element;
}

/** A text whose parts between back ticks are code. */
function prose(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

function operationsOf(api) {
  const found = [];
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(item)) found.push({ path, method, operation, id: operation.operationId });
  }
  return found;
}

function listed(api, operations, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one) => {
    const text = `${one.method} ${one.path} ${one.id} ${one.operation.summary} ${one.operation.description || ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  at("calls").replaceChildren(
    ...api.tags.flatMap((tag) => {
      const own = operations.filter((one) => one.operation.tags[0] === tag.name && fits(one));
      if (!own.length) return [];
      const link = (one) =>
        make("li", {}, make("a", { href: `#${one.id}` }, make("span", { class: "method" }, one.method), one.operation.summary));
      return [make("h2", {}, tag.name.replace("_", " ")), make("ul", {}, own.map(link))];
    }),
  );
  mark();
}

function mark() {
  for (const link of at("calls").querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function typeName(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map(typeName).join(" or ");
  if (schema.items) return `list of ${typeName(schema.items)}`;
  return [].concat(schema.type || "value").join(" or ");
}

/** A schema's fields as a list that opens level by level. */
function fields(api, schema, depth) {
  const whole = resolved(api, schema);
  const parts = [...(whole.allOf || []), ...(whole.oneOf || whole.anyOf || [])].filter((part) => part.type !== "null");
  const own = Object.entries(whole.properties || {}).map(([name, field]) => {
    const inner = depth < 6 ? fields(api, field, depth + 1) : [];
    const required = (whole.required || []).includes(name);
    const head = [make("code", {}, name), " ", make("span", { class: "soft" }, typeName(field), required ? "" : ", may be absent"), " ", ...prose(resolved(api, field).description)];
    return make("li", {}, inner.length ? make("details", {}, make("summary", {}, head), make("ul", { class: "fields" }, inner)) : head);
  });
  const names = whole.enum ? [make("li", { class: "soft" }, "one of ", ...whole.enum.flatMap((one) => [make("code", {}, String(one)), " "]))] : [];
  const items = whole.items ? fields(api, whole.items, depth) : [];
  return [...parts.flatMap((part) => fields(api, part, depth)), ...own, ...names, ...items];
}

function field(api, parameter, values, changed) {
  const schema = resolved(api, (parameter.schema.oneOf || [parameter.schema]).find((one) => one.type !== "null"));
  const shown = parameter.example ?? (schema.examples || [])[0] ?? "";
  const attributes = { id: `p-${parameter.name}`, name: parameter.name, oninput: (event) => { values[parameter.name] = event.target.value; changed(); } };
  if (parameter.required) values[parameter.name] = String(shown);
  const input = schema.enum
    ? make("select", attributes, make("option", { value: "" }, ""), schema.enum.map((one) => make("option", { value: one, selected: values[parameter.name] === one }, one)))
    : make("input", { ...attributes, value: values[parameter.name] || "", placeholder: String(shown), required: parameter.required });
  return make("tr", {},
    make("th", { scope: "row" }, make("label", { for: `p-${parameter.name}` }, make("code", {}, parameter.name)), make("div", { class: "soft" }, parameter.in)),
    make("td", {}, input),
    make("td", {}, ...prose(parameter.description)));
}

function answers(api, operation) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    const whole = answer.$ref ? api.components.responses[answer.$ref.split("/").pop()] : answer;
    const forms = Object.entries(whole.content || {});
    const headers = Object.keys(whole.headers || {}).join(", ");
    const inside = forms.map(([kind, form]) => [make("p", { class: "soft" }, kind), make("ul", { class: "fields" }, fields(api, form.schema, 0))]);
    return make("details", { open: status.startsWith("2") }, make("summary", {}, make("code", {}, status), " ", ...prose(whole.description)), inside.flat(), make("p", { class: "soft" }, `Headers: ${headers}`));
  });
}

async function send(asked, out) {
  const headers = { ...asked.headers };
  const key = at("key").value.trim();
  if (asked.needsKey && key) headers["X-API-Key"] = key;
  out.replaceChildren("...");
  try {
    const answer = await fetch(asked.url, { method: asked.method, headers, body: asked.body || undefined });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON, and shown as it is */ }
    const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
    out.replaceChildren(make("p", {}, make("strong", {}, String(answer.status)), " ", answer.statusText), make("details", {}, make("summary", {}, "Headers"), make("pre", {}, lines.join("\n"))), make("pre", { tabindex: "0" }, shown));
  } catch (error) {
    out.replaceChildren(make("p", {}, `The server does not answer: ${error.message}`));
  }
}

let language = "curl";

function shown(api, one) {
  const { path, method, operation } = one;
  const values = {};
  const kept = make("pre", { tabindex: "0" });
  const schema = operation.requestBody?.content["application/json"].schema;
  const body = schema && make("textarea", { "aria-label": "Body", spellcheck: "false", oninput: () => changed() });
  if (body) body.value = JSON.stringify(least(api, schema), null, 2);
  const asked = () => call(location.origin, path, method, operation, values, body?.value);
  const changed = () => { kept.textContent = languages[language].write(asked()); };
  const tabs = make("div", { class: "tabs", role: "tablist" }, Object.entries(languages).map(([name, { title }]) =>
    make("button", { type: "button", role: "tab", "aria-selected": String(name === language), onclick: (event) => {
      language = name;
      for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab === event.target));
      changed();
    } }, title)));
  const out = make("div", { "aria-live": "polite" });
  const rows = (operation.parameters || []).map((parameter) => field(api, parameter, values, () => changed()));
  const scope = operation["x-scope"];
  const needs = operation.security.length === 0 ? "Needs no key." : scope ? `Needs a key with the scope ${scope}.` : "Needs a key, any one.";
  const costs = operation.security.length === 0 ? "" : operation["x-counts-against-month"] ? " Counts against the month." : " Costs nothing of the month.";
  changed();
  at("main").replaceChildren(
    make("h1", {}, operation.summary),
    make("p", {}, make("span", { class: "method" }, method), make("code", {}, path)),
    make("p", {}, ...prose(operation.description)),
    make("p", { class: "soft" }, needs, costs),
    make("form", { onsubmit: (event) => { event.preventDefault(); send(asked(), out); } },
      rows.length ? make("table", {}, make("tbody", {}, rows)) : "",
      body ? [make("h2", {}, "Body"), body, make("ul", { class: "fields" }, fields(api, schema, 0))] : [],
      make("p", {}, make("button", { type: "submit" }, "Send"))),
    out,
    make("h2", {}, "As code"), tabs, kept,
    make("button", { type: "button", onclick: () => navigator.clipboard?.writeText(kept.textContent) }, "Copy"),
    make("h2", {}, "Answers"), ...answers(api, operation));
  document.title = `${operation.summary}: accrual API`;
}

function welcome(api, operations) {
  document.title = "accrual: API reference";
  at("main").replaceChildren(
    make("h1", {}, "API reference"),
    ...api.info.description.split("\n\n").map((part) => make("p", {}, ...prose(part))),
    make("p", {}, `${operations.length} calls. Put a key above to try them: it is sent to this server alone and is gone when this page is closed.`));
}

async function start() {
  const api = await (await fetch("/openapi.json")).json();
  const operations = operationsOf(api);
  at("version").textContent = api.info.version;
  const show = () => {
    const one = operations.find((found) => `#${found.id}` === location.hash);
    if (one) shown(api, one);
    else welcome(api, operations);
    mark();
  };
  at("search").addEventListener("input", (event) => listed(api, operations, event.target.value));
  addEventListener("hashchange", () => { show(); at("main").focus(); scrollTo(0, 0); });
  addEventListener("keydown", (event) => {
    const writes = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !writes) { event.preventDefault(); at("search").focus(); }
    if (event.key === "Enter" && document.activeElement === at("search")) at("calls").querySelector("a")?.click();
  });
  at("theme").addEventListener("click", () => {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (isDark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  });
  listed(api, operations, "");
  show();
}

start().catch((error) => at("main").replaceChildren(`The document cannot be read: ${error.message}`));
