//! Who asks for a change, as the audit has it, and under which Idempotency-Key.

use accrual_access::key::KeyId;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use crate::answer::RequestId;
use crate::app::Api;
use crate::auth::ActiveKey;
use crate::body::bad;
use crate::error::ApiError;
use crate::key;
use crate::keys::Asker;

const REPEAT_HEADER: &str = "idempotency-key";
const REPEAT_CHARS_MAX: usize = 128;

/// The caller of a change.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The key that was used.
    pub(crate) key: ActiveKey,
    request_id: String,
    repeat: Option<String>,
    what: String,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let key = ActiveKey::from_request_parts(parts, api).await?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let repeat = parts.headers.get(REPEAT_HEADER).map(|value| {
            let text = value.to_str().ok().map(str::trim);
            let good = |text: &&str| {
                (1..=REPEAT_CHARS_MAX).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_graphic())
                    && !key::holds_key(text)
            };
            text.filter(good)
                .map(str::to_owned)
                .ok_or_else(|| bad("Idempotency-Key", "must be 1 to 128 printable characters without spaces"))
        });
        let what = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self { key, request_id, repeat: repeat.transpose()?, what })
    }
}

impl Asked {
    /// For the audit: a key's change, with the reason that was given. `body` is the hash of what was asked for.
    pub(crate) fn asker(&self, reason: Option<String>, body: &[u8; 32]) -> Asker {
        let mut hasher = Sha256::new();
        hasher.update(self.what.as_bytes());
        hasher.update(body);
        let hash = alloy_primitives::hex::encode(hasher.finalize());
        Asker {
            actor: actor(&self.key.id),
            reason: key::redact(&reason.unwrap_or_default()).chars().take(500).collect(),
            request_id: self.request_id.clone(),
            repeat: self.repeat.clone().map(|repeat| (repeat, hash)),
        }
    }
}

fn actor(id: &KeyId) -> String {
    format!("key:{id}")
}
