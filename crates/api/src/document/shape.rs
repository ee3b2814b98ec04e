//! How texts with a meaning of their own look in JSON: amounts, times, addresses, and names from fixed lists.

#![allow(dead_code, reason = "these types only describe what other types are written as")]

use std::borrow::Cow;

use accrual_access::notice::NoticeKind;
use accrual_access::scope::Scope;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::error::Problem;
use crate::v4::own::{Number, SecondsText};
use crate::view::{Eip55, Rfc3339};

/// An amount.
#[derive(Debug)]
pub(crate) struct Units;
/// A number that is not whole.
#[derive(Debug)]
pub(crate) struct Decimals;
/// A hash of 32 bytes.
#[derive(Debug)]
pub(crate) struct Hash;
/// What a row of accruals stands for.
#[derive(Debug)]
pub(crate) struct By;
/// `format=`.
#[derive(Debug)]
pub(crate) struct FormatName;
/// `window=`.
#[derive(Debug)]
pub(crate) struct WindowName;
/// `interval=`.
#[derive(Debug)]
pub(crate) struct IntervalName;
/// A step of a rotation.
#[derive(Debug)]
pub(crate) struct StepName;
/// A scope.
#[derive(Debug)]
pub(crate) struct ScopeName;
/// What webhooks are told of.
#[derive(Debug)]
pub(crate) struct EventName;
/// A problem's code.
#[derive(Debug)]
pub(crate) struct ProblemCode;

/// How a concentrated pool's emission is split, each part out of the sum of all.
#[derive(Debug, ToSchema)]
#[schema(as = Weights)]
pub(crate) struct WeightsView {
    /// The part that is split by fees earned.
    #[schema(example = 4000)]
    fees: u32,
    /// The part that is split by amounts of the first token.
    #[schema(example = 3000)]
    token0: u32,
    /// The part that is split by amounts of the second token.
    #[schema(example = 3000)]
    token1: u32,
}

fn text(description: &str, pattern: &str, example: &str) -> ObjectBuilder {
    let builder = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    builder.pattern(Some(pattern)).examples([example])
}

fn names<'a>(description: &str, names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    let names: Vec<&str> = names.into_iter().collect();
    let builder = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    builder.examples(names.first().copied()).enum_values(Some(names))
}

macro_rules! shapes {
    ($($type:ty, $name:literal = $schema:expr;)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }
        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    )*};
}
shapes! {
    Units, "Units" = text(
        "An amount: a whole number of a token's smallest units, as a decimal string, since it may have 78 digits.",
        "^[0-9]+$",
        "787683128731394891101079",
    );
    Decimals, "Decimal" = text("A decimal number as a string, so that no digit is lost.", r"^-?[0-9]+(\.[0-9]+)?$", "101.46");
    Hash, "Hash" = text(
        "A hash of 32 bytes.",
        "^0x[0-9a-f]{64}$",
        "0x6f1c0e0f5f0b8a4e6a1c5d3e2b4f7a9081726354453627180918273645546372",
    );
    Eip55, "Address" = text(
        "An address of the chain, in answers mixed as EIP-55 has it.",
        "^0x[0-9a-fA-F]{40}$",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    );
    Rfc3339, "Time" = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("An instant in RFC 3339, UTC."))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2025-06-06T03:00:00Z"]);
    By, "By" = names("What a row stands for.", ["account", "position"]);
    FormatName, "Format" = names("The form of an answer.", ["json", "csv"]);
    WindowName, "Window" = names("How long back fees are counted.", ["24h", "1h", "7d"]);
    IntervalName, "Interval" = names("Time from row to row.", ["1h", "1d"]);
    StepName, "Step" = names(
        "A step of a rotation.",
        ["start", "extend", "finish", "roll_back", "cancel", "brownout"],
    );
    ScopeName, "Scope" = names("What a key may do.", Scope::ALL.into_iter().map(Scope::as_str));
    EventName, "Event" = names("What happened.", NoticeKind::ALL.iter().map(|kind| kind.as_str()));
    Number, "Number" = ObjectBuilder::new()
        .schema_type(Type::Number)
        .description(Some("A decimal number with every digit, as Merkl writes numbers."))
        .examples([serde_json::json!(101.46)]);
    SecondsText, "SecondsText" = text("Seconds since 1970, as text, where Merkl has 64 bits.", "^[0-9]+$", "1749178800");
    ProblemCode, "ProblemCode" = names(
        "A problem's stable name; `/problems/{code}` has a word on each.",
        Problem::ALL.iter().map(|problem| problem.code),
    );
}
