//! The pepper: the secret that makes a stolen table of keys useless. It comes from the environment or a file, never
//! from the database. A line each, `VERSION:SECRET`, the current one first; a single line is version 1.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use accrual_api::{Pepper, Peppers};

use crate::config::Config;
use crate::failure::Failure;

const VARIABLE: &str = "ACCRUAL_PEPPER";
const BYTES: usize = 32;

/// The configured peppers, the current one first. An embedded database that has none yet gets a file beside it.
pub(crate) fn peppers(config: &Config) -> Result<Peppers, Failure> {
    if let Ok(text) = std::env::var(VARIABLE) {
        return named(VARIABLE, text.as_bytes());
    }
    if let Some(path) = &config.keys.pepper_file {
        return named(&path.display().to_string(), &read(path)?);
    }
    match config.database.path() {
        Some(database) => {
            let path = beside(database);
            named(&path.display().to_string(), &ensure(&path)?)
        }
        None => Err(Failure::usage(format!(
            "there is no pepper: set {VARIABLE}, or keys.pepper_file in the configuration, to {BYTES} random bytes or more, the same on every machine"
        ))),
    }
}

/// The pepper in `path`, made when there is none.
pub(crate) fn ensure(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.exists() { read(path) } else { create(path) }
}

fn named(place: &str, bytes: &[u8]) -> Result<Peppers, Failure> {
    let peppers = match std::str::from_utf8(bytes) {
        Ok(text) => Peppers::parse(text).map_err(|error| error.to_string()),
        // Raw random bytes are one pepper, the first.
        Err(_) => Pepper::new(1, bytes.to_vec()).map(Peppers::from).map_err(|error| error.to_string()),
    };
    peppers.map_err(|error| Failure::usage(format!("{place}: {error}")))
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".pepper");
    PathBuf::from(name)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::usage(format!("{}: the pepper cannot be read ({error})", path.display()))
    })?;
    Ok(bytes.trim_ascii().to_vec())
}

/// Random hexadecimal digits in a file that only its owner may read.
fn create(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut random = [0; BYTES];
    std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random))?;
    let text = alloy_primitives::hex::encode(random);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(text.into_bytes())
        }
        // Another process was faster; its pepper is the one.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(path),
        Err(error) => {
            Err(Failure::usage(format!("{}: the pepper cannot be written ({error})", path.display())))
        }
    }
}
