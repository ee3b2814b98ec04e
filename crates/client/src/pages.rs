//! Lists of any length, read page by page as they are asked for.

use std::collections::VecDeque;

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::ClientError;
use crate::types::{List, Meta};

/// The rows of a list. The first page pins the block that all pages are of, so rows are neither repeated nor skipped.
#[derive(Debug)]
pub struct Pages<T> {
    client: Client,
    url: Url,
    next: Next,
    rows: VecDeque<T>,
    meta: Option<Meta>,
}

#[derive(Debug, PartialEq)]
enum Next {
    First,
    Cursor(String),
    End,
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) fn new(client: Client, url: Url) -> Self {
        Self { client, url, next: Next::First, rows: VecDeque::new(), meta: None }
    }

    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// The call's own; asking again repeats the page.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        while self.rows.is_empty() && self.next != Next::End {
            self.read_page().await?;
        }
        Ok(self.rows.pop_front())
    }

    /// All rows that are left.
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn all(mut self) -> Result<Vec<T>, ClientError> {
        let mut all = Vec::new();
        while let Some(row) = self.next().await? {
            all.push(row);
        }
        Ok(all)
    }

    /// What goes with the page that was read last, the block foremost.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    async fn read_page(&mut self) -> Result<(), ClientError> {
        let mut url = self.url.clone();
        if let Next::Cursor(cursor) = &self.next {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let page: List<T> = self.client.get(url).await?;
        self.next = page.meta.next_cursor.clone().map_or(Next::End, Next::Cursor);
        self.rows.extend(page.data);
        self.meta = Some(page.meta);
        Ok(())
    }
}
