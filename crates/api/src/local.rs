//! The API without a network, for whoever may read the database itself: the same handlers, no key, and nothing is counted.

use accrual_store::StoreError;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use serde_json::Value;
use tower::ServiceExt;

use crate::app::Api;
use crate::book::BookError;
use crate::error::ApiError;
use crate::routes::{overview, status};

/// 50 earners of each of many campaigns are far less.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A few of the API's answers, read inside the process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Local {
    api: Api,
    routes: Router,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The database does not give what figures are made of.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The database does not tell of keys.
    #[error(transparent)]
    Keys(#[from] StoreError),
    /// The API refuses.
    #[error(transparent)]
    Refused(#[from] ApiError),
}

impl Local {
    /// Over what `api` holds.
    pub fn new(api: Api) -> Self {
        let routes = Router::new()
            .route("/v1/overview", get(overview::overview))
            .route("/status.json", get(status::json))
            .with_state(api.clone());
        Self { api, routes }
    }

    /// Takes in what was stored since.
    ///
    /// # Errors
    /// The database does not answer; what was taken in before goes on being told.
    pub async fn refresh(&self) -> Result<(), LocalError> {
        self.api.book().refresh().await?;
        self.api.keys().refresh().await?;
        Ok(())
    }

    /// As `GET /v1/overview` answers, with so many earners of each campaign.
    ///
    /// # Errors
    /// As that call refuses.
    pub async fn overview(&self, top: u32) -> Result<Value, LocalError> {
        self.get(format!("/v1/overview?top={top}")).await
    }

    /// As `GET /status.json` answers.
    ///
    /// # Errors
    /// As that call refuses.
    pub async fn status(&self) -> Result<Value, LocalError> {
        self.get("/status.json".to_owned()).await
    }

    async fn get(&self, path: String) -> Result<Value, LocalError> {
        let request = Request::get(path).body(Body::empty()).expect("our own paths are good");
        let mut response = match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            return Err(error.into());
        }
        let bytes = to_bytes(response.into_body(), BODY_BYTES_MAX).await.map_err(|_| ApiError::Internal)?;
        Ok(serde_json::from_slice(&bytes).map_err(|_| ApiError::Internal)?)
    }
}
