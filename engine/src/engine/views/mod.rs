//! The state of the host as JSON, for the dashboard, `pillion status` and `pillion top`, which show the same numbers.
//! Bytes, float seconds, Unix seconds; no secrets. A view reads the files of the host and creates none. On threads that
//! may block.

mod artifacts;
mod builds;
mod cache;
mod metrics;
mod overview;
mod request_rate;
mod sentry;
mod workers;

pub use artifacts::ArtifactPage;
pub(super) use request_rate::RequestRate;

/// Milliseconds since 1970 as the seconds of a view.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
