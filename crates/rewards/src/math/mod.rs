//! The pool's own arithmetic, bit for bit: ticks, prices and the amounts that liquidity stands for.

pub mod amounts;
pub mod bitmap;
pub mod swap;
pub mod tick;
pub mod weighted;
