//! Reads what Merkl says of a campaign from its API, or from another accrual's `/v4`, which has the same shapes.
//!
//! - [`source`]: what answers a question: a trait, so that an answer can come from the network or from what was kept.
//! - [`http`]: the network: a pace that is never exceeded, patience, and an end to both.
//! - [`reader`]: the questions, page by page, and what they come to.
//! - [`wire`]: the published shapes, as far as they are used.
//!
//! Nothing here writes to Merkl, and nothing is asked unless somebody configured a base URL.

pub mod http;
pub mod reader;
pub mod source;
pub mod wire;

pub use http::{Http, Pace};
pub use reader::{Also, Read, Reader};
pub use source::{Answer, MerklError, Source};
