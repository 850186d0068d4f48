//! Sentry transport: a PHP thread queues an envelope in about a microsecond, the outbox keeps it when the process
//! dies, and a task on the runtime sends it by Sentry's rules.
//!
//! # Layout
//!
//! * [`transport`]: the parts of one process.
//! * [`protocol`]: envelopes, categories, rate limits, client reports, containers.
//! * [`send`] appends to [`outbox`], the crash-safe queue; [`sender`] is the task that sends from it.
//! * [`flush`] waits for an empty outbox; [`maintenance`] adopts outboxes of dead processes and replays dead letters.
//! * [`shared_state`], [`reachability`], [`waiting_counts`]: state that all processes of the host share. From it
//!   [`adopt_check`] reads whether a process died with envelopes.
//! * [`dead_letters`]: undeliverable envelopes; [`capture`]: events to envelopes; [`dirs`].
//! * [`status`] and [`host_view`]: JSON for PHP, the command line and the dashboard.

mod adopt_check;
mod capture;
pub mod dead_letters;
mod dirs;
mod flush;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod host_view;
mod maintenance;
pub mod outbox;
pub mod protocol;
mod reachability;
mod send;
mod sender;
pub mod shared_state;
mod status;
#[cfg(test)]
mod tests;
mod transport;
mod valid_dsns;
mod waiting_counts;

pub use adopt_check::AdoptCheck;
pub use capture::Captured;
pub use dead_letters::replay_state::ReplayState;
pub use dirs::SentryDirs;
pub use host_view::HostView;
pub use maintenance::sweep;
pub use sender::probe;
pub use status::settings;
pub use transport::Sentry;
