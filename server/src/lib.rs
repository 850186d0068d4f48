//! Everything of Pillion that listens. The `pillion` program runs it; the extension never links it, because it needs
//! Tokio's `process` and `signal` drivers, which install process-wide handlers.
//!
//! # Layout
//!
//! * [`http`] parts that all servers share: listener, bearer tokens, request bodies, errors, graceful shutdown.
//! * [`build`] the build server, which speaks Velox's protocol.
//! * [`gateway`] remote artifacts of several hosts, for VelocityCache's, Turborepo's and Nx' clients.
//! * [`serve`] the standing server of the host: leader, metrics page, [`delivery`] of artifacts, and [`dashboard`].

pub mod build;
pub mod dashboard;
pub mod delivery;
pub mod gateway;
pub mod http;
pub mod serve;
