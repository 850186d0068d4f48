//! Remote artifacts: a store that several hosts share through a VelocityCache gateway. The gateway is
//! `pillion_server::gateway`; clients are the agent and PHP. Starts no thread.
//!
//! # Layout
//!
//! * [`protocol`] requests, responses, keys and checksums, for gateway and clients alike.
//! * [`object`] an artifact in the storage; [`spool`] one on its way there; [`usage`] which ones are removed.
//! * [`client`] asks a gateway, and transfers artifacts from and to files; `file_body` the body of an upload.
//! * [`binary`] a built binary as an artifact, with its record.
//! * [`local`] the storage in a directory; [`s3`] the one behind Amazon's or Google's protocol.

pub mod binary;
pub mod client;
mod file_body;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod local;
pub mod object;
pub mod protocol;
pub mod s3;
pub mod spool;
pub mod usage;
