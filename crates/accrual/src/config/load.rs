//! Reads a configuration file with the environment laid over it, and says of any fault in which line it lies.

use std::path::{Path, PathBuf};

use serde::de::IntoDeserializer;
use toml_edit::{Document, DocumentMut, Item, Value};

use super::file::File;

/// A fault in the configuration: where, and what.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct ConfigError {
    place: String,
    what: String,
}

/// A file's text, to find the line of a key.
pub(crate) struct Written {
    path: PathBuf,
    text: String,
    document: Document<String>,
    from_environment: Vec<String>,
}

/// The environment's prefix: `ACCRUAL__DATABASE__URL` overrides `database.url`.
const PREFIX: &str = "ACCRUAL__";

/// Reads `path` with `environment` laid over it.
pub(crate) fn load(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(File, Written), ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        place: path.display().to_string(),
        what: format!("cannot be read ({error}); give another file with --config"),
    })?;
    parse(path, text, environment)
}

/// The same of a text that was read from `path`.
pub(super) fn parse(
    path: &Path,
    text: String,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(File, Written), ConfigError> {
    let document = Document::parse(text.clone()).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        ConfigError { place: format!("{}, line {line}", path.display()), what: error.message().to_owned() }
    })?;
    let mut merged: DocumentMut = document.clone().into_mut();
    let mut written = Written { path: path.to_owned(), text, document, from_environment: Vec::new() };
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        set(merged.as_item_mut(), &keys, &value).map_err(|what| ConfigError { place: name.clone(), what })?;
        written.from_environment.push(keys.join("."));
    }
    let file = serde_path_to_error::deserialize(merged.into_deserializer()).map_err(|error| {
        let what = error.inner().message().to_owned();
        written.error(&error.path().to_string(), what)
    })?;
    Ok((file, written))
}

impl Written {
    /// A fault in the value of `key`, e.g. `campaigns[0].ends_at`.
    pub(crate) fn error(&self, key: &str, what: impl Into<String>) -> ConfigError {
        let key = key.replace('[', ".").replace(']', "");
        let keys: Vec<&str> = key.split('.').filter(|part| !part.is_empty() && *part != "?").collect();
        let from_environment = self.from_environment.iter().any(|set| *set == keys.join("."));
        let place = if from_environment {
            format!("{PREFIX}{}", keys.join("__").to_uppercase())
        } else {
            format!("{}, line {}, {}", self.path.display(), self.line(&keys), keys.join("."))
        };
        ConfigError { place, what: what.into() }
    }

    /// The line of the deepest part of `keys` that is written.
    fn line(&self, keys: &[&str]) -> usize {
        let mut item = self.document.as_item();
        let mut at = 0;
        for key in keys {
            let next = match key.parse::<usize>() {
                Ok(index) => item.get(index),
                Err(_) => item.get(*key),
            };
            let Some(next) = next else { break };
            let key_span = item.as_table_like().and_then(|table| table.key(key)).and_then(|key| key.span());
            at = key_span.or_else(|| next.span()).map_or(at, |span| span.start);
            item = next;
        }
        line_of(&self.text, at)
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Puts `text` at `keys`: as TOML where it parses as such, else as a text.
fn set(root: &mut Item, keys: &[String], text: &str) -> Result<(), String> {
    let value: Value = text.parse().unwrap_or_else(|_| Value::from(text));
    let mut item = root;
    for key in keys {
        item = match key.parse::<usize>() {
            Ok(index) => item
                .get_mut(index)
                .ok_or_else(|| format!("there is no entry {index} in the file to override"))?,
            Err(_) => {
                if item.is_none() {
                    *item = Item::Table(toml_edit::Table::new());
                }
                let table =
                    item.as_table_like_mut().ok_or_else(|| format!("{key:?} is not inside a table"))?;
                table.entry(key).or_insert(Item::None)
            }
        };
    }
    *item = Item::Value(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[chain]\nid = 8453\nrpc_urls = [\"http://a\"]\n\n[[campaigns]]\nid = \"x\"\npool = \"p\"\nreward_token = \"0x\"\nbudget_units = \"1\"\nstarts_at = \"2025-06-05T17:00:00Z\"\nends_at = \"soon\"\n";

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<File, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        parse(Path::new("a.toml"), text.to_owned(), environment)
            .map(|(file, _)| file)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_fault_is_named_with_file_line_and_key() {
        let cases = [
            (
                TEXT,
                "a.toml, line 11, campaigns.0.ends_at: \"soon\" is no time: write it as 2025-06-05T17:00:00Z",
            ),
            ("[chain\nid = 1", "a.toml, line 1"),
            ("[chain]\nid = \"one\"", "a.toml, line 2, chain.id: invalid type"),
            ("[chain]\nid = 1\nrpc = 3", "a.toml, line 3, chain.rpc: unknown field `rpc`"),
            ("[server]\nlisten = \"a\"", "missing field `chain`"),
        ];
        for (text, expected) in cases {
            let error = read(text, &[]).unwrap_err();
            assert!(error.contains(expected), "{error}\n  should hold\n{expected}");
        }
    }

    #[test]
    fn the_environment_overrides() {
        let text = "[chain]\nid = 1\n[[pools]]\nid = \"p\"\nvenue = \"uniswap_v3\"\naddress = \"0x\"\ncreated_block = 1\n";
        let environment = [
            ("ACCRUAL__DATABASE__URL", "postgres://u:p@h/d"),
            ("ACCRUAL__CHAIN__ID", "8453"),
            ("ACCRUAL__CHAIN__RPC_URLS", "http://a, http://b"),
            ("ACCRUAL__CHAIN__FINALITY", "12"),
            ("ACCRUAL__POOLS__0__CREATED_BLOCK", "7"),
            ("ACCRUAL_PEPPER", "not a key"),
        ];
        let file = read(text, &environment).unwrap();
        assert_eq!(file.database.url, "postgres://u:p@h/d");
        assert_eq!(file.chain.id, 8453);
        assert_eq!(file.chain.rpc_urls.list(), ["http://a", "http://b"]);
        assert!(matches!(file.chain.finality, super::super::file::Finality::Confirmations(12)));
        assert_eq!(file.pools[0].created_block, 7);
        let error = read(text, &[("ACCRUAL__CHAIN__ID", "x")]).unwrap_err();
        assert!(error.starts_with("ACCRUAL__CHAIN__ID: "), "{error}");
    }
}
