//! The file: a magic, a format version, and a gzip member with one postcard value inside.
//!
//! A file may come from anywhere, so reading it is careful: what it inflates to is capped, gzip's own
//! checksum guards against damage, and a chain with gaps or impossible logs is refused.

use std::io::{Read, Write};

use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};

use crate::model::{Block, Recording};

const MAGIC: &[u8; 8] = b"accr.rec";
const FORMAT_VERSION: u16 = 1;
const HEAD_BYTES: usize = MAGIC.len() + size_of::<u16>();
const TOPICS_MAX: usize = 4;

/// The most that a recording may inflate to: a file that holds more is refused before it fills the memory.
pub const INFLATED_BYTES_MAX: u64 = 128 << 20;

/// Why some bytes are no recording that can be served.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the sentence says what a field is")]
pub enum RecordingError {
    /// Something else altogether.
    #[error(
        "this is no accrual recording: it does not begin with {:?}; give a file made by `accrual-rehearsal record`",
        String::from_utf8_lossy(MAGIC)
    )]
    NotARecording,
    /// Made by a program of another age.
    #[error(
        "the recording has format {found}, this program reads {FORMAT_VERSION}: record it again, or use the program that made it"
    )]
    Version { found: u16 },
    /// Cut short or changed on its way.
    #[error("the recording is damaged ({reason}): fetch or record it again")]
    Damaged { reason: String },
    /// More than anybody would record.
    #[error(
        "the recording inflates to more than {INFLATED_BYTES_MAX} bytes and is refused: record a shorter stretch"
    )]
    TooLarge,
    /// Well formed, but no chain.
    #[error("the recording holds no chain that can be served: {reason}")]
    NoChain { reason: String },
}

impl Recording {
    /// Reads a recording from a file's bytes.
    ///
    /// # Errors
    /// When they are no recording, damaged, too large, or not a chain of blocks without gaps.
    pub fn read(file: &[u8]) -> Result<Self, RecordingError> {
        let recording = decode(&inflate(body_of(file)?)?)?;
        check_chain(&recording.blocks)?;
        Ok(recording)
    }

    /// The file's bytes. The same recording gives the same bytes.
    ///
    /// # Errors
    /// When [`Recording::read`] would refuse them.
    pub fn write(&self) -> Result<Vec<u8>, RecordingError> {
        check_chain(&self.blocks)?;
        let body = postcard::to_stdvec(self).map_err(damaged)?;
        if u64::try_from(body.len()).is_ok_and(|length| length > INFLATED_BYTES_MAX) {
            return Err(RecordingError::TooLarge);
        }
        let mut file = MAGIC.to_vec();
        file.extend(FORMAT_VERSION.to_le_bytes());
        let mut gzip = GzEncoder::new(file, Compression::best());
        gzip.write_all(&body).map_err(damaged)?;
        gzip.finish().map_err(damaged)
    }
}

fn body_of(file: &[u8]) -> Result<&[u8], RecordingError> {
    let rest = file.strip_prefix(MAGIC).ok_or(RecordingError::NotARecording)?;
    let (version, body) = rest
        .split_first_chunk()
        .ok_or_else(|| damaged(format!("it ends before its first {HEAD_BYTES} bytes do")))?;
    match u16::from_le_bytes(*version) {
        FORMAT_VERSION => Ok(body),
        found => Err(RecordingError::Version { found }),
    }
}

fn inflate(mut body: &[u8]) -> Result<Vec<u8>, RecordingError> {
    let mut inflated = Vec::new();
    let read = GzDecoder::new(&mut body).take(INFLATED_BYTES_MAX + 1).read_to_end(&mut inflated);
    // Even a stream that breaks off later is too large once it has given this much.
    if u64::try_from(inflated.len()).is_ok_and(|length| length > INFLATED_BYTES_MAX) {
        return Err(RecordingError::TooLarge);
    }
    read.map_err(damaged)?;
    if !body.is_empty() {
        return Err(damaged(format!("{} bytes stand after its end", body.len())));
    }
    Ok(inflated)
}

fn decode(body: &[u8]) -> Result<Recording, RecordingError> {
    let (recording, rest) = postcard::take_from_bytes(body).map_err(damaged)?;
    match rest {
        [] => Ok(recording),
        _ => Err(damaged(format!("{} bytes stand after its last field", rest.len()))),
    }
}

fn damaged(reason: impl ToString) -> RecordingError {
    RecordingError::Damaged { reason: reason.to_string() }
}

fn check_chain(blocks: &[Block]) -> Result<(), RecordingError> {
    let wrong = |reason| Err(RecordingError::NoChain { reason });
    if blocks.is_empty() {
        return wrong("it has no blocks".to_owned());
    }
    for (parent, child) in blocks.iter().zip(&blocks[1..]) {
        let (parent, child) = (&parent.header, &child.header);
        let follows = parent.number.checked_add(1) == Some(child.number) && child.parent_hash == parent.hash;
        if !follows {
            return wrong(format!("block {} is not the child of block {}", child.number, parent.number));
        }
        if child.timestamp < parent.timestamp {
            return wrong(format!("block {} is older than the block before it", child.number));
        }
    }
    for block in blocks {
        let mut logs = block.transactions.iter().flat_map(|transaction| &transaction.logs);
        if logs.any(|log| log.topics.len() > TOPICS_MAX) {
            return wrong(format!(
                "a log of block {} has more than {TOPICS_MAX} topics",
                block.header.number
            ));
        }
        let gas = block.transactions.iter().try_fold(0_u64, |sum, each| sum.checked_add(each.gas_used));
        if gas.is_none() {
            return wrong(format!(
                "the transactions of block {} use impossible amounts of gas",
                block.header.number
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
