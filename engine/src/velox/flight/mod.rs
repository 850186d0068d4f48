//! One flight for each configuration on the whole host: all threads, processes and unrelated programs that ask for a
//! configuration share one build of it.
//!
//! # Layout
//!
//! * `inflight`: the subscribers of one process; `progress`: the state that is published to them and to the host.
//! * `single_flight`: joins a flight of the host, as its `leader` or as a `follower`; `table` and `slot` are its files.
//! * `outcome`: the result of a flight, on disk (`stored_error`); `small_files` reads and writes such files.

mod entry;
mod follower;
pub(super) mod inflight;
mod leader;
mod outcome;
pub(super) mod progress;
mod single_flight;
mod slot;
pub(in crate::velox) mod small_files;
mod stored_error;
mod table;

pub(super) use entry::FlightId;
pub(super) use follower::{Follower, Poll};
pub(super) use leader::Leader;
pub(super) use outcome::{BuildOutput, EndedFlight, Outcome};
pub(super) use single_flight::{Join, SingleFlight};
pub(super) use stored_error::{error_kind, tail};

#[cfg(test)]
mod tests;
