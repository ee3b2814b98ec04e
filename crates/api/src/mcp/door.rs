//! The door of `/mcp`: host and origin first, then the key, its scopes and what is left of its plan, by what the message
//! asks for. A refusal has HTTP's own status and headers, and a JSON-RPC error as its body.

use accrual_access::scope::Scope;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::BODY_BYTES_MAX;
use super::tools::Tool;
use crate::app::Api;
use crate::auth::{self, Endpoint, Needs};
use crate::error::ApiError;
use crate::limits::Cost;

/// JSON-RPC's code for what a server makes of its own.
const REFUSED: i64 = -32_000;

/// As much of a message as the door has to know.
#[derive(Debug, Default, Deserialize)]
struct Message {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Value,
}

pub(super) async fn door(api: Api, request: Request, next: Next) -> Response {
    if let Err(refused) = api.settings().mcp.admit(request.uri(), request.headers()) {
        return told(refused.into_response(), &Value::Null).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_BYTES_MAX).await else {
        return told(ApiError::BodyTooLarge.into_response(), &Value::Null).await;
    };
    // What is no message costs nothing but its place in the minute: the protocol refuses it.
    let message: Message = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut request = Request::from_parts(parts, Body::from(bytes));
    request.extensions_mut().insert(Endpoint(message.endpoint()));
    told(auth::guard(api, message.needs(), request, next).await, &message.id).await
}

impl Message {
    fn tool(&self) -> Option<Tool> {
        (self.method == "tools/call").then(|| Tool::named(self.params["name"].as_str()?)).flatten()
    }

    /// Calls of tools and readings of resources count against the month; the protocol's own messages do not.
    fn needs(&self) -> Needs {
        match (self.method.as_str(), self.tool()) {
            (_, Some(tool)) => tool.needs(),
            ("resources/read", _) => Needs { scope: Some(Scope::ReadPublic), cost: Cost::Counts },
            _ => Needs { scope: None, cost: Cost::Free },
        }
    }

    /// Under what name it is counted: one of a few, whatever the caller writes.
    fn endpoint(&self) -> &'static str {
        if let Some(tool) = self.tool() {
            return tool.endpoint();
        }
        match self.method.as_str() {
            "initialize" => "MCP initialize",
            "server/discover" => "MCP server/discover",
            "tools/list" => "MCP tools/list",
            "resources/list" => "MCP resources/list",
            "resources/templates/list" => "MCP resources/templates/list",
            "resources/read" => "MCP resources/read",
            "prompts/list" => "MCP prompts/list",
            "prompts/get" => "MCP prompts/get",
            _ => "MCP other",
        }
    }
}

/// A refusal as a JSON-RPC error; all else as it is.
async fn told(mut response: Response, id: &Value) -> Response {
    let status = response.status();
    let refused = response.extensions_mut().remove::<ApiError>();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let failed = status.is_client_error() || status.is_server_error();
    if refused.is_none() && (!failed || is_json || status == StatusCode::METHOD_NOT_ALLOWED) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let error = match &refused {
        Some(error) => {
            if let ApiError::ScopeMissing(scope) = error {
                let challenge =
                    format!(r#"Bearer realm="accrual", error="insufficient_scope", scope="{scope}""#);
                let challenge =
                    HeaderValue::from_str(&challenge).expect("a scope is letters and punctuation");
                parts.headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            let problem = error.problem();
            let data = json!({
                "type": format!("/problems/{}", problem.code),
                "title": problem.title,
                "status": status.as_u16(),
                "code": problem.code,
            });
            json!({ "code": REFUSED, "message": crate::key::redact(&error.to_string()), "data": data })
        }
        // The protocol's own sentence.
        None => {
            let text = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
            json!({ "code": REFUSED, "message": String::from_utf8_lossy(&text) })
        }
    };
    let mut message = json!({ "jsonrpc": "2.0", "error": error });
    if id.is_string() || id.is_number() {
        message["id"] = id.clone();
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    let mut answer = (status, Json(message)).into_response();
    answer.headers_mut().extend(parts.headers);
    // What the layers outside count by stays with the answer.
    *answer.extensions_mut() = parts.extensions;
    answer.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}
