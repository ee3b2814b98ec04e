//! A webhook's life: made, edited, its secret rotated.

use accrual_access::notice::NoticeKind;
use accrual_access::webhook::{OVERLAP_DEFAULT_SECONDS, OVERLAP_MAX_SECONDS, SigningSecret};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{WebhookRow, webhooks};
use alloy_primitives::hex;
use serde::Deserialize;
use utoipa::ToSchema;

use super::courier::checked_url;
use crate::app::Api;
use crate::error::{ApiError, FieldError};
use crate::view::Rfc3339;

/// The most webhooks of one client.
const EACH_MAX: usize = 20;
const NOTE_CHARS_MAX: usize = 500;

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where messages go: https, and an address that is not inside.
    url: String,
    /// What it is told of, one at least.
    #[schema(value_type = Vec<crate::document::shape::EventName>, min_items = 1)]
    events: Vec<String>,
    /// A word for people.
    #[schema(max_length = 500)]
    #[serde(default)]
    note: String,
}

/// What to change of a webhook; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
pub(crate) struct Edit {
    /// Where messages go: https, and an address that is not inside.
    url: Option<String>,
    /// What it is told of, one at least.
    #[schema(value_type = Option<Vec<crate::document::shape::EventName>>, min_items = 1)]
    events: Option<Vec<String>>,
    /// `active` or `paused`.
    #[schema(example = "paused")]
    state: Option<String>,
    /// A word for people.
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// How to exchange the secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// How long the secret before goes on signing; a day unless told otherwise, 0 to end it at once.
    #[schema(maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
}

/// Makes a webhook and stores all of it; the secret is to be shown to its owner once.
pub(crate) async fn create(
    api: &Api,
    client: &str,
    is_operator: bool,
    new: NewWebhook,
) -> Result<(WebhookRow, SigningSecret), ApiError> {
    let mut faults = Vec::new();
    let (url, events) = (url(api, &new.url, &mut faults), events(&new.events, &mut faults));
    let note = note(new.note, &mut faults);
    if webhooks::list(api.db(), Some(client)).await?.len() >= EACH_MAX {
        faults.push(fault("url", "is one too many: a client has at most 20 webhooks; delete one first"));
    }
    checked(faults)?;
    let pepper = api.settings().peppers.current();
    let row = WebhookRow {
        webhook_id: new_id()?,
        client_id: client.to_owned(),
        url,
        events,
        state: "active".to_owned(),
        created_at: api.settings().clock.now(),
        secret_generation: 1,
        pepper_version: u64::from(pepper.version()),
        previous_ends_at: None,
        previous_pepper_version: None,
        is_operator,
        note,
        version: 1,
    };
    webhooks::insert(api.db(), &row).await?;
    let secret = SigningSecret::derive(pepper, &row.webhook_id, row.secret_generation);
    Ok((row, secret))
}

/// `row` with what `edit` names changed; nothing is kept yet.
pub(crate) fn edited(api: &Api, mut row: WebhookRow, edit: Edit) -> Result<WebhookRow, ApiError> {
    let mut faults = Vec::new();
    if let Some(text) = edit.url {
        row.url = url(api, &text, &mut faults);
    }
    if let Some(names) = edit.events {
        row.events = events(&names, &mut faults);
    }
    if let Some(text) = edit.note {
        row.note = note(text, &mut faults);
    }
    match edit.state.as_deref() {
        None => {}
        Some(state @ ("active" | "paused")) => row.state = state.to_owned(),
        Some(_) => faults.push(fault("state", "must be active or paused")),
    }
    checked(faults)?;
    Ok(row)
}

/// Gives the webhook a new secret; the one before goes on signing beside it until the overlap ends. Without an overlap
/// it ends at once, also in the middle of an earlier overlap: the way out when a secret has leaked.
pub(crate) async fn rotate_secret(
    api: &Api,
    mut row: WebhookRow,
    rotate: &RotateSecret,
) -> Result<(WebhookRow, SigningSecret), ApiError> {
    let (pepper, now) = (api.settings().peppers.current(), api.settings().clock.now());
    let overlap_seconds = rotate.overlap_seconds()?;
    if let Some(ends_at) = row.previous_ends_at.filter(|ends_at| now < *ends_at && overlap_seconds > 0) {
        let ends_at = Rfc3339(ends_at);
        return Err(ApiError::RotationOpen(format!(
            "The secret before still signs until {ends_at}: wait for it, or end it now with overlap_seconds 0."
        )));
    }
    row.previous_pepper_version = Some(row.pepper_version);
    row.previous_ends_at = Some(UnixSeconds(now.0.saturating_add(overlap_seconds)));
    row.pepper_version = u64::from(pepper.version());
    row.secret_generation += 1;
    let row = change(api, row).await?;
    let secret = SigningSecret::derive(pepper, &row.webhook_id, row.secret_generation);
    Ok((row, secret))
}

pub(crate) async fn change(api: &Api, row: WebhookRow) -> Result<WebhookRow, ApiError> {
    if webhooks::change(api.db(), &row).await? {
        Ok(WebhookRow { version: row.version + 1, ..row })
    } else {
        Err(ApiError::PreconditionFailed)
    }
}

impl RotateSecret {
    /// How long the secret before goes on signing.
    ///
    /// # Errors
    /// `bad_body` for more than 30 days.
    pub(crate) fn overlap_seconds(&self) -> Result<u64, ApiError> {
        match self.overlap_seconds.unwrap_or(OVERLAP_DEFAULT_SECONDS) {
            seconds if seconds <= OVERLAP_MAX_SECONDS => Ok(seconds),
            _ => Err(ApiError::BadBody(vec![fault("overlap_seconds", "must be 0 to 2592000, 30 days")])),
        }
    }
}

fn url(api: &Api, text: &str, faults: &mut Vec<FieldError>) -> String {
    match checked_url(&api.settings().webhooks.guard, text) {
        Ok(url) => url.into(),
        Err(error) => {
            faults.push(fault("url", &error.to_string()));
            String::new()
        }
    }
}

fn events(names: &[String], faults: &mut Vec<FieldError>) -> String {
    let mut kinds = Vec::new();
    for name in names {
        match name.parse::<NoticeKind>() {
            Ok(kind) => kinds.push(kind),
            Err(error) => faults.push(fault("events", &format!("has a wrong name: {error}"))),
        }
    }
    if names.is_empty() {
        faults.push(fault("events", "must name at least one event"));
    }
    kinds.sort();
    kinds.dedup();
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

fn note(text: String, faults: &mut Vec<FieldError>) -> String {
    if text.chars().count() > NOTE_CHARS_MAX {
        faults.push(fault("note", "must have at most 500 characters"));
    }
    if crate::key::holds_key(&text) || text.contains("whsec_") {
        faults.push(fault("note", "holds a secret, which has no place in it"));
    }
    text
}

fn fault(parameter: &str, detail: &str) -> FieldError {
    FieldError { parameter: parameter.to_owned(), detail: detail.to_owned() }
}

fn checked(faults: Vec<FieldError>) -> Result<(), ApiError> {
    if faults.is_empty() { Ok(()) } else { Err(ApiError::BadBody(faults)) }
}

fn new_id() -> Result<String, ApiError> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random numbers");
        ApiError::Internal
    })?;
    Ok(format!("wh_{}", hex::encode(bytes)))
}
