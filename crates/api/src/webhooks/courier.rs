//! Carries signed messages to addresses that others chose, and nowhere else.
//!
//! Names are resolved here: each address that a name has is asked about, one bad one refuses all, and the connection
//! is made to exactly the addresses that were asked about. Nothing is kept open, so the next message is asked about
//! anew; redirects are not followed; no proxy of the environment comes in between.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use accrual_access::address_guard::{AddressGuard, AddressRefused};
use accrual_access::webhook::{
    ID_HEADER, Message, SIGNATURE_HEADER, SigningSecret, TIMEOUT_SECONDS, TIMESTAMP_HEADER, sign,
};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

const URL_CHARS_MAX: usize = 2_048;
const USER_AGENT: &str = concat!("accrual/", env!("CARGO_PKG_VERSION"));

/// Finds the addresses of a name.
pub type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// Sends messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Courier {
    client: reqwest::Client,
    guard: AddressGuard,
}

/// A URL that no message may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence says what it is")]
pub enum UrlRefused {
    #[error("is no URL of at most 2,048 characters, such as https://hooks.example/accrual")]
    Malformed,
    #[error(
        "must begin with https://; http:// is only for hosts that the operator named in webhooks.allow_private"
    )]
    Plain,
    #[error("must not carry a user, a password or a part after #")]
    Extras,
    #[error("leads inside: {0}")]
    Inside(AddressRefused),
}

/// Why a message did not arrive, as far as the sender can tell. Never names the URL, which may hold a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence says what it is")]
pub enum CourierError {
    #[error("the URL {0}")]
    Url(#[from] UrlRefused),
    #[error("the name resolves to {0}")]
    Refused(AddressRefused),
    #[error("no answer within 15 seconds")]
    Timeout,
    #[error("no connection: the name, the port or the certificate is not right, or nobody listens")]
    Connect,
    #[error("the connection broke before there was an answer")]
    Broken,
}

/// This system cannot make HTTPS connections.
#[derive(Debug, thiserror::Error)]
#[error("cannot make HTTPS connections ({0}): check that the system's root certificates are installed")]
pub struct NoTls(reqwest::Error);

impl Courier {
    /// A courier that goes where `guard` allows.
    ///
    /// # Errors
    /// This system cannot make HTTPS connections.
    pub fn new(guard: AddressGuard) -> Result<Self, NoTls> {
        Self::resolving_by(guard, Arc::new(|host| Box::pin(look_up(host))))
    }

    /// The same, with names resolved by `lookup`.
    ///
    /// # Errors
    /// As [`Courier::new`].
    pub fn resolving_by(guard: AddressGuard, lookup: Lookup) -> Result<Self, NoTls> {
        let resolver = Guarded { guard: guard.clone(), lookup };
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(TIMEOUT_SECONDS))
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(resolver))
            .build()
            .map_err(NoTls)?;
        Ok(Self { client, guard })
    }

    /// Posts a message, signed by each of `secrets`; the answer's status. Its body is not read.
    ///
    /// # Errors
    /// The URL or an address of its host is refused, or there was no answer.
    pub async fn post(
        &self,
        url: &str,
        message: &Message<'_>,
        secrets: &[SigningSecret],
    ) -> Result<u16, CourierError> {
        // Settings may have changed since the URL was taken.
        let url = checked_url(&self.guard, url)?;
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header(ID_HEADER, message.id)
            .header(TIMESTAMP_HEADER, message.at.0)
            .header(SIGNATURE_HEADER, sign(message, secrets))
            .body(message.body.to_vec());
        let answer = request.send().await.map_err(|error| explain(&error))?;
        Ok(answer.status().as_u16())
    }
}

/// The URL that `text` is, if `guard` lets messages go there as far as can be told without resolving its name.
///
/// # Errors
/// What is wrong with it.
pub fn checked_url(guard: &AddressGuard, text: &str) -> Result<Url, UrlRefused> {
    let url = Some(text).filter(|text| text.len() <= URL_CHARS_MAX).and_then(|text| Url::parse(text).ok());
    let url = url.ok_or(UrlRefused::Malformed)?;
    let host = url.host_str().ok_or(UrlRefused::Malformed)?;
    match url.scheme() {
        "https" => {}
        "http" if guard.allows_plain(host) => {}
        "http" => return Err(UrlRefused::Plain),
        _ => return Err(UrlRefused::Malformed),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(UrlRefused::Extras);
    }
    // A literal address is never resolved, so it is judged here. The URL's parser has already read 0x7f.1 and the like.
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        guard.check(host, address).map_err(UrlRefused::Inside)?;
    }
    Ok(url)
}

/// A resolver that gives only what the guard allows.
struct Guarded {
    guard: AddressGuard,
    lookup: Lookup,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookup) = (self.guard.clone(), Arc::clone(&self.lookup));
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let addresses = lookup(host.clone()).await?;
            for address in &addresses {
                guard.check(&host, *address)?;
            }
            // Port 0 becomes the URL's own.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

async fn look_up(host: String) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

fn explain(error: &reqwest::Error) -> CourierError {
    if let Some(refused) = refusal(error) {
        return CourierError::Refused(refused);
    }
    if error.is_timeout() {
        CourierError::Timeout
    } else if error.is_connect() {
        CourierError::Connect
    } else {
        CourierError::Broken
    }
}

/// What our own resolver said, somewhere below.
fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<AddressRefused> {
    let mut below = Some(error);
    while let Some(error) = below {
        if let Some(refused) = error.downcast_ref::<AddressRefused>() {
            return Some(*refused);
        }
        below = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_message_may_go() {
        let strict = AddressGuard::default();
        let own = AddressGuard::allowing(["vault.internal", "127.0.0.0/8"]).unwrap();
        let inside = |text: &str| text.starts_with("leads inside");
        let cases: [(&str, bool, bool); 19] = [
            // URL, for strangers, where the operator allows
            ("https://hooks.example/a?b=c", true, true),
            ("https://8.8.8.8:8443/", true, true),
            ("https://[2606:4700::1111]/", true, true),
            ("http://hooks.example/", false, false),
            ("http://vault.internal:8200/", false, true),
            ("https://vault.internal/", true, true),
            ("http://127.0.0.1:9/", false, true),
            ("https://127.0.0.1/", false, true),
            ("https://127.1/", false, true),
            ("https://0x7f000001/", false, true),
            ("https://2130706433/", false, true),
            ("https://10.0.0.1/", false, false),
            ("https://[::ffff:10.0.0.1]/", false, false),
            ("https://169.254.169.254/latest/meta-data", false, false),
            ("https://user:pw@hooks.example/", false, false),
            ("https://hooks.example/#x", false, false),
            ("ftp://hooks.example/", false, false),
            ("hooks.example", false, false),
            ("", false, false),
        ];
        for (url, for_strangers, for_own) in cases {
            assert_eq!(checked_url(&strict, url).is_ok(), for_strangers, "{url}");
            assert_eq!(checked_url(&own, url).is_ok(), for_own, "{url}");
        }
        let error = checked_url(&strict, "https://127.1/").unwrap_err().to_string();
        assert!(inside(&error) && error.contains("127.0.0.1"), "{error}");
        let long = format!("https://hooks.example/{}", "a".repeat(URL_CHARS_MAX));
        assert_eq!(checked_url(&strict, &long), Err(UrlRefused::Malformed));
    }
}
