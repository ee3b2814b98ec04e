//! The API's description (OpenAPI 3.1), made from the code.
//!
//! How a route gets into it, in three lines:
//! 1. put it on its group in `router.rs`: that says the scope, and with it the usual refusals, headers and limits;
//! 2. `#[utoipa::path(get, path = "..", tag = "..", operation_id = "..", params(..), responses(..))]` over the handler, whose doc
//!    comment is a title, an empty line, a text; only answers of its own are named. Then one line in [`Described`] below;
//! 3. `#[derive(ToSchema)]` and a doc comment per field on its views: amounts, times and addresses are known already, examples and
//!    units come by the field's name from [`words`]. `cargo nextest run -p accrual-api document` says what is missing.

mod finish;
pub(crate) mod shape;
mod words;

use std::sync::LazyLock;

use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::OpenApi;

use crate::answer::ProblemBody;
use crate::router::groups;
use crate::routes;
use crate::v4;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "accrual",
        description = "Who earned what in liquidity-mining campaigns, recomputed from the chain to the last unit.\n\n\
            Amounts are decimal strings of a token's smallest unit (`*_units`), times RFC 3339 in UTC, addresses EIP-55; what is \
            not known is null, never 0, and a reason stands beside it. Every answer names the block that it is true at. A \
            refusal is a problem (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "campaigns", description = "What campaigns promise, and who earned what of them."),
        (name = "pools", description = "Where pools stand: price, liquidity, TVL, volume, fees, and what they pay."),
        (name = "accounts", description = "What an account holds and has earned."),
        (name = "live", description = "What each block changes, as it comes."),
        (name = "usage", description = "What a client has called, and what that costs."),
        (name = "keys", description = "Keys made, exchanged, paused and revoked, and the audit of it."),
        (name = "webhooks", description = "Others are told what happens."),
        (name = "sign_in", description = "A key for whoever signs with an Ethereum wallet."),
        (name = "health", description = "For those who restart and route."),
        (name = "merkl", description = "Merkl's own shapes, for what was written for their API: base URL and key are all that changes."),
        (name = "pages", description = "For people and their tools: pages, and this document.")
    ),
    // What only parameters are made of has to be named here.
    components(schemas(
        ProblemBody,
        crate::view::Eip55,
        crate::view::Rfc3339,
        shape::By,
        shape::Decimals,
        shape::FormatName,
        shape::IntervalName,
        shape::ProblemCode,
        shape::StepName,
        shape::WindowName,
    )),
    paths(
        routes::overview::overview,
        routes::stream::open,
        routes::campaigns::list,
        routes::campaigns::one,
        routes::accruals::list,
        routes::proofs::one,
        routes::reconciliation::one,
        routes::history::campaign::campaign,
        routes::treasury::one,
        routes::treasury::of_token,
        routes::payouts::get,
        routes::pools::list,
        routes::pools::one,
        routes::history::pool::pool,
        routes::liquidity::one,
        routes::simulate::list,
        routes::accounts::positions,
        routes::accounts::rewards,
        routes::history::account::account,
        routes::usage::own,
        routes::usage::invoice_lines,
        routes::keys::own,
        routes::keys::list,
        routes::keys::create,
        routes::keys::one,
        routes::keys::edit,
        routes::keys::pause,
        routes::keys::resume,
        routes::keys::revoke,
        routes::rotation::open_own,
        routes::rotation::one,
        routes::rotation::open,
        routes::rotation::preview,
        routes::rotation::step,
        routes::rotation::emergency,
        routes::audit::list,
        routes::webhooks::list,
        routes::webhooks::create,
        routes::webhooks::one,
        routes::webhooks::edit,
        routes::webhooks::delete,
        routes::webhooks::rotate_secret,
        routes::webhooks::test,
        routes::webhooks::deliveries,
        routes::sign_in::nonce,
        routes::sign_in::sign_in,
        routes::health::live,
        routes::health::ready,
        routes::page::index,
        routes::page::asset,
        routes::page::problem,
        routes::status::json,
        routes::status::html,
        routes::status::style,
        routes::status::prometheus,
        v4::campaigns::list,
        v4::campaigns::count,
        v4::campaigns::one,
        v4::metrics::one,
        v4::opportunities::list,
        v4::opportunities::one,
        v4::rewards::list,
        v4::rewards::total,
        v4::rewards::count,
        v4::users::rewards,
        v4::users::breakdowns,
        v4::roots::list,
        v4::roots::live,
        v4::reference::tokens,
        v4::reference::chains,
        routes::docs::openapi,
        routes::docs::reference,
        routes::docs::script,
        routes::docs::snippets,
        routes::docs::style,
        routes::docs::keys,
        routes::docs::llms,
        routes::docs::catalog,
        routes::docs::security,
    )
)]
struct Described;

/// The document as it is served, with a tag that changes with it.
#[derive(Debug)]
pub(crate) struct Served {
    /// JSON.
    pub(crate) text: String,
    /// A strong ETag.
    pub(crate) etag: String,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let text = serde_json::to_string(&document()).expect("a document is plain data");
    let etag = format!("\"{}\"", alloy_primitives::hex::encode(&Sha256::digest(&text)[..16]));
    Served { text, etag }
});

/// The document, made once.
pub(crate) fn served() -> &'static Served {
    &SERVED
}

/// The document as JSON, for tools that have no server to ask.
pub fn text() -> &'static str {
    &SERVED.text
}

/// What the code says, and what holds for all routes alike.
pub(crate) fn document() -> Value {
    let described = serde_json::to_value(Described::openapi()).expect("a document is plain data");
    finish::finished(described, &groups())
}

/// Each operation with its path and method.
pub(crate) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[cfg(test)]
mod tests;
