//! The second tier of the shared cache: a Redis, Valkey or Dragonfly server behind the memory of the host. It is never
//! in the way: a call waits for the timeout at most, and not at all after several failures in a row; then all works
//! from the first tier, and stores are counted as lost. All functions run on the runtime; PHP's threads wait for them.
//!
//! A process has one connection, on which the commands of all its threads are pipelined.

mod behind;
mod bounded;
mod breaker;
mod echoes;
mod entry;
mod error;
mod flights;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod link;
mod locks;
mod payload;
mod php_format;
mod probe;
mod producers;
mod queue;
mod read;
mod repairs;
mod tags;
#[cfg(test)]
mod tests;
mod tier;
mod write;

pub use entry::{Entry, FirstCopy};
pub use error::TierError;
pub use flights::Fetched;
pub use probe::probe;
pub use producers::{HostsTurn, ProducingHost};
pub use tier::{FirstTier, SecondTier};
pub use write::IncrementError;
