//! Which names this server is reached under, and which sites' pages may call it: without both, a page that somebody opens
//! could talk to a server inside their network.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri, header};

use crate::error::ApiError;

/// Names under which every server may be reached: they lead to the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What is configured of `/mcp`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpSettings {
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// A host or an origin that is written wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSite {
    /// Of `hosts`.
    #[error("{0:?} is no host: write it as api.example.org, with a port only where it stands in the URL")]
    Host(String),
    /// Of `origins`.
    #[error("{0:?} is no origin: write it as https://app.example.org, without a path")]
    Origin(String),
}

impl McpSettings {
    /// `hosts` are the names in the server's public URLs, `origins` the sites whose pages may call it.
    ///
    /// # Errors
    /// One is not written as such.
    pub fn new(hosts: &[String], origins: &[String]) -> Result<Self, BadSite> {
        let host = |text: &String| host(text).ok_or_else(|| BadSite::Host(text.clone()));
        let origin = |text: &String| origin(text).ok_or_else(|| BadSite::Origin(text.clone()));
        Ok(Self {
            hosts: hosts.iter().map(host).collect::<Result<_, _>>()?,
            origins: origins.iter().map(origin).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Refuses a request that names another host, or that a page of another site sends.
    ///
    /// # Errors
    /// [`ApiError::SiteNotAllowed`].
    pub(super) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let stated = headers.get(header::HOST).map_or_else(|| uri.authority().map(ToString::to_string), text);
        let stated = stated.as_deref().and_then(host);
        let named = stated.as_deref().filter(|host| self.has_host(host));
        let Some(named) = named else { return Err(ApiError::SiteNotAllowed("Host")) };
        let Some(sent) = headers.get(header::ORIGIN) else { return Ok(()) };
        let sent = text(sent).and_then(|text| origin(&text));
        let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority == named);
        match sent {
            Some(origin) if is_own(&origin) || self.origins.contains(&origin) => Ok(()),
            _ => Err(ApiError::SiteNotAllowed("Origin")),
        }
    }

    /// A name without a port stands for all ports.
    fn has_host(&self, host: &str) -> bool {
        let name = host.parse::<Authority>().map(|authority| authority.host().to_owned()).unwrap_or_default();
        LOOPBACK.contains(&name.as_str()) || self.hosts.iter().any(|known| known == host || *known == name)
    }
}

/// A host in lower case, with its port if there is one.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    let is_plain = !text.contains('@') && !authority.host().is_empty();
    is_plain.then(|| text.to_ascii_lowercase())
}

/// An origin as browsers write it: lower case, no path, no port that goes without saying.
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) =
        text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = host(authority)?;
    let usual = if scheme == "http" { ":80" } else { ":443" };
    Some(format!("{scheme}://{}", authority.strip_suffix(usual).unwrap_or(&authority)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(settings: &McpSettings, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        settings.admit(&Uri::from_static("/mcp"), &headers).is_ok()
    }

    #[test]
    fn only_known_hosts_and_origins_come_in() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let bare = McpSettings::default();
        let named =
            McpSettings::new(&texts(&["API.example.org"]), &texts(&["https://App.example.org:443"])).unwrap();
        let cases = [
            (&bare, "localhost:8080", None, true),
            (&bare, "127.0.0.1", None, true),
            (&bare, "[::1]:8080", Some("http://[::1]:8080"), true),
            (&bare, "localhost:8080", Some("http://localhost:8080"), true),
            (&bare, "localhost:8080", Some("http://localhost:3000"), false),
            (&bare, "localhost:8080", Some("null"), false),
            (&bare, "localhost:8080", Some("https://evil.example"), false),
            (&bare, "evil.example", None, false),
            (&bare, "evil.example", Some("http://evil.example"), false),
            (&bare, "localhost.evil.example", None, false),
            (&bare, "api.example.org", None, false),
            (&named, "api.example.org", None, true),
            (&named, "api.example.org:8443", None, true),
            (&named, "api.example.org", Some("https://app.example.org"), true),
            (&named, "api.example.org", Some("http://app.example.org"), false),
            (&named, "api.example.org", Some("https://app.example.org:8443"), false),
            (&named, "api.example.org", Some("https://api.example.org"), true),
            (&named, "user@api.example.org", None, false),
        ];
        for (settings, host, origin, expected) in cases {
            assert_eq!(asked(settings, host, origin), expected, "{host} {origin:?}");
        }
        assert!(settings_without_host_fail(&bare));
        for (hosts, origins) in
            [(vec!["a b"], vec![]), (vec![], vec!["app.example.org"]), (vec![], vec!["https://a/b"])]
        {
            assert!(McpSettings::new(&texts(&hosts), &texts(&origins)).is_err(), "{hosts:?} {origins:?}");
        }
    }

    fn settings_without_host_fail(settings: &McpSettings) -> bool {
        settings.admit(&Uri::from_static("/mcp"), &HeaderMap::new()).is_err()
    }
}
