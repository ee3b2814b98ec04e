//! `/v1/keys/{id}/rotation`: an old key exchanged for a new one, step by step.

use accrual_access::key::KeyId;
use accrual_access::rotation::{Kind, OVERLAP_SECONDS_DEFAULT, QUIET_SECONDS_DEFAULT, Terms};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage::{self, CallerRow};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::keys::{Data, key_id, never_kept, shown};
use crate::app::Api;
use crate::body::{Body, bad};
use crate::error::ApiError;
use crate::keys::{RotationView, Step, own_terms};
use crate::params::{self, Params};
use crate::view::Rfc3339;

const WEEK_SECONDS: u64 = 7 * 86_400;

/// `POST /v1/keys/{id}/rotation`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Open {
    overlap_seconds: Option<u64>,
    #[serde(default)]
    auto_finish: bool,
    quiet_seconds: Option<u64>,
    #[serde(default)]
    start: StartAt,
    reason: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StartAt {
    #[default]
    Now,
    Staged,
}

/// `POST /v1/keys/self/rotation`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenOwn {
    overlap_seconds: Option<u64>,
}

/// A step's body: each step takes some of these.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StepBody {
    overlap_seconds: Option<u64>,
    overlap_ends_at: Option<String>,
    force: bool,
    at: Option<String>,
    seconds: Option<u64>,
    reason: Option<String>,
}

/// Somebody who uses a key.
#[derive(Debug, Serialize)]
pub(crate) struct CallerView {
    network: String,
    agent: String,
    endpoint: String,
    first_at: Rfc3339,
    last_at: Rfc3339,
    calls: u64,
}

impl CallerView {
    fn of(row: CallerRow) -> Self {
        Self {
            network: row.network,
            agent: row.agent,
            endpoint: row.endpoint,
            first_at: Rfc3339(row.first_at),
            last_at: Rfc3339(row.last_at),
            calls: row.calls,
        }
    }
}

/// One key of an emergency.
#[derive(Debug, Serialize)]
struct Replaced {
    rotation: RotationView,
    key: String,
}

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

pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Data<RotationView>>, ApiError> {
    params.done()?;
    let rotation = api.keys().rotation(&key_id(&id)?).await?;
    Ok(Json(Data { data: api.keys().rotation_view(&rotation).await? }))
}

/// Who has used a key in the last seven days: those who have to move.
pub(crate) async fn preview(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Data<Vec<CallerView>>>, ApiError> {
    params.done()?;
    let key = api.keys().get(&key_id(&id)?).await?;
    let since = UnixSeconds(api.settings().clock.now().0.saturating_sub(WEEK_SECONDS));
    let callers = usage::callers(api.db(), key.id.as_str(), since).await?;
    Ok(Json(Data { data: callers.into_iter().map(CallerView::of).collect() }))
}

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
