//! Hands artifacts to clients of HTTP. PHP decides and signs a [`Ticket`]; the delivery server verifies it, and finds
//! the artifact in the cache or builds it from the stored request.
//!
//! # Layout
//!
//! * `ticket`: the signed, expiring right to fetch one build.
//! * `stored_requests`: the build requests of tickets, in files that PHP's process writes and the server reads.

mod stored_requests;
mod ticket;

pub use stored_requests::StoredRequests;
pub use ticket::{Disposition, InvalidTicket, MAX_LIFETIME, MIN_LIFETIME, PATH_PREFIX, Ticket};
