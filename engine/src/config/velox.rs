//! The section `velox`: builds and their cache.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    value::Value,
    values::{Values, count, duration, factor, flag, number, path, size},
};
use crate::{
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

/// The section `velox`.
#[derive(Debug, Clone, PartialEq)]
pub struct VeloxSettings {
    /// The build server; without one no build starts, and cache hits still work.
    pub server_url: Option<ServerUrl>,
    /// Timeout of a whole build.
    pub build_timeout: Duration,
    /// Timeout of connecting and of a silent control path; never of the build itself.
    pub request_timeout: Duration,
    /// Concurrent builds of the whole host; at least 1.
    pub max_concurrent_builds: usize,
    /// Allowed roots of a response's `path`, on the server and on this machine, in the order of the setting.
    pub path_map: Vec<(PathBuf, PathBuf)>,
    /// Sent as `Authorization: Bearer`.
    pub auth_token: Option<Secret>,
    /// PEM file with certificates that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Locations from the environment.
    pub system_certificates: SystemCertificates,
    /// Lifetime of a build of a mutable ref (`master`, `latest`, a branch); such builds are not cached if it is zero.
    pub mutable_ttl: Duration,
    /// The cache of built binaries.
    pub cache: CacheSettings,
    /// Retries after connection errors and 5xx responses.
    pub retry: RetrySettings,
}

/// The section `velox.cache`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether binaries are cached.
    pub enabled: bool,
    /// The cache directory.
    pub dir: CacheDir,
    /// The lifetime of a binary.
    pub ttl: Duration,
    /// Bytes of all binaries; the least recently used are evicted first.
    pub max_size_bytes: u64,
    /// Capacity of the index, fixed at its creation.
    pub max_entries: usize,
    /// Interval of cleanups.
    pub cleanup_interval: Duration,
}

/// A directory that may be relative to `state_dir`, which the host module resolves once the process has its final user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheDir {
    /// An absolute path.
    Absolute(PathBuf),
    /// Relative to `state_dir`.
    InStateDir(PathBuf),
}

impl CacheDir {
    /// The absolute path.
    #[must_use]
    pub fn resolve(&self, state_dir: &Path) -> PathBuf {
        match self {
            Self::Absolute(path) => path.clone(),
            Self::InStateDir(path) => state_dir.join(path),
        }
    }
}

/// The section `velox.retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySettings {
    /// Attempts, the first one included; at least 1.
    pub max_attempts: u32,
    /// Upper bound of the first delay.
    pub initial_delay: Duration,
    /// Upper bound of every delay; not below `initial_delay`.
    pub max_delay: Duration,
    /// Factor by which the upper bound grows with each delay; at least 1.
    pub backoff_multiplier: f64,
}

impl VeloxSettings {
    pub(super) fn from_values(values: Values<'_>) -> Self {
        Self {
            server_url: match values("velox.server_url") {
                Some(Value::Url(url)) => Some(url),
                _ => None,
            },
            build_timeout: duration(values, "velox.build_timeout"),
            request_timeout: duration(values, "velox.request_timeout"),
            max_concurrent_builds: count(values, "velox.max_concurrent_builds"),
            path_map: match values("velox.path_map") {
                Some(Value::PathMap(pairs)) => pairs,
                _ => Vec::new(),
            },
            auth_token: match values("velox.auth_token") {
                Some(Value::Secret(token)) => Some(token),
                _ => None,
            },
            ca_file: path(values, "velox.ca_file"),
            system_certificates: SystemCertificates::default(),
            mutable_ttl: duration(values, "velox.mutable_ttl"),
            cache: CacheSettings {
                enabled: flag(values, "velox.cache.enabled"),
                dir: match values("velox.cache.dir") {
                    Some(Value::Path(path)) => CacheDir::Absolute(path),
                    Some(Value::InStateDir(path)) => CacheDir::InStateDir(path),
                    _ => CacheDir::InStateDir(PathBuf::new()),
                },
                ttl: Duration::from_secs(
                    count(values, "velox.cache.ttl_days") as u64 * 24 * 60 * 60,
                ),
                max_size_bytes: size(values, "velox.cache.max_size_mb"),
                max_entries: count(values, "velox.cache.max_entries"),
                cleanup_interval: duration(values, "velox.cache.cleanup_interval"),
            },
            retry: RetrySettings {
                max_attempts: number(values, "velox.retry.max_attempts"),
                initial_delay: duration(values, "velox.retry.initial_delay"),
                max_delay: duration(values, "velox.retry.max_delay"),
                backoff_multiplier: factor(values, "velox.retry.backoff_multiplier"),
            },
        }
    }
}
