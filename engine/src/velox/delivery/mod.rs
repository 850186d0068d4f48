//! Hands artifacts to clients of HTTP. PHP decides and signs a [`Ticket`]; the delivery server verifies it, and finds
//! the artifact in the cache or builds it from the stored request.
//!
//! # Layout
//!
//! * `ticket`: the signed, expiring right to fetch one build.
//! * `stored_requests`: the build requests of tickets, in files that PHP's process writes and the server reads.
//! * `headers`, `error_response`, `preconditions`, `range`: the parts of a response, for PHP and the server alike.
//! * `accel`: the URI of a file for a front server.
//! * `client`: the request of PHP's client; `response`: PHP's response. `respond` decides it by the settings, and
//!   `stream` makes one that PHP sends itself.

mod accel;
mod client;
mod error_response;
mod headers;
mod preconditions;
mod range;
mod respond;
mod response;
mod stored_requests;
mod stream;
mod ticket;

pub use client::{Client, Front};
pub use error_response::{ErrorResponse, error_body};
pub use headers::{Disposition, Header, content_headers, hit_headers, origin_headers, validators};
pub use preconditions::{FindHeader, Selection, Validators};
pub use range::Range;
pub use respond::Delivery;
pub use response::{Body, Response};
pub use stored_requests::StoredRequests;
pub use ticket::{InvalidTicket, MAX_LIFETIME, MIN_LIFETIME, PATH_PREFIX, Ticket};
