//! A little chance, so that many clients of one node do not come back together. Nothing that is stored depends on it.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number from 0 to 1000.
pub(super) fn permille() -> u32 {
    u32::try_from(RandomState::new().build_hasher().finish() % 1001).unwrap_or(500)
}
