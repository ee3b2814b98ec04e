//! The lock that the table stands behind: the standard one, or loom's, which tries all orders.

#[cfg(loom)]
pub(crate) use loom::sync::RwLock;
#[cfg(not(loom))]
pub(crate) use std::sync::RwLock;

/// Whatever is behind a lock is whole after each of our writes, even when another thread panicked.
pub(crate) fn into_inner<T>(poisoned: std::sync::PoisonError<T>) -> T {
    poisoned.into_inner()
}
