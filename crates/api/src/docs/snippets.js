// One call in five languages. Pure functions of the document and of what the reader filled in: the page shows what they
// return, and a test runs it.

/** What a call sends: its method, URL, headers without the key, and body. Values are texts by the parameters' names. */
export function call(origin, path, method, operation, values, body) {
  let place = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const parameter of operation.parameters || []) {
    const value = values[parameter.name];
    if (value === undefined || value === "") continue;
    if (parameter.in === "path") place = place.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === "query") query.append(parameter.name, value);
    if (parameter.in === "header") headers[parameter.name] = value;
  }
  if (body) headers["Content-Type"] = "application/json";
  const rest = query.toString();
  return {
    method: method.toUpperCase(),
    url: origin + place + (rest ? `?${rest}` : ""),
    headers,
    body: body || "",
    needsKey: (operation.security || []).length > 0,
  };
}

/** The languages, each with its name and what writes it. */
export const languages = {
  curl: { title: "curl", write: commandLine },
  python: { title: "Python", write: python },
  javascript: { title: "JavaScript", write: javascript },
  go: { title: "Go", write: go },
  rust: { title: "Rust", write: rust },
};

function shell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A text as JavaScript, Python, Go and Rust all read it: no escape that only some of them know. */
function quoted(text) {
  const escaped = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r" };
  return `"${text.replace(/[\\"\n\t\r]/g, (letter) => escaped[letter])}"`;
}

function commandLine({ method, url, headers, body, needsKey }) {
  const parts = [`curl --silent --show-error ${shell(url)}`];
  if (method !== "GET") parts.push(`--request ${method}`);
  if (needsKey) parts.push('--header "X-API-Key: $ACCRUAL_KEY"');
  for (const [name, value] of Object.entries(headers)) parts.push(`--header ${shell(`${name}: ${value}`)}`);
  if (body) parts.push(`--data ${shell(body)}`);
  return `${parts.join(" \\\n  ")}\n`;
}

function python({ method, url, headers, body, needsKey }) {
  const lines = Object.entries(headers).map(([name, value]) => `    ${quoted(name)}: ${quoted(value)},`);
  if (needsKey) lines.unshift('    "X-API-Key": os.environ["ACCRUAL_KEY"],');
  const data = body ? `${quoted(body)}.encode()` : "None";
  return `import os
import urllib.error
import urllib.request

headers = {
${lines.join("\n")}
}
request = urllib.request.Request(${quoted(url)}, data=${data}, headers=headers, method=${quoted(method)})
try:
    with urllib.request.urlopen(request) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as refused:
    print(refused.read().decode())
`;
}

function javascript({ method, url, headers, body, needsKey }) {
  const lines = Object.entries(headers).map(([name, value]) => `    ${quoted(name)}: ${quoted(value)},`);
  if (needsKey) lines.unshift('    "X-API-Key": process.env.ACCRUAL_KEY,');
  const data = body ? `\n  body: ${quoted(body)},` : "";
  return `fetch(${quoted(url)}, {
  method: ${quoted(method)},
  headers: {
${lines.join("\n")}
  },${data}
})
  .then((answer) => answer.text())
  .then((text) => console.log(text));
`;
}

function go({ method, url, headers, body, needsKey }) {
  const lines = Object.entries(headers).map(([name, value]) => `\trequest.Header.Set(${quoted(name)}, ${quoted(value)})`);
  if (needsKey) lines.unshift('\trequest.Header.Set("X-API-Key", os.Getenv("ACCRUAL_KEY"))');
  const packages = ["fmt", "io", "net/http"].concat(needsKey ? ["os"] : [], body ? ["strings"] : []);
  const data = body ? `strings.NewReader(${quoted(body)})` : "nil";
  return `package main

import (
${packages.map((name) => `\t"${name}"`).join("\n")}
)

func main() {
	request, err := http.NewRequest(${quoted(method)}, ${quoted(url)}, ${data})
	if err != nil {
		panic(err)
	}
${lines.map((line) => `${line}\n`).join("")}	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}
`;
}

function rust({ method, url, headers, body, needsKey }) {
  const steps = [`.request(reqwest::Method::${method}, ${quoted(url)})`];
  if (needsKey) steps.push('.header("X-API-Key", std::env::var("ACCRUAL_KEY")?)');
  for (const [name, value] of Object.entries(headers)) steps.push(`.header(${quoted(name)}, ${quoted(value)})`);
  if (body) steps.push(`.body(${quoted(body)})`);
  return `#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let answer = reqwest::Client::new()
        ${steps.concat([".send()", ".await?"]).join("\n        ")};
    println!("{}", answer.text().await?);
    Ok(())
}
`;
}

/** What a schema's value may look like, from its examples. */
function example(document, schema, depth = 0) {
  const whole = resolved(document, schema);
  if (whole.examples && whole.examples.length) return whole.examples[0];
  if (whole.enum) return whole.enum[0];
  if (depth > 6) return null;
  if (whole.allOf) return Object.assign({}, ...whole.allOf.map((part) => example(document, part, depth + 1)));
  const forms = (whole.oneOf || whole.anyOf || []).filter((form) => form.type !== "null");
  if (forms.length) return example(document, forms[0], depth + 1);
  if (whole.properties) {
    const fields = Object.entries(whole.properties);
    return Object.fromEntries(fields.map(([name, field]) => [name, example(document, field, depth + 1)]));
  }
  if (whole.items) return [example(document, whole.items, depth + 1)];
  return null;
}

/** The least that a body must hold, from the examples of the fields that are required. */
export function least(document, schema) {
  const whole = resolved(document, schema);
  const fields = (whole.required || []).map((name) => [name, example(document, whole.properties[name])]);
  return Object.fromEntries(fields);
}

/** A schema with its reference followed; what stands beside the reference goes before what it leads to. */
export function resolved(document, schema) {
  if (!schema || !schema.$ref) return schema || {};
  const named = document.components.schemas[schema.$ref.split("/").pop()];
  const { $ref, ...beside } = schema;
  return { ...named, ...beside };
}
