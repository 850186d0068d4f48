//! The configuration. One [`table`] describes each setting; [`resolve()`] takes INI over environment over the YAML file
//! named by `pillion.config` over defaults, and records the source of each value. It never fails: an invalid value
//! becomes a [`ConfigError`] with its exact location, its capability is off, and everything else works.
//!
//! Runs once at module start on PHP's thread (and in the `pillion` program's main). Reads only the one file, through
//! [`Sources`]; leaves no descriptor open.
//!
//! # Layout
//!
//! * [`table`] the settings; [`value_type`] their types and parsers; [`value`] a parsed value.
//! * [`duration`], [`size`], [`dsn`], [`paths`], [`expand`] parsers of parts; [`text`] helpers.
//! * [`yaml`] the file as text values with lines; [`mod@file`] matches it with the table.
//! * [`mod@resolve`] precedence of the [`sources`]; [`cross_checks`] cross-field validation; [`resolved`] the result.
//! * [`settings`] with [`logging`], [`velox`], [`sentry`], [`worker`] the typed settings, read from [`values`].
//! * [`docs`] the documentation page.

mod cross_checks;
pub mod docs;
pub mod dsn;
pub mod duration;
pub mod error;
pub mod expand;
pub mod file;
mod logging;
mod paths;
mod resolve;
mod resolved;
mod sentry;
pub mod settings;
pub mod size;
mod sources;
mod suggest;
pub mod table;
#[cfg(test)]
mod tests;
mod text;
mod value;
pub mod value_type;
mod values;
mod velox;
mod worker;
pub mod yaml;

pub use dsn::Dsn;
pub use error::{ConfigError, Severity};
pub use logging::{LogFormat, LogSettings, LogTarget};
pub use resolve::resolve;
pub use resolved::{Resolved, ResolvedValue};
pub use sentry::SentrySettings;
pub use settings::{HostSettings, RuntimeSettings, Settings};
pub use sources::{Source, Sources};
pub use table::{Capability, Setting, TABLE};
pub use velox::{CacheDir, CacheSettings, RetrySettings, VeloxSettings};
pub use worker::{RESETTABLE, ResetSet, Sampling, WorkerSettings};
