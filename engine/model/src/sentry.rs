//! See the crate's page.

#[path = "../../src/sentry/category.rs"]
mod category;
pub mod outbox;
