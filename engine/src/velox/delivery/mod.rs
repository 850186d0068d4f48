//! Hands artifacts to clients of HTTP. PHP decides and signs a [`Ticket`]; the delivery server verifies it, and finds
//! the artifact in the cache or builds it from the stored request.
//!
//! # Layout
//!
//! * `ticket`: the signed, expiring right to fetch one build.
//! * `stored_requests`: the build requests of tickets, in files that PHP's process writes and the server reads.
//! * `headers`, `error_response`, `preconditions`, `range`: the parts of a response, for PHP and the server alike.
//! * `accel`: the URI of a file for a front server.
//! * `response`: the response that PHP sends, by the settings and the client's request.

mod accel;
mod error_response;
mod headers;
mod preconditions;
mod range;
mod response;
mod stored_requests;
mod ticket;

pub use error_response::ErrorResponse;
pub use headers::{Header, hit_headers, validators};
pub use preconditions::{FindHeader, Selection, Validators};
pub use range::Range;
pub use response::{Body, Client, Delivery, Front, Response};
pub use stored_requests::StoredRequests;
pub use ticket::{Disposition, InvalidTicket, MAX_LIFETIME, MIN_LIFETIME, PATH_PREFIX, Ticket};
