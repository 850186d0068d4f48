//! Parts that all servers share: HTTP/1.1 and HTTP/2 without TLS, as front servers and service meshes speak it inside a
//! host or a cluster. A server implements [`Handler`] and calls [`serve`].
//!
//! # Layout
//!
//! * `listener`: accepts connections, bounds them, and ends them on shutdown; `stream` is one connection, `file_queue`
//!   its way to `sendfile(2)`.
//! * `shutdown`: SIGTERM and SIGINT.
//! * `socket_name`: removes the name of a socket.
//! * `auth`: bearer tokens.
//! * `body`: request bodies with a limit and a timeout; `response`: response bodies and common responses.
//! * `error`: a request that can't be read.

mod auth;
mod body;
mod error;
mod file_queue;
mod listener;
mod response;
mod shutdown;
mod socket_name;
mod stream;

pub use auth::Tokens;
pub use body::{BodyLimits, gunzip, read_body};
pub use error::BodyError;
pub use file_queue::{FilePart, FileQueue, Progress};
pub use listener::{Connections, Handler, Limits, Listener, accept_until, serve};
pub use response::{Body, Response, empty, full_body, method_not_allowed, with_body, with_bytes};
pub use shutdown::termination;
pub use socket_name::SocketName;
