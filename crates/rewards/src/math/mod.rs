//! The pool's own arithmetic, bit for bit: ticks, prices and the amounts that liquidity stands for.

pub mod amounts;
pub mod bitmap;
pub(crate) mod memo;
pub mod swap;
pub mod tick;
pub mod weighted;
