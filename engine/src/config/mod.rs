//! The configuration. One row describes each setting ([`sections`]); [`resolve()`] takes INI over environment over the
//! YAML file named by `pillion.config` over defaults, and records the source of each value. It never fails: an invalid
//! value becomes a [`ConfigError`] with its exact location, its capability is off, and everything else works.
//!
//! Runs once at module start on PHP's thread (and in the `pillion` program's main). Reads only the one file, through
//! [`Sources`]; leaves no descriptor open.
//!
//! # Layout
//!
//! * [`sections`] the settings, a file for each section; [`row`] the constructors of their rows; [`settings`] all
//!   sections and the table; [`setting`] one row as data.
//! * [`types`] the types of settings and their parsers.
//! * [`mod@file`] the YAML file; [`sources`] INI, environment and file; [`unknown_names`] misspelled names.
//! * [`mod@resolve`] precedence; [`cross_checks`] cross-field validation; [`resolved`] the result; [`error`] errors.
//! * `tests/page.rs` writes the documentation page.

mod cross_checks;
pub mod error;
pub mod file;
mod resolve;
mod resolved;
mod row;
mod sections;
mod setting;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod types;
mod unknown_names;

pub use error::{ConfigError, Severity};
pub use file::{expand, yaml};
pub use resolve::resolve;
pub use resolved::{Resolved, ResolvedValue};
pub use sections::{
    AnonymousRole, ArtifactCacheSettings, CacheDir, CacheSettings, DeliveryMethod,
    DeliverySettings, DeliveryUrl, GatewaySettings, HostSettings, LogFormat, LogSettings,
    LogTarget, MetricsSettings, PathStyle, RESETTABLE, RemoteMode, RemoteSettings, ResetSet,
    RetrySettings, RuntimeSettings, S3Settings, Sampling, SentrySettings, ServeSettings,
    StorageDriver, VeloxSettings, WorkerSettings,
};
pub use setting::{Capability, Setting};
pub use settings::{Settings, TABLE};
pub use sources::{ReadEnv, Source, Sources};
pub(crate) use types::suggest;
pub use types::{
    Dsn, ListenAddress, Policy, RedisTarget, RedisUrl, ValueFormat, ValueType, WriteMode, duration,
    size,
};
pub use unknown_names::meant_entry;
