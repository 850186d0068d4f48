//! The section `velox`: builds and their cache.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::super::{
    row::{
        DAY, HOUR, MINUTE, Row, SECOND, YEAR, ZERO, count, days, duration, factor, flag, millis,
        number, path, required, secret, size, url,
    },
    sources::ReadEnv,
    types::{RelativeTo, Value, ValueType},
};
use crate::{
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

settings! {
    /// The section `velox`.
    pub struct VeloxSettings: Velox, "velox." {
        /// The build server; unset: no build starts, and only binaries in the cache are found.
        server_url: Option<ServerUrl> = url();
        /// Timeout of a whole build.
        build_timeout: Duration = duration(SECOND, DAY, "5m");
        /// Timeout of connecting to the build server and of a silent control path. It never limits the build itself.
        request_timeout: Duration = duration(millis(100), HOUR, "10s");
        /// Concurrent builds of the whole machine.
        max_concurrent_builds: usize = count(1, 1024, "5");
        /// Directories that may contain the build server's files, and their paths on this machine; unset: the system's
        /// temporary directory, under the same name.
        path_map: Vec<(PathBuf, PathBuf)> = path_map().system_default(temporary_directory);
        /// Sent to the build server as bearer token; unset: none is sent.
        auth_token: Option<Secret> = secret();
        /// PEM file with certificates to trust in addition to the system's; unset: only the system's.
        ca_file: Option<PathBuf> = path();
        /// Lifetime of a build of a mutable ref (`master`, `latest`, a branch) in the cache; 0: it is not cached.
        mutable_ttl: Duration = duration(ZERO, YEAR, "1h");
    } with {
        /// The cache of built binaries.
        cache: ArtifactCacheSettings,
        /// Retries after connection errors and 5xx responses.
        retry: RetrySettings,
        /// Locations from the environment.
        system_certificates: SystemCertificates,
    }
}

settings! {
    /// The section `velox.cache`.
    pub struct ArtifactCacheSettings: Velox, "velox.cache." {
        /// Whether built binaries are cached.
        enabled: bool = flag("on");
        /// The cache directory. A relative path is below the directory of the file that sets it, else below
        /// `state_dir`.
        dir: CacheDir = cache_dir("./.rr-cache/velox-binaries").formerly("directory");
        /// Days after which a binary expires.
        ttl as "ttl_days": Duration = days(1, 36_500, "7").formerly("max_age_days");
        /// Total size of the binaries; the least recently used are evicted first.
        max_size_bytes as "max_size_mb": u64 = size(100, 1 << 30, "5000").formerly("max_size_gb");
        /// Capacity of the cache's index, fixed when the index is created.
        max_entries: usize = count(64, 16_777_216, "16384");
        /// Interval of cleanups.
        cleanup_interval: Duration = duration(MINUTE, YEAR, "1h");
    }
}

settings! {
    /// The section `velox.retry`.
    pub struct RetrySettings: Velox, "velox.retry." {
        /// Attempts of a build on connection and server errors, the first one included.
        max_attempts: u32 = number(1, 100, "3");
        /// Upper bound of the first delay; each delay is a random part of its bound.
        initial_delay: Duration = duration(millis(1), HOUR, "1s");
        /// Upper bound of all delays; not below `velox.retry.initial_delay`.
        max_delay: Duration = duration(millis(1), HOUR, "10s");
        /// Factor by which the bound grows with each delay.
        backoff_multiplier: f64 = factor(1.0, 100.0, "2.0");
    }
}

const fn path_map() -> Row<Vec<(PathBuf, PathBuf)>> {
    Row::new(ValueType::PathMap, None, required!(PathMap))
}

fn temporary_directory(env: ReadEnv<'_>) -> Value {
    let dir = env("TMPDIR")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .unwrap_or_else(|| "/tmp".into());
    Value::PathMap(vec![(dir.clone(), dir)])
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

const fn cache_dir(default: &'static str) -> Row<CacheDir> {
    let value_type = ValueType::Path(RelativeTo::StateDir);
    Row::new(value_type, Some(default), |value| match value {
        Some(Value::Path(path)) => CacheDir::Absolute(path),
        Some(Value::InStateDir(path)) => CacheDir::InStateDir(path),
        _ => CacheDir::InStateDir(PathBuf::new()),
    })
}
