//! Being called when keys change. Only a server calls; who reads a file looks for itself.

use sqlx::postgres::PgListener;

use crate::access::CHANNEL;
use crate::{Db, StoreError};

/// A connection on which changes are told.
#[derive(Debug)]
pub struct Listener {
    db: Db,
    inner: PgListener,
}

impl Listener {
    /// Listens; `None` for SQLite.
    ///
    /// # Errors
    /// The database's own.
    pub async fn open(db: &Db) -> Result<Option<Self>, StoreError> {
        let Db::Postgres(pools) = db else { return Ok(None) };
        let listening = async {
            let mut inner = PgListener::connect_with(&pools.writer).await?;
            inner.listen(CHANNEL).await?;
            Ok(inner)
        };
        let inner = listening.await.map_err(|error| db.explain(error))?;
        Ok(Some(Self { db: db.clone(), inner }))
    }

    /// Waits for the next call.
    ///
    /// # Errors
    /// The connection was lost: calls may have been missed.
    pub async fn heard(&mut self) -> Result<(), StoreError> {
        match self.inner.try_recv().await {
            Ok(Some(_)) => Ok(()),
            // Lost and found again: whatever was told meanwhile is read by the refresh that follows.
            Ok(None) => Ok(()),
            Err(error) => Err(self.db.explain(error)),
        }
    }
}
