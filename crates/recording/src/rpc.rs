//! JSON-RPC 2.0: requests in, answers out, refusals with a code and a sentence.

use alloy_primitives::{Address, B256, Bytes};
use serde::Deserialize;
use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) data: Option<Bytes>,
}

impl Refusal {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::new(-32700, message)
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(-32600, message)
    }

    pub(crate) fn method(name: &str) -> Self {
        Self::new(
            -32601,
            format!("the method {name:?} does not exist here: a recording is served, nothing runs"),
        )
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    /// What is asked for is not here.
    pub(crate) fn absent(message: impl Into<String>) -> Self {
        Self::new(-32000, message)
    }

    /// A limit of ours, with the code of the providers that have one.
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(-32005, message)
    }

    /// A contract's own refusal.
    pub(crate) fn reverted(data: Bytes) -> Self {
        Self { code: 3, message: "execution reverted".to_owned(), data: Some(data) }
    }
}

/// One request of a body that may hold several.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    /// `None` for a notification, which is not answered.
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
}

/// The answer to one request, as it goes out.
pub(crate) fn response(id: &Value, outcome: Result<Value, Refusal>) -> Value {
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(Refusal { code, message, data: None }) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
        }
        Err(Refusal { code, message, data: Some(data) }) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message, "data": data } })
        }
    }
}

/// The parameters of one request, taken from the front.
pub(crate) struct Params(std::vec::IntoIter<Value>);

impl Params {
    pub(crate) fn new(params: Value) -> Result<Self, Refusal> {
        match params {
            Value::Null => Ok(Self(Vec::new().into_iter())),
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(Refusal::params("params must be a list, in the method's order")),
        }
    }

    /// The next parameter; missing and null are alike.
    pub(crate) fn next(&mut self) -> Value {
        self.0.next().unwrap_or_default()
    }

    pub(crate) fn next_hash(&mut self, what: &str) -> Result<B256, Refusal> {
        hash(&self.next(), what)
    }

    pub(crate) fn next_address(&mut self, what: &str) -> Result<Address, Refusal> {
        address(&self.next(), what)
    }
}

pub(crate) fn hash(value: &Value, what: &str) -> Result<B256, Refusal> {
    read(value, what, "32 bytes as 0x text")
}

pub(crate) fn address(value: &Value, what: &str) -> Result<Address, Refusal> {
    read(value, what, "an address as 0x text")
}

/// A number as nodes write it: `0x1b4`.
pub(crate) fn quantity(value: &Value, what: &str) -> Result<u64, Refusal> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| Refusal::params(format!("{what} must be a number as 0x text, not {}", short(value))))
}

fn read<T: serde::de::DeserializeOwned>(value: &Value, what: &str, expected: &str) -> Result<T, Refusal> {
    T::deserialize(value)
        .map_err(|_| Refusal::params(format!("{what} must be {expected}, not {}", short(value))))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
