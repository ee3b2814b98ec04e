//! Where the next page begins: opaque, signed, and pinned to the block of the first page.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy_primitives::B256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::error::ApiError;
use crate::key::Pepper;

const TAG_BYTES: usize = 16;

/// A place in a list as it was at one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which list, with all that shapes its rows.
    pub list: String,
    /// The block that the list is true at.
    pub block: BlockNumber,
    /// Its hash, where it is stored.
    pub hash: Option<B256>,
    /// Its time.
    pub at: UnixSeconds,
    /// How often the pool had been rewound.
    pub rewinds: u64,
    /// Rows before the page.
    pub offset: usize,
}

impl Cursor {
    /// The text for the caller.
    pub fn encode(&self, pepper: &Pepper) -> String {
        let mut bytes = serde_json::to_vec(self).expect("a cursor is plain data");
        let tag = tag(pepper, &bytes);
        bytes.extend(tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor that [`Cursor::encode`] made for `list`.
    ///
    /// # Errors
    /// [`ApiError::BadCursor`] when it was altered, made elsewhere or made for another list.
    pub fn decode(text: &str, list: &str, pepper: &Pepper) -> Result<Self, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ApiError::BadCursor("is not one of ours"))?;
        let split = bytes.split_last_chunk::<TAG_BYTES>();
        let (body, stated) = split.ok_or(ApiError::BadCursor("is not one of ours"))?;
        if !bool::from(tag(pepper, body).ct_eq(stated)) {
            return Err(ApiError::BadCursor("is not one of ours"));
        }
        let cursor: Self =
            serde_json::from_slice(body).map_err(|_| ApiError::BadCursor("is of an older release"))?;
        if cursor.list == list { Ok(cursor) } else { Err(ApiError::BadCursor("belongs to another list")) }
    }
}

fn tag(pepper: &Pepper, body: &[u8]) -> [u8; TAG_BYTES] {
    let message = [b"accrual cursor 1\0", body].concat();
    let mac = pepper.mac(&message);
    *mac.first_chunk().expect("a MAC has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_cursor_for_the_same_list_is_taken() {
        let (ours, other) = (Pepper::new(1, vec![1; 32]).unwrap(), Pepper::new(1, vec![2; 32]).unwrap());
        let (block, at) = (BlockNumber(7), UnixSeconds(70));
        let cursor = Cursor { list: "a".into(), block, hash: None, at, rewinds: 1, offset: 50 };
        let text = cursor.encode(&ours);
        assert_eq!(Cursor::decode(&text, "a", &ours), Ok(cursor));
        let cases = [
            ("another list", text.clone(), "b", &ours),
            ("another server", text.clone(), "a", &other),
            ("altered", text.replacen('e', "f", 1), "a", &ours),
            ("cut", text[..10].to_owned(), "a", &ours),
            ("empty", String::new(), "a", &ours),
            ("not base64", "!".repeat(40), "a", &ours),
        ];
        for (name, text, list, pepper) in cases {
            assert!(matches!(Cursor::decode(&text, list, pepper), Err(ApiError::BadCursor(_))), "{name}");
        }
    }
}
