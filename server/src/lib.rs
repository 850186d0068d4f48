//! Everything of Pillion that listens. The `pillion` program runs it; the extension never links it, because it needs
//! Tokio's `process` and `signal` drivers, which install process-wide handlers.
//!
//! # Layout
//!
//! * [`http`] parts that all servers share: listener, bearer tokens, request bodies, errors, graceful shutdown.
//! * [`build`] the build server, which speaks Velox's protocol.
//! * [`serve`] the standing server of the host: leader, metrics page, and [`delivery`] of artifacts.

pub mod build;
pub mod delivery;
pub mod http;
pub mod serve;
