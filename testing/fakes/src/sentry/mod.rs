//! A Sentry that takes envelopes: checks every one by the grammar, remembers what came, and answers with any status,
//! header, delay or broken connection that a test asks for. It shares no code with what it tests.

mod fake;
mod grammar;
mod seen;
mod server;

pub use fake::FakeSentry;
pub use grammar::{Item, Parsed, parse};
pub use seen::{Behaviour, Counts, Seen};
