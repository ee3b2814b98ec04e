//! The document has every route and no other, and leaves nothing without a word.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{document, operations};
use crate::error::Problem;
use crate::listed::Access;
use crate::router::groups;

/// Routes that anybody may call, each for a reason: they tell no figures, or they give out the first key.
const OPEN: [&str; 14] = [
    "/status",
    "/status.json",
    "/metrics",
    "/",
    "/assets/",
    "/problems/",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/llms.txt",
    "/.well-known/",
    "/health/",
    "/v1/sign_in",
    "/v1/sign_in/nonce",
];

fn places() -> BTreeSet<(String, String)> {
    let groups = groups();
    let places = groups.iter().flat_map(|group| group.routes.places());
    places.map(|place| (place.path.to_owned(), place.method.to_lowercase())).collect()
}

#[test]
fn every_route_is_described_and_no_other() {
    let document = document();
    let described: BTreeSet<(String, String)> =
        operations(&document).map(|(path, method, _)| (path.to_owned(), method.to_owned())).collect();
    let routed = places();
    let missing: Vec<_> = routed.difference(&described).collect();
    assert!(missing.is_empty(), "routes without a description: {missing:?}");
    let invented: Vec<_> = described.difference(&routed).collect();
    assert!(invented.is_empty(), "descriptions without a route: {invented:?}");
    assert!(routed.len() > 40, "{}", routed.len());
}

#[test]
fn every_route_has_a_scope_or_a_reason_to_have_none() {
    for group in groups() {
        for place in group.routes.places() {
            let is_own = ["/v1/keys/self", "/v1/usage", "/v1/usage/invoice"].contains(&place.path);
            match group.access {
                Access::Key(needs) => assert!(needs.scope.is_some() || is_own, "{place:?} has no scope"),
                Access::Open => {
                    let is_below =
                        |one: &&str| one.len() > 1 && one.ends_with('/') && place.path.starts_with(*one);
                    let is_known = OPEN.contains(&place.path) || OPEN.iter().any(is_below);
                    assert!(is_known, "{place:?} needs no key");
                }
            }
        }
    }
}

#[test]
fn every_operation_says_what_it_is() {
    let document = document();
    let mut ids = BTreeSet::new();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}: its name is another's too");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{place}: its tag has no description");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.contains('.'), "{place}: its title is {summary:?}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = &parameter["name"];
            assert!(
                !parameter["description"].as_str().unwrap_or_default().is_empty(),
                "{place}: {name} has no word"
            );
            assert_eq!(
                parameter["in"] == "path",
                path.contains(&format!("{{{}}}", name.as_str().unwrap())),
                "{place}: {name}"
            );
        }
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{place}: no success");
        assert_eq!(answers.contains_key("401"), operation["security"] != serde_json::json!([]), "{place}");
    }
}

#[test]
fn every_field_has_a_word_and_an_example() {
    let document = document();
    let mut faults = Vec::new();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        fields(&document, name, schema, &mut faults);
    }
    assert!(schemas.len() > 40, "{}", schemas.len());
    assert!(faults.is_empty(), "{} fields:\n{}", faults.len(), faults.join("\n"));
}

fn fields(document: &Value, place: &str, schema: &Value, faults: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        let named = field["$ref"].as_str().and_then(|reference| document.pointer(&reference[1..]));
        let says = |schema: &Value| schema["description"].as_str().is_some_and(|text| !text.is_empty());
        if !says(field) && !named.is_some_and(says) {
            faults.push(format!("{place} has no description"));
        }
        if !has_example(document, field) {
            faults.push(format!("{place} has no example: {field}"));
        }
        fields(document, &place, field, faults);
    }
    for part in ["allOf", "oneOf", "anyOf"] {
        for form in schema[part].as_array().into_iter().flatten() {
            fields(document, place, form, faults);
        }
    }
    for part in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(part) {
            fields(document, place, inner, faults);
        }
    }
}

/// An example of its own, or of each of its parts.
fn has_example(document: &Value, schema: &Value) -> bool {
    let own = schema.get("examples").or(schema.get("example")).or(schema.get("enum")).is_some();
    let named = schema["$ref"].as_str().is_some_and(|reference| {
        let named = &document["components"]["schemas"][reference.rsplit('/').next().unwrap()];
        has_example(document, named)
    });
    let any = |part: &str| {
        schema[part].as_array().is_some_and(|forms| forms.iter().any(|form| has_example(document, form)))
    };
    let parts = schema.get("properties").is_some();
    own || named
        || parts
        || any("allOf")
        || any("oneOf")
        || schema.get("items").is_some_and(|items| has_example(document, items))
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut seen = 0;
    follow(&document, &document, &mut seen);
    assert!(seen > 100, "{seen}");
}

fn follow(document: &Value, value: &Value, seen: &mut usize) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| follow(document, item, seen)),
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                *seen += 1;
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
            }
            fields.values().for_each(|field| follow(document, field, seen));
        }
        _ => {}
    }
}

#[test]
fn every_problem_is_in_the_enumeration() {
    let document = document();
    let named = &document["components"]["schemas"]["ProblemCode"]["enum"];
    let named: Vec<&str> = named.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let codes: Vec<&str> = Problem::ALL.iter().map(|problem| problem.code).collect();
    assert_eq!(named, codes);
    for problem in Problem::ALL {
        let answer = &document["components"]["responses"][format!("Problem{}", problem.status.as_u16())];
        let text = answer["description"].as_str().unwrap();
        assert!(text.contains(&format!("`{}`", problem.code)), "{}: {text}", problem.code);
    }
}
