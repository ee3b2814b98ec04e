//! Signing in with an Ethereum wallet: the message of EIP-4361, read strictly by its grammar.
//!
//! What a person signs is what a person reads, so one text has one meaning here: [`Message`] parses only what its
//! `Display` writes, character by character. [`check()`] then says whose wallet signed it, and for which site.

mod check;
mod grammar;

use std::fmt;
use std::iter::{Enumerate, Peekable};
use std::str::{FromStr, Split};

use alloy_primitives::Address;

pub use check::{Expected, SignInError, SignedIn, check};
pub use grammar::Stamp;

/// A message longer than this is not read: wallets show people far less.
pub const MESSAGE_BYTES_MAX: usize = 4096;

const HEADER: &str = " wants you to sign in with your Ethereum account:";

/// What a wallet is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The scheme of the asking site, when it says so.
    pub scheme: Option<String>,
    /// Who asks: host and perhaps port.
    pub domain: String,
    /// Whose wallet signs.
    pub address: Address,
    /// A sentence for the person.
    pub statement: Option<String>,
    /// What the signature is for.
    pub uri: String,
    /// The chain that the account is on.
    pub chain_id: u64,
    /// What makes the signature good for one use.
    pub nonce: String,
    /// When the message was made.
    pub issued_at: Stamp,
    /// From when on it is good no more.
    pub expiration_time: Option<Stamp>,
    /// From when on it is good.
    pub not_before: Option<Stamp>,
    /// The asking site's own name for the request; may be empty.
    pub request_id: Option<String>,
    /// URIs that belong to the request; the list may be there and empty.
    pub resources: Option<Vec<String>>,
}

/// Where a text is not the message of EIP-4361.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than anybody reads.
    #[error("the message has {0} bytes, and more than {MESSAGE_BYTES_MAX} are not read: shorten it")]
    TooLong(usize),
    /// One line is not as it should be.
    #[error("line {line} of the message {wanted}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What should stand there.
        wanted: &'static str,
    },
}

impl FromStr for Message {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLong(text.len()));
        }
        let mut lines = Lines::of(text);
        let (scheme, domain) = lines.header()?;
        let address = lines.address()?;
        let statement = lines.statement()?;
        let message = Self {
            scheme,
            domain,
            address,
            statement,
            uri: lines.text("URI: ", "must be `URI: ` and a URI of RFC 3986", grammar::is_uri)?,
            chain_id: lines.version_and_chain()?,
            nonce: lines.text("Nonce: ", "must be `Nonce: ` and 8 or more letters and digits", is_nonce)?,
            issued_at: lines.issued_at()?,
            expiration_time: lines.stamp("Expiration Time: ")?,
            not_before: lines.stamp("Not Before: ")?,
            request_id: lines.request_id()?,
            resources: lines.resources()?,
        };
        lines.end()?;
        Ok(message)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{}{HEADER}\n{}\n\n", self.domain, self.address.to_checksum(None))?;
        if let Some(statement) = &self.statement {
            writeln!(f, "{statement}")?;
        }
        write!(f, "\nURI: {}\nVersion: 1\nChain ID: {}\n", self.uri, self.chain_id)?;
        write!(f, "Nonce: {}\nIssued At: {}", self.nonce, self.issued_at)?;
        if let Some(at) = &self.expiration_time {
            write!(f, "\nExpiration Time: {at}")?;
        }
        if let Some(at) = &self.not_before {
            write!(f, "\nNot Before: {at}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, "\nRequest ID: {id}")?;
        }
        if let Some(resources) = &self.resources {
            write!(f, "\nResources:")?;
            resources.iter().try_for_each(|resource| write!(f, "\n- {resource}"))?;
        }
        Ok(())
    }
}

/// The lines that are not read yet, each with its number.
struct Lines<'a> {
    rest: Peekable<Enumerate<Split<'a, char>>>,
    last: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text.split('\n').enumerate().peekable(), last: 0 }
    }

    /// The next line; an absent one is one that says nothing of what is wanted.
    fn next(&mut self) -> Option<&'a str> {
        self.last += 1;
        self.rest.next().map(|(_, line)| line)
    }

    fn wrong(&self, wanted: &'static str) -> MessageError {
        MessageError::Line { line: self.last, wanted }
    }

    fn header(&mut self) -> Result<(Option<String>, String), MessageError> {
        let wanted = "must be `DOMAIN wants you to sign in with your Ethereum account:`";
        let line =
            self.next().and_then(|line| line.strip_suffix(HEADER)).ok_or_else(|| self.wrong(wanted))?;
        let (scheme, domain) = match line.split_once("://") {
            Some((scheme, domain)) => (Some(scheme), domain),
            None => (None, line),
        };
        if scheme.is_none_or(grammar::is_scheme) && grammar::is_domain(domain) {
            Ok((scheme.map(str::to_owned), domain.to_owned()))
        } else {
            Err(self.wrong("must begin with a domain, such as app.example or https://app.example:8443"))
        }
    }

    /// Mixed case is a check against typos here, so it has to be right.
    fn address(&mut self) -> Result<Address, MessageError> {
        let line = self.next().unwrap_or_default();
        Address::parse_checksummed(line, None)
            .map_err(|_| self.wrong("must be an address with the mixed case of EIP-55: 0x and 40 hex digits"))
    }

    fn statement(&mut self) -> Result<Option<String>, MessageError> {
        let empty = "must be empty";
        self.next().filter(|line| line.is_empty()).ok_or_else(|| self.wrong(empty))?;
        let line = self.next().ok_or_else(|| self.wrong(empty))?;
        if line.is_empty() {
            return Ok(None);
        }
        if !grammar::is_statement(line) {
            return Err(self.wrong(
                "must be empty, or a statement of letters, digits, spaces and the marks of a URI; no quotation marks",
            ));
        }
        self.next().filter(|line| line.is_empty()).ok_or_else(|| self.wrong(empty))?;
        Ok(Some(line.to_owned()))
    }

    fn text(
        &mut self,
        label: &str,
        wanted: &'static str,
        good: fn(&str) -> bool,
    ) -> Result<String, MessageError> {
        let value = self.next().and_then(|line| line.strip_prefix(label)).filter(|value| good(value));
        value.map(str::to_owned).ok_or_else(|| self.wrong(wanted))
    }

    fn version_and_chain(&mut self) -> Result<u64, MessageError> {
        self.text("Version: ", "must be `Version: 1`", |value| value == "1")?;
        let wanted = "must be `Chain ID: ` and the chain's number, without leading zeros";
        let number = self.text("Chain ID: ", wanted, is_number)?;
        number.parse().map_err(|_| self.wrong("names a chain past any number of a chain"))
    }

    fn issued_at(&mut self) -> Result<Stamp, MessageError> {
        let stamp = self.stamp("Issued At: ")?;
        stamp.ok_or_else(|| {
            self.last += 1;
            self.wrong("must be `Issued At: ` and a time")
        })
    }

    fn stamp(&mut self, label: &str) -> Result<Option<Stamp>, MessageError> {
        let Some(text) = self.optional(label) else { return Ok(None) };
        let wanted = "must name an instant as RFC 3339 has it, such as 2026-06-01T12:00:00Z";
        Stamp::parse(text).map(Some).ok_or_else(|| self.wrong(wanted))
    }

    fn request_id(&mut self) -> Result<Option<String>, MessageError> {
        let Some(text) = self.optional("Request ID: ") else { return Ok(None) };
        if grammar::is_path_characters(text) {
            return Ok(Some(text.to_owned()));
        }
        Err(self.wrong("must be `Request ID: ` and characters that may stand in a URI's path"))
    }

    fn resources(&mut self) -> Result<Option<Vec<String>>, MessageError> {
        let Some(rest) = self.optional("Resources:") else { return Ok(None) };
        if !rest.is_empty() {
            return Err(self.wrong("must be `Resources:` alone, with a line `- URI` for each after it"));
        }
        let mut resources = Vec::new();
        while let Some(resource) = self.optional("- ") {
            if !grammar::is_uri(resource) {
                return Err(self.wrong("must be `- ` and a URI of RFC 3986"));
            }
            resources.push(resource.to_owned());
        }
        Ok(Some(resources))
    }

    /// What follows `label` when the next line begins with it; otherwise the line is left to the next reader.
    fn optional(&mut self, label: &str) -> Option<&'a str> {
        let value = self.rest.peek().and_then(|(_, line)| line.strip_prefix(label))?;
        self.next();
        Some(value)
    }

    fn end(&mut self) -> Result<(), MessageError> {
        if self.next().is_none() {
            return Ok(());
        }
        Err(self.wrong(
            "does not belong there: after `Issued At` may come `Expiration Time`, `Not Before`, `Request ID` and \
             `Resources`, each once and in this order, and nothing after them, not even an empty line",
        ))
    }
}

fn is_nonce(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// One text for one number: `08453` is none.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
        && !text.is_empty()
}

#[cfg(test)]
mod tests;
