//! What can be set, and what holds. One [`table`] describes each setting; [`resolve()`] takes INI over
//! environment over the YAML file named by `pillion.config` over defaults, and remembers where each
//! value came from. It never fails: a bad value becomes a [`Problem`] with its exact place, the
//! capability it belongs to counts as off, and everything else works.
//!
//! Runs once at module start on PHP's thread (and in the `pillion` program's main). Reads nothing by
//! itself but the one file, through [`Sources`]; opens no descriptor that stays open.
//!
//! # Layout
//!
//! * [`table`] the settings; [`value_type`] their types, and how a text becomes a value.
//! * [`duration`], [`size`], [`secret`], [`dsn`], [`expand`] the parts of values.
//! * [`yaml`] the file as text values with lines; [`mod@file`] walks it along the table.
//! * [`mod@resolve`] who wins; [`cross_checks`] what no single value can tell.
//! * [`settings`] the outcome as the rooms use it; [`docs`] the page for people.

mod certificates;
mod cross_checks;
pub mod docs;
pub mod dsn;
pub mod duration;
pub mod error;
pub mod expand;
pub mod file;
mod resolve;
pub mod secret;
mod sentry;
pub mod settings;
pub mod size;
mod suggest;
pub mod table;
#[cfg(test)]
mod tests;
pub mod value_type;
mod worker;
pub mod yaml;

pub use certificates::SystemCertificates;
pub use dsn::Dsn;
pub use error::{Problem, Severity};
pub use resolve::{Resolved, ResolvedValue, Source, Sources, resolve};
pub use secret::{MASK, Secret, ServerUrl, mask_url};
pub use settings::{
    CacheDir, CacheSettings, Every, HostSettings, LogFormat, LogSettings, LogTarget, RetrySettings,
    RuntimeSettings, SentrySettings, Settings, VeloxSettings, WorkerSettings,
};
pub use table::{Capability, Permission, Setting, TABLE};
pub use worker::{RESETTABLE, ResetSet};
