//! What holds for all routes and fields alike, said once: scopes, refusals, headers, units, examples.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::words;
use crate::auth::Needs;
use crate::error::Problem;
use crate::limits::Cost;
use crate::listed::{Access, Group};

const PROBLEM: &str = "application/problem+json";
const PLAIN: &str = "application/json";

/// The document as it is served.
pub(super) fn finished(mut document: Value, groups: &[Group]) -> Value {
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["servers"] = json!([{ "url": "/", "description": "This server." }]);
    let whole = named(&document);
    each_schema(&mut document, &mut |schema| referred(schema, &whole));
    each_schema(&mut document, &mut lifted);
    each_schema(&mut document, &mut exemplified);
    always_there(&mut document);
    for group in groups {
        for place in group.routes.places() {
            let method = place.method.to_lowercase();
            let item = document["paths"].get_mut(place.path);
            if let Some(operation) = item.and_then(|item| item.get_mut(&method)) {
                complete(operation, &method, place.path, group.access);
                if group.keep.is_some() && method == "get" {
                    complete_data(operation, place.path);
                }
            }
        }
    }
    let components = &mut document["components"];
    components["securitySchemes"] = schemes();
    components["headers"] = headers();
    components["responses"] = refusals();
    document
}

/// Every named schema, to be recognised where it was written out again.
fn named(document: &Value) -> Vec<(String, Value)> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let schemas = schemas.filter(|(_, schema)| schema.get("properties").or(schema.get("allOf")).is_some());
    schemas.map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

/// Calls `edit` for every schema below `value`, the inner ones first; named ones come as the members of `schemas`.
fn each_schema(value: &mut Value, edit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_schema(item, edit)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                each_schema(field, edit);
                match (name.as_str(), &mut *field) {
                    ("schema" | "items" | "additionalProperties", schema @ Value::Object(_)) => edit(schema),
                    ("properties" | "schemas", Value::Object(fields)) => {
                        fields.values_mut().for_each(&mut *edit)
                    }
                    ("allOf" | "oneOf" | "anyOf", Value::Array(schemas)) => {
                        schemas.iter_mut().for_each(&mut *edit)
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A schema that repeats a named one becomes a reference to it; what it says of itself stays beside the reference.
fn referred(schema: &mut Value, whole: &[(String, Value)]) {
    for part in ["items", "allOf", "properties"] {
        let Some(part) = schema.get_mut(part) else { continue };
        let is_schema = part.get("type").or(part.get("allOf")).is_some_and(|one| !one.is_object());
        let refer = |part: &mut Value| {
            let found = whole.iter().find(|(_, one)| undescribed(one) == undescribed(part));
            let Some((name, named)) = found else { return };
            let mut reference = json!({ "$ref": format!("#/components/schemas/{name}") });
            if let Some(own) = part.get("description").filter(|own| Some(*own) != named.get("description")) {
                reference["description"] = own.clone();
            }
            *part = reference;
        };
        match part {
            Value::Array(parts) => parts.iter_mut().for_each(refer),
            schema if is_schema => refer(schema),
            Value::Object(fields) => fields.values_mut().for_each(refer),
            _ => {}
        }
    }
}

fn undescribed(schema: &Value) -> Option<Map<String, Value>> {
    let mut fields = schema.as_object()?.clone();
    fields.remove("description");
    Some(fields)
}

/// What a field that may be null means stands at the field, not within the one form that is not null.
fn lifted(schema: &mut Value) {
    let forms = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    let Some([form, null]) = forms.map(Vec::as_mut_slice) else { return };
    if null["type"] != "null" {
        return;
    }
    if let Some(description) = form.as_object_mut().and_then(|form| form.remove("description")) {
        schema["description"] = description;
    }
}

/// Fields get the unit and the example that their names say.
fn exemplified(schema: &mut Value) {
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, field) in fields {
        if field["enum"].as_array().is_some_and(|names| names.len() == 1)
            && field.get("description").is_none()
        {
            field["description"] = json!("Which of the forms this is.");
            field["examples"] = json!([field["enum"][0]]);
        }
        // What a shape of many kinds holds: its own words do not come through.
        if name == "data" && field.get("description").is_none() && field.get("$ref").is_none() {
            field["description"] = json!("What was asked for.");
        }
        if let (Some(unit), Some(text)) = (words::unit(name), field["description"].as_str()) {
            field["description"] = json!(format!("{} {unit}", text.trim_end()));
        }
        if let Some(example) = field.as_object_mut().and_then(|field| field.remove("example")) {
            field["examples"] = json!([example]);
        }
        let is_list = type_of(field) == Some("array");
        let kind = if is_list { type_of(&field["items"]) } else { type_of(field) };
        if field.get("examples").is_none()
            && let Some(example) = kind.and_then(|kind| words::example(name, kind))
        {
            field["examples"] = if is_list { json!([[example]]) } else { json!([example]) };
        }
    }
}

/// A schema's type, apart from null.
fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

/// In answers a field that may be null is always there; one that may be absent is never null. Bodies of requests may leave
/// out what may be null.
fn always_there(document: &mut Value) {
    let mut sent = BTreeSet::new();
    for (_, _, operation) in super::operations(document) {
        references(&operation["requestBody"], document, &mut sent);
    }
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (_, schema) in schemas.filter(|(name, _)| !sent.contains(*name)) {
        require(schema);
        each_schema(schema, &mut require);
    }
    each_schema(&mut document["paths"], &mut |schema| {
        if schema.get("additionalProperties") != Some(&json!(false)) {
            require(schema);
        }
    });
}

fn require(schema: &mut Value) {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return };
    let is_nullable = |field: &Value| {
        let null = json!("null");
        let among = |list: &Value| {
            list.as_array().is_some_and(|list| list.iter().any(|one| *one == null || one["type"] == null))
        };
        among(&field["type"]) || among(&field["oneOf"])
    };
    let nullable: Vec<String> =
        fields.iter().filter(|(_, field)| is_nullable(field)).map(|(name, _)| name.clone()).collect();
    if nullable.is_empty() {
        return;
    }
    let mut required: BTreeSet<String> = nullable.into_iter().collect();
    required.extend(
        schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| Some(name.as_str()?.to_owned())),
    );
    schema["required"] = json!(required);
}

/// The named schemas that `value` leads to.
fn references(value: &Value, document: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, document, found)),
        Value::Object(fields) => {
            if let Some(name) =
                fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                && found.insert(name.to_owned())
            {
                references(&document["components"]["schemas"][name], document, found);
            }
            fields.values().for_each(|field| references(field, document, found));
        }
        _ => {}
    }
}

/// What a route's group says of it: who may call it, what it costs, how it may refuse, what each answer carries.
fn complete(operation: &mut Value, method: &str, path: &str, access: Access) {
    let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
    if method != "get" && name.starts_with("get_") {
        operation["operationId"] = json!(format!("{name}_by_{method}"));
    }
    let mut statuses = vec![400, 500, 503];
    match access {
        Access::Open => operation["security"] = json!([]),
        Access::Key(Needs { scope, cost }) => {
            let scopes: Vec<&str> = scope.iter().map(|scope| scope.as_str()).collect();
            operation["security"] = json!([{ "ApiKey": scopes }, { "Bearer": scopes }]);
            operation["x-scope"] = json!(scopes.first());
            operation["x-counts-against-month"] = json!(cost == Cost::Counts);
            statuses.extend([401, 403, 429]);
        }
    }
    if path.contains('{') {
        statuses.push(404);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([413, 415]);
    }
    let is_keyed = matches!(access, Access::Key(_));
    let theirs = is_theirs(path);
    let answers = operation["responses"].as_object_mut().expect("every operation has answers");
    for status in statuses {
        answers.entry(status.to_string()).or_insert_with(|| refusal(status, theirs));
    }
    for (status, answer) in answers.iter_mut().filter(|(_, answer)| answer.get("$ref").is_none()) {
        let is_refusal = status.starts_with(['4', '5']);
        if is_refusal && answer.get("content").is_none() {
            answer["content"] = problem_content(if theirs { PLAIN } else { PROBLEM });
        }
        let status: u16 = status.parse().unwrap_or_default();
        for name in carried(status, is_keyed) {
            let fields = answer.as_object_mut().expect("an answer is an object");
            let headers = fields.entry("headers").or_insert_with(|| json!({}));
            if headers.get(name).is_none() {
                headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
            }
        }
    }
}

/// What every answer of the chain's data has: an age that can be bounded, a tag, and one of the forms that `Accept` names.
fn complete_data(operation: &mut Value, path: &str) {
    let theirs = is_theirs(path);
    let fields = operation.as_object_mut().expect("an operation is an object");
    let parameters = fields.entry("parameters").or_insert_with(|| json!([]));
    let parameters = parameters.as_array_mut().expect("parameters are a list");
    if !theirs {
        parameters.push(json!({
            "name": "max_age_seconds", "in": "query", "required": false,
            "description": "How old the newest block may be: 503 `behind_chain` where it is older.",
            "schema": { "type": "integer", "format": "int64", "minimum": 0 },
        }));
    }
    parameters.push(json!({
        "name": "If-None-Match", "in": "header", "required": false,
        "description": "The ETag of an answer that the caller has: 304 where nothing but its age has changed.",
        "schema": { "type": "string" },
    }));
    let answers = operation["responses"].as_object_mut().expect("every operation has answers");
    let headers: Map<_, _> = carried(304, true)
        .into_iter()
        .chain(["ETag"])
        .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect();
    let same = json!({ "description": "What the caller has is as good.", "headers": headers });
    answers.entry("304").or_insert(same);
    answers.entry("406").or_insert_with(|| refusal(406, theirs));
    if let Some(answer) = answers.get_mut("200") {
        answer["headers"]["ETag"] = json!({ "$ref": "#/components/headers/ETag" });
    }
}

/// Whether a call is in Merkl's shape: their published client reads JSON of one type only.
fn is_theirs(path: &str) -> bool {
    path.starts_with("/v4/")
}

/// The shared answer of that status.
fn refusal(status: u16, theirs: bool) -> Value {
    let shared = if theirs { "PlainProblem" } else { "Problem" };
    json!({ "$ref": format!("#/components/responses/{shared}{status}") })
}

fn problem_content(kind: &str) -> Value {
    json!({ kind: { "schema": { "$ref": "#/components/schemas/Problem" } } })
}

/// The headers that an answer of this status carries.
fn carried(status: u16, is_keyed: bool) -> Vec<&'static str> {
    let mut names = vec!["X-Request-Id", "Accrual-Notice"];
    if is_keyed && status != 401 {
        names.extend([
            "RateLimit-Policy",
            "RateLimit",
            "Accrual-Key-Id",
            "Accrual-Key-State",
            "Accrual-Key-Ends",
        ]);
        names.extend(["Deprecation", "Sunset", "Link"]);
    }
    match status {
        401 => names.push("WWW-Authenticate"),
        429 | 503 => names.push("Retry-After"),
        _ => {}
    }
    names
}

fn schemes() -> Value {
    json!({
        "ApiKey": {
            "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "A key, acr_live_... or acr_test_..., 71 characters. Never put it into a URL."
        },
        "Bearer": {
            "type": "http", "scheme": "bearer",
            "description": "The same key as Authorization: Bearer, for tools that send no header of their own."
        }
    })
}

fn headers() -> Value {
    let known = [
        (
            "X-Request-Id",
            "The request's name: the caller's own where it is at most 64 safe characters.",
            "5f3a9c01d2-17",
        ),
        (
            "Accrual-Notice",
            "What the operator wants every reader to know; absent where there is nothing.",
            "REHEARSAL",
        ),
        (
            "RateLimit-Policy",
            "The client's limits: q calls in w seconds, and q in the calendar month.",
            "\"minute\";q=20;w=60, \"month\";q=5000",
        ),
        (
            "RateLimit",
            "What is left of them: r calls, more in t seconds.",
            "\"minute\";r=19;t=3, \"month\";r=4987;t=1209600",
        ),
        ("Retry-After", "After how many seconds it is worth to try again.", "3"),
        ("WWW-Authenticate", "How to send a key.", "Bearer realm=\"accrual\""),
        ("Accrual-Key-Id", "The key's id, where it is ending.", "7Q2mZx9KpL4t"),
        (
            "Accrual-Key-State",
            "ending, where the key is being exchanged: its successor exists already.",
            "ending",
        ),
        (
            "ETag",
            "A strong tag of the answer's bytes, its age included; send it in If-None-Match.",
            "\"kq2bYvJY3kq0n1V0sWJ4ow.9\"",
        ),
        ("Accrual-Key-Ends", "When an ending key stops working.", "2026-06-19T17:00:00Z"),
        ("Deprecation", "The same for tools: of the key, not of the endpoint.", "@1780592400"),
        ("Sunset", "The same as HTTP writes times.", "Fri, 19 Jun 2026 17:00:00 GMT"),
        (
            "Link",
            "Where to read about ending keys, as rel=\"deprecation\"; of lists also the next page.",
            "</docs/keys#rotate>; rel=\"deprecation\"",
        ),
    ];
    let header = |(name, description, example): (&str, &str, &str)| {
        (
            name.to_owned(),
            json!({ "description": description, "schema": { "type": "string" }, "example": example }),
        )
    };
    Value::Object(known.into_iter().map(header).collect::<Map<_, _>>())
}

/// One answer a status, with the codes that it may have.
fn refusals() -> Value {
    let statuses: BTreeSet<u16> = Problem::ALL.iter().map(|problem| problem.status.as_u16()).collect();
    let refusal = |(status, shared, kind): (u16, &str, &str)| {
        let problems = Problem::ALL.iter().filter(|problem| problem.status.as_u16() == status);
        let codes: Vec<String> =
            problems.map(|problem| format!("`{}`: {}.", problem.code, problem.title)).collect();
        let headers = carried(status, false).into_iter();
        let headers =
            headers.map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })));
        let answer = json!({
            "description": codes.join(" "),
            "headers": headers.collect::<Map<_, _>>(),
            "content": problem_content(kind),
        });
        (format!("{shared}{status}"), answer)
    };
    let both = |status| [(status, "Problem", PROBLEM), (status, "PlainProblem", PLAIN)];
    Value::Object(statuses.into_iter().flat_map(both).map(refusal).collect::<Map<_, _>>())
}
