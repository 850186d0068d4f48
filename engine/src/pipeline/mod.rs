//! Pipelines of tasks from `velocity.yml`: which results are known, and which commands run. `pillion run` is its user;
//! nothing here writes to the terminal. Blocking threads of its own.
//!
//! # Layout
//!
//! * [`archive`] the outputs of a task as one file; [`store`] the archives of this machine, for all checkouts.
//! * [`mod@file`] `velocity.yml`; [`workspace`] packages and files; [`graph`] tasks and their order; [`inputs`] their
//!   keys; [`run`] their results.

pub mod archive;
pub mod file;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
pub mod inputs;
pub mod run;
pub mod store;
pub mod workspace;
