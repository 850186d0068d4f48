//! Sentry's wire formats and limits: envelopes, categories, rate limits, client reports, batches.

pub mod batcher;
pub mod category;
pub mod client_report;
pub mod envelope;
pub mod rate_limit;
