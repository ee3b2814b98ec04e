//! Lists page by page: `limit=`, `cursor=`, and the way to the next page in `meta` and in `Link`.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::Api;
use crate::book::State;
use crate::csv::{self, CsvRow, Format};
use crate::cursor::Cursor;
use crate::error::ApiError;
use crate::params::{self, LIMIT_DEFAULT, Params};
use crate::view::List;

/// A page of a list over all pools, as they were at the block of the list's first page.
pub(super) struct Page {
    limit: usize,
    cursor: Option<String>,
    /// Which list, with all that shapes its rows.
    list: String,
}

/// What a page is made of.
pub(super) struct Pinned {
    pub(super) state: Arc<State>,
    offset: usize,
}

impl Page {
    pub(super) fn read(params: &mut Params, list: String) -> Self {
        Self {
            limit: params.take("limit", params::limit).unwrap_or(LIMIT_DEFAULT),
            cursor: params.take("cursor", |text| Ok(text.to_owned())),
            list,
        }
    }

    /// The pools that the page tells of.
    ///
    /// # Errors
    /// `bad_cursor`, and as the book's.
    pub(super) async fn pinned(&self, api: &Api) -> Result<Pinned, ApiError> {
        let Some(text) = &self.cursor else {
            return Ok(Pinned { state: api.book().state(), offset: 0 });
        };
        let cursor = Cursor::decode(text, &self.list, api.settings().peppers.current())?;
        Ok(Pinned { state: api.book().all_pinned(&cursor).await?, offset: cursor.offset })
    }

    /// The page of `rows`, the whole list.
    pub(super) fn of<T: Serialize>(&self, api: &Api, pinned: &Pinned, rows: Vec<T>, path: &str) -> Response {
        let (data, next) = self.cut(api, pinned, rows);
        let link = next.as_deref().map(|cursor| self.link(path, "", cursor));
        let meta = api.meta(&pinned.state, pinned.state.lowest(), next);
        linked(Json(List { data, meta }).into_response(), link)
    }

    /// The same, or as a table for who asks for one.
    pub(super) fn of_rows<T: Serialize + CsvRow>(
        &self,
        api: &Api,
        pinned: &Pinned,
        rows: Vec<T>,
        path: &str,
        (format, headers): (Option<Format>, &HeaderMap),
    ) -> Response {
        if Format::of(format, headers) == Format::Json {
            return self.of(api, pinned, rows, path);
        }
        let (data, next) = self.cut(api, pinned, rows);
        let link = next.as_deref().map(|cursor| self.link(path, "&format=csv", cursor));
        linked(csv::answer(&data), link)
    }

    fn cut<T>(&self, api: &Api, pinned: &Pinned, rows: Vec<T>) -> (Vec<T>, Option<String>) {
        let (total, offset) = (rows.len(), pinned.offset);
        let data: Vec<T> = rows.into_iter().skip(offset).take(self.limit).collect();
        let end = offset + data.len();
        let next = pinned.state.lowest().filter(|_| end < total).map(|moment| {
            let cursor = Cursor {
                list: self.list.clone(),
                block: moment.number,
                hash: moment.hash,
                at: moment.at,
                rewinds: pinned.state.rewinds(),
                offset: end,
            };
            cursor.encode(api.settings().peppers.current())
        });
        (data, next)
    }

    fn link(&self, path: &str, more: &str, cursor: &str) -> String {
        format!("<{path}?limit={}{more}&cursor={cursor}>; rel=\"next\"", self.limit)
    }
}

/// The answer with the way to the next page.
pub(super) fn linked(mut response: Response, link: Option<String>) -> Response {
    if let Some(link) = link {
        let link =
            HeaderValue::try_from(link).expect("paths and cursors are of characters that a header may hold");
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
