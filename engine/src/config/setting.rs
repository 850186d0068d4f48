//! One setting as data. INI names, environment names, error messages, the documentation page and the lines of
//! `php --ri` are derived from it.

use super::{
    sources::ReadEnv,
    types::{Value, ValueType},
};

/// One setting; a row of its section (`sections/`).
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Dotted name.
    pub name: &'static str,
    /// Path in the file; `None` if the file can't set it.
    pub yaml_path: Option<&'static str>,
    /// Key of the same meaning in other versions of the Velox plugin, for "did you mean".
    pub former_key: Option<&'static str>,
    /// Environment variables that apply if [`Setting::env_name`] is not set.
    pub more_env_names: &'static [&'static str],
    /// Type and range.
    pub value_type: ValueType,
    /// The default as text; `None` for unset.
    pub default: Option<&'static str>,
    /// Computes the default from the environment, if it depends on the system.
    pub system_default: Option<fn(ReadEnv<'_>) -> Value>,
    /// The capability that an invalid value switches off.
    pub capability: Capability,
    /// The effect, in one or two sentences; the first one describes the unset state if there is one.
    pub doc: &'static str,
}

impl Setting {
    /// `pillion.velox_cache_ttl_days`
    #[must_use]
    pub fn ini_name(&self) -> String {
        format!("pillion.{}", self.name.replace('.', "_"))
    }

    /// `PILLION_VELOX_CACHE_TTL_DAYS`
    #[must_use]
    pub fn env_name(&self) -> String {
        self.ini_name().replace('.', "_").to_ascii_uppercase()
    }

    /// All names of the environment variable; the first one that is set applies.
    #[must_use]
    pub fn env_names(&self) -> Vec<String> {
        let more = self.more_env_names.iter().map(|name| (*name).to_owned());
        std::iter::once(self.env_name()).chain(more).collect()
    }

    /// Whether its value must never be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(
            self.value_type,
            ValueType::Secret | ValueType::Dsn | ValueType::RedisUrl
        )
    }
}

/// The part of Pillion that a setting belongs to; an invalid setting switches it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// The file named by `pillion.config`.
    Config,
    /// Background jobs.
    Runtime,
    /// The directories that processes share.
    Host,
    /// Log lines; the default target is used if it is off.
    Log,
    /// Builds and their cache.
    Velox,
    /// The Sentry transport.
    Sentry,
    /// The shared cache.
    Cache,
    /// Metrics of the application.
    Metrics,
    /// Actions between two requests of a worker.
    Worker,
    /// The standing server.
    Serve,
    /// The gateway of remote artifacts.
    Gateway,
    /// Its client.
    Remote,
}

impl Capability {
    /// The name in messages and in `php --ri`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Runtime => "runtime",
            Self::Host => "host",
            Self::Log => "log",
            Self::Velox => "velox",
            Self::Sentry => "sentry",
            Self::Cache => "cache",
            Self::Metrics => "metrics",
            Self::Worker => "worker",
            Self::Serve => "serve",
            Self::Gateway => "gateway",
            Self::Remote => "remote",
        }
    }

    /// The capabilities without which it is off too.
    #[must_use]
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Velox | Self::Sentry => &[Self::Config, Self::Host, Self::Runtime],
            Self::Cache | Self::Metrics => &[Self::Config, Self::Host],
            Self::Remote => &[Self::Config, Self::Host, Self::Runtime],
            Self::Serve => &[Self::Config, Self::Host, Self::Runtime],
            Self::Gateway => &[Self::Config],
            _ => &[],
        }
    }
}
