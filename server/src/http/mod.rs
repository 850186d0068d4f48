//! Parts that all servers share: HTTP/1.1 and HTTP/2 without TLS, as front servers and service meshes speak it inside a
//! host or a cluster. A server implements [`Handler`] and calls [`serve`].
//!
//! # Layout
//!
//! * `listener`: accepts connections, bounds them, and ends them on shutdown.
//! * `shutdown`: SIGTERM and SIGINT.
//! * `auth`: bearer tokens.
//! * `body`: request bodies with a limit and a timeout; `response`: response bodies and common responses.
//! * `error`: a request that can't be read.

mod auth;
mod body;
mod error;
mod listener;
mod response;
mod shutdown;

pub use auth::Tokens;
pub use body::{BodyLimits, gunzip, read_body};
pub use error::BodyError;
pub use listener::{Handler, Limits, serve};
pub use response::{Body, Response, empty, full_body, method_not_allowed, with_body, with_bytes};
pub use shutdown::termination;
