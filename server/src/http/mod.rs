//! Parts that all servers share: HTTP/1.1 and HTTP/2 without TLS, as front servers and service meshes speak it inside a
//! host or a cluster. A server implements [`Handler`] and calls [`serve`].
//!
//! # Layout
//!
//! * `listener`: accepts connections, bounds them, and ends them on shutdown.
//! * `descriptors`: the connections that the limit of open files allows.
//! * `connection`: one of them; `stream`: the socket below hyper, `file_queue`: its way to `sendfile(2)`; `streams`:
//!   the streams of HTTP/2; `file_body`: a part of a file as a response.
//! * `shutdown`: SIGTERM and SIGINT.
//! * `socket_name`: removes the name of a socket.
//! * `auth`: bearer tokens; `host`: the host that a request names.
//! * `body`: request bodies with a limit and a timeout; `response`: response bodies and common responses.
//! * `event_stream`: server-sent events.
//! * `error`: a request that can't be read.

mod auth;
mod body;
mod connection;
mod descriptors;
mod error;
mod event_stream;
mod file_body;
mod file_queue;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod listener;
mod response;
mod shutdown;
mod socket_name;
mod stream;
mod streams;

pub use auth::Tokens;
pub use body::{BodyLimits, gunzip, read_body};
pub use descriptors::admitted_connections;
pub use error::BodyError;
pub use event_stream::{EventBody, event, event_response};
pub use file_body::FileBody;
pub use file_queue::{FilePart, FileQueue, Progress};
pub use host::{host, is_own_host};
pub use listener::{Connections, Handler, Limits, Listener, LocalClient, accept_until, serve};
pub use response::{Body, Response, empty, full_body, method_not_allowed, with_body, with_bytes};
pub use shutdown::termination;
pub use socket_name::{SocketName, SocketPlace};
pub(crate) use streams::GRACE;
