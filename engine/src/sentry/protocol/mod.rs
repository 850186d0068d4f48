//! Sentry's wire formats: envelopes, categories, rate limits, client reports, containers. No I/O; any thread.

pub mod batcher;
pub mod category;
pub mod client_report;
pub mod envelope;
pub mod rate_limit;
