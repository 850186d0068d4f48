//! A Sentry that accepts envelopes: checks each against the grammar, records it, and answers with any status, header,
//! delay or broken connection that a test selects. It shares no code with the tested sender.

mod fake;
mod grammar;
mod seen;
mod server;

pub use fake::FakeSentry;
pub use grammar::{Item, Parsed, parse};
pub use seen::{Behaviour, Counts, Seen};
