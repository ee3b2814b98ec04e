//! `/v1/keys/{id}/rotation`: an old key exchanged for a new one, step by step.

use accrual_access::key::KeyId;
use accrual_access::rotation::{Kind, OVERLAP_SECONDS_DEFAULT, QUIET_SECONDS_DEFAULT, Terms};
use accrual_rewards::unit::UnixSeconds;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::asked::Asked;
use super::keys::{Data, Shown, key_id, never_kept, shown};
use crate::app::Api;
use crate::body::{Body, bad};
use crate::error::ApiError;
use crate::keys::{CallerView, RotationView, Step, own_terms};
use crate::params::{self, Params};
use crate::view::Rfc3339;

/// How a key is exchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRotation)]
pub(crate) struct Open {
    /// How long both keys are accepted; a day unless told otherwise, 0 to end the old one at once.
    #[schema(maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
    /// Whether the rotation finishes itself once the old key was unused for `quiet_seconds`.
    #[serde(default)]
    auto_finish: bool,
    /// How long the old key must be unused to count as drained; a day unless told otherwise.
    #[schema(minimum = 1, maximum = 2_592_000)]
    quiet_seconds: Option<u64>,
    /// When the overlap begins: now, or `staged`, with the step `start`.
    #[serde(default)]
    start: StartAt,
    /// Why, for the audit.
    reason: Option<String>,
}

/// When an overlap begins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StartAt {
    #[default]
    Now,
    Staged,
}

/// How a key exchanges itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOwnRotation)]
pub(crate) struct OpenOwn {
    /// How long both keys are accepted, an hour at least; a day unless told otherwise.
    #[schema(minimum = 3_600, maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
}

/// A step's body: each step takes some of these.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StepBody {
    /// `start`: how long both keys are accepted; a day unless told otherwise.
    #[schema(maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
    /// `extend`: the overlap's new end, later than it was.
    #[schema(value_type = Option<Rfc3339>)]
    overlap_ends_at: Option<String>,
    /// `finish`: whether to finish although the old key was used within the last hour.
    force: bool,
    /// `brownout`: when it begins; now unless told otherwise.
    #[schema(value_type = Option<Rfc3339>)]
    at: Option<String>,
    /// `brownout`: how long it lasts; 30 unless told otherwise.
    #[schema(minimum = 1, maximum = 60, example = 30)]
    seconds: Option<u64>,
    /// Why, for the audit.
    reason: Option<String>,
}

/// One key of an emergency.
#[derive(Debug, Serialize, ToSchema)]
struct Replaced {
    /// The rotation.
    rotation: RotationView,
    /// The whole new key, this once.
    key: String,
}

/// Exchange a key
///
/// Its successor is made and shown, this once; both are accepted until the overlap ends.
#[utoipa::path(
    post,
    path = "/v1/keys/{id}/rotation",
    tag = "keys",
    operation_id = "open_rotation",
    params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
    request_body = Open,
    responses(
        (status = 201, description = "The successor was made, and is shown.", body = Shown<RotationView>),
        (status = 200, description = "The same request had made it before: it is not shown again.", body = Shown<RotationView>),
        (status = 409, description = "rotation_open, key_limit, key_state, idempotency_conflict.")
    )
)]
pub(crate) async fn open(
    State(api): State<Api>,
    Path(id): Path<String>,
    asked: Asked,
    params: Params,
    body: Body<Open>,
) -> Result<Response, ApiError> {
    params.done()?;
    let asker = asked.asker(body.value.reason.clone(), &body.hash);
    let body = body.value;
    let terms = Terms {
        kind: Kind::Normal,
        overlap_seconds: body.overlap_seconds.unwrap_or(OVERLAP_SECONDS_DEFAULT),
        is_staged: body.start == StartAt::Staged,
        auto_finish: body.auto_finish,
        quiet_seconds: body.quiet_seconds.unwrap_or(QUIET_SECONDS_DEFAULT),
    };
    let issued = api.keys().rotate(&key_id(&id)?, &terms, &asker).await?;
    let view = api.keys().rotation_view(&issued.made).await?;
    Ok(shown(view, issued.key))
}

/// Exchange the key that asks
///
/// The successor may do what this key may, and no more. The owner is told, and an hour's overlap at least is kept.
#[utoipa::path(
    post,
    path = "/v1/keys/self/rotation",
    tag = "keys",
    operation_id = "open_own_rotation",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
    request_body = OpenOwn,
    responses(
        (status = 201, description = "The successor was made, and is shown.", body = Shown<RotationView>),
        (status = 200, description = "The same request had made it before: it is not shown again.", body = Shown<RotationView>),
        (status = 409, description = "rotation_open, key_limit, key_state, idempotency_conflict.")
    )
)]
pub(crate) async fn open_own(
    State(api): State<Api>,
    asked: Asked,
    params: Params,
    body: Body<OpenOwn>,
) -> Result<Response, ApiError> {
    params.done()?;
    let asker = asked.asker(None, &body.hash);
    let terms = own_terms(body.value.overlap_seconds);
    let issued = api.keys().rotate(&asked.key.id, &terms, &asker).await?;
    let view = api.keys().rotation_view(&issued.made).await?;
    Ok(shown(view, issued.key))
}

/// A key's rotation
///
/// The newest that it is part of, with the calls on both keys by the hour.
#[utoipa::path(
    get,
    path = "/v1/keys/{id}/rotation",
    tag = "keys",
    operation_id = "get_rotation",
    params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t")),
    responses(
        (status = 200, description = "The rotation.", body = Data<RotationView>),
        (status = 409, description = "rotation_not_open: the key is part of none.")
    )
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Data<RotationView>>, ApiError> {
    params.done()?;
    let rotation = api.keys().rotation(&key_id(&id)?).await?;
    Ok(Json(Data { data: api.keys().rotation_view(&rotation).await? }))
}

/// Who uses a key
///
/// In the last seven days, by network, program and endpoint: those who have to move.
#[utoipa::path(
    get,
    path = "/v1/keys/{id}/rotation/preview",
    tag = "keys",
    operation_id = "preview_rotation",
    params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t")),
    responses((status = 200, description = "Who uses it.", body = Data<Vec<CallerView>>))
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Data<Vec<CallerView>>>, ApiError> {
    params.done()?;
    let key = api.keys().get(&key_id(&id)?).await?;
    Ok(Json(Data { data: api.keys().preview(&key.id).await? }))
}

/// Take a rotation one step on
///
/// `start` begins the overlap of a staged one, `extend` ends it later, `finish` ends the old key now, `roll_back` revokes
/// the new key and keeps the old, `cancel` gives up a staged one, `brownout` refuses the old key for a moment.
#[utoipa::path(
    post,
    path = "/v1/keys/{id}/rotation/{step}",
    tag = "keys",
    operation_id = "step_rotation",
    params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t"), ("step" = crate::document::shape::StepName, Path, description = "The step."), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
    request_body = StepBody,
    responses(
        (status = 200, description = "The rotation as it is now.", body = Data<RotationView>),
        (status = 409, description = "rotation_not_open, key_state, key_in_use, key_limit, idempotency_conflict.")
    )
)]
pub(crate) async fn step(
    State(api): State<Api>,
    Path((id, step)): Path<(String, String)>,
    asked: Asked,
    params: Params,
    body: Body<StepBody>,
) -> Result<Json<Data<RotationView>>, ApiError> {
    params.done()?;
    let id = key_id(&id)?;
    let asker = asked.asker(body.value.reason.clone(), &body.hash);
    let step = body.value.step(&step, &id, api.settings().clock.now())?;
    let rotation = api.keys().step(&id, step, &asker).await?;
    Ok(Json(Data { data: api.keys().rotation_view(&rotation).await? }))
}

/// Replace all keys of a client at once
///
/// Without an overlap: the old keys are refused when the answer is here, and within seconds by every server. It cannot be
/// rolled back. The answer holds the new keys, this once.
#[utoipa::path(
    post,
    path = "/v1/clients/{id}/emergency_rotation",
    tag = "keys",
    operation_id = "open_emergency_rotation",
    params(("id" = String, Path, description = "The client, by name or id.", example = "dashboard"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
    request_body = super::keys::Reason,
    responses(
        (status = 200, description = "The rotations, with the new keys.", body = Data<Vec<Replaced>>),
        (status = 409, description = "key_state, idempotency_conflict.")
    )
)]
pub(crate) async fn emergency(
    State(api): State<Api>,
    Path(client): Path<String>,
    asked: Asked,
    params: Params,
    body: Body<StepBody>,
) -> Result<Response, ApiError> {
    params.done()?;
    let asker = asked.asker(body.value.reason.clone(), &body.hash);
    body.value.takes_only(&[])?;
    let mut data = Vec::new();
    for (rotation, key) in api.keys().emergency(&client, &asker).await? {
        let key = key.reveal().expose_secret().to_owned();
        data.push(Replaced { rotation: api.keys().rotation_view(&rotation).await?, key });
    }
    let mut response = Json(Data { data }).into_response();
    never_kept(&mut response);
    Ok(response)
}

impl StepBody {
    fn step(self, name: &str, key: &KeyId, now: UnixSeconds) -> Result<Step, ApiError> {
        match name {
            "start" => {
                self.takes_only(&["overlap_seconds"])?;
                Ok(Step::Start { overlap_seconds: self.overlap_seconds.unwrap_or(OVERLAP_SECONDS_DEFAULT) })
            }
            "extend" => {
                self.takes_only(&["overlap_ends_at"])?;
                let text = self.overlap_ends_at.ok_or_else(|| bad("overlap_ends_at", "is missing"))?;
                let ends_at = params::instant(&text).map_err(|detail| bad("overlap_ends_at", &detail))?;
                Ok(Step::Extend { ends_at })
            }
            "finish" => {
                self.takes_only(&["force"])?;
                Ok(Step::Finish { force: self.force })
            }
            "roll_back" => self.takes_only(&[]).map(|()| Step::RollBack),
            "cancel" => self.takes_only(&[]).map(|()| Step::Cancel),
            "brownout" => {
                self.takes_only(&["at", "seconds"])?;
                let at = self.at.as_deref().map(params::instant).transpose();
                let at = at.map_err(|detail| bad("at", &detail))?.unwrap_or(now);
                Ok(Step::Brownout { at, seconds: self.seconds.unwrap_or(30) })
            }
            _ => Err(ApiError::NotFound(format!(
                "There is no such step for key {key}: start, extend, finish, roll_back, cancel and brownout are."
            ))),
        }
    }

    /// Refuses a field that the step has no use for: it would seem to have had an effect.
    fn takes_only(&self, known: &[&str]) -> Result<(), ApiError> {
        let given = [
            ("overlap_seconds", self.overlap_seconds.is_some()),
            ("overlap_ends_at", self.overlap_ends_at.is_some()),
            ("force", self.force),
            ("at", self.at.is_some()),
            ("seconds", self.seconds.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && !known.contains(name)) {
            Some((name, _)) => Err(bad(name, "is not known to this step")),
            None => Ok(()),
        }
    }
}
