//! The settings as the rooms use them: typed, ranges kept, nothing left to check. Made once by
//! [`super::resolve()`] and shared unchanged by all threads of the process.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    certificates::SystemCertificates,
    secret::{Secret, ServerUrl},
    value_type::Value,
};

pub use super::{
    sentry::SentrySettings,
    worker::{Every, WorkerSettings},
};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Threads and shutdown.
    pub runtime: RuntimeSettings,
    /// Where the processes of this machine meet.
    pub host: HostSettings,
    /// Where lines go, and how they look.
    pub log: LogSettings,
    /// Builds and their cache.
    pub velox: VeloxSettings,
    /// Envelopes for Sentry.
    pub sentry: SentrySettings,
    /// What happens between two requests of a worker.
    pub worker: WorkerSettings,
}

/// See `pillion.threads` and `pillion.shutdown_timeout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// Worker threads of the runtime of one process; at least 1.
    pub threads: usize,
    /// How long shutdown may wait at most.
    pub shutdown_timeout: Duration,
}

/// See `pillion.state_dir`, `pillion.run_dir` and `pillion.group`. What is not set, the host room finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// Absolute; outlives a restart of the service.
    pub state_dir: Option<PathBuf>,
    /// Absolute; best on tmpfs.
    pub run_dir: Option<PathBuf>,
    /// Name or number of the group that shares both directories.
    pub group: Option<String>,
}

/// See `pillion.log`, `pillion.log_level` and `pillion.log_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Where lines go.
    pub target: LogTarget,
    /// What is worth a line.
    pub level: log::LevelFilter,
    /// How a line looks.
    pub format: LogFormat,
}

/// Where log lines go. Never standard output: a RoadRunner worker speaks its protocol there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The process's standard error.
    Stderr,
    /// PHP's own error log; the extension drains the lines on PHP's thread.
    Php,
    /// A file, by its absolute path.
    File(PathBuf),
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, event, then `name=value`.
    Text,
    /// One JSON object a line.
    Json,
    /// `name=value` throughout.
    Logfmt,
}

/// The section `velox`.
#[derive(Debug, Clone, PartialEq)]
pub struct VeloxSettings {
    /// The build server; without one nothing is built, and hits still work.
    pub server_url: Option<ServerUrl>,
    /// For the whole build.
    pub build_timeout: Duration,
    /// For connecting, and for silence of the control path; never for the build itself.
    pub request_timeout: Duration,
    /// Builds at one time, on the whole host; at least 1.
    pub max_concurrent_builds: usize,
    /// Roots in which an answer's `path` may lie: on the server, and here. In the order they were written.
    pub path_map: Vec<(PathBuf, PathBuf)>,
    /// Sent as `Authorization: Bearer`.
    pub auth_token: Option<Secret>,
    /// PEM file with certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// From the environment.
    pub system_certificates: SystemCertificates,
    /// How long a build of a moving ref (`master`, `latest`, a branch) is kept; zero: not at all.
    pub mutable_ttl: Duration,
    /// Built binaries on disk.
    pub cache: CacheSettings,
    /// What happens after connection trouble and 5xx answers.
    pub retry: RetrySettings,
}

/// The section `velox.cache`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether binaries are kept.
    pub enabled: bool,
    /// Where they are kept.
    pub dir: CacheDir,
    /// For how long.
    pub ttl: Duration,
    /// How much of the disk they may take; the least recently used go first.
    pub max_size_bytes: u64,
    /// Capacity of the index, fixed when it is made.
    pub max_entries: usize,
    /// Pause between two cleanups.
    pub cleanup_interval: Duration,
}

/// A directory that may hang on `state_dir`, which only the host room knows, after the process has
/// its final user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheDir {
    /// Stands for itself.
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
    /// Tries altogether, the first one included; at least 1.
    pub max_attempts: u32,
    /// Ceiling of the first pause.
    pub initial_delay: Duration,
    /// Ceiling of every pause; not below `initial_delay`.
    pub max_delay: Duration,
    /// Growth of the ceiling from pause to pause; at least 1.
    pub backoff_multiplier: f64,
}

/// Gives the value of a setting by its dotted name.
pub(super) type Values<'a> = &'a dyn Fn(&str) -> Option<Value>;

impl Settings {
    /// Gathers the values of the table's settings. What the table guarantees is not checked again:
    /// a type that does not fit would give an empty value, and a test takes every setting there.
    pub(super) fn gather(values: Values<'_>) -> Self {
        Self {
            runtime: RuntimeSettings {
                threads: count(values, "threads"),
                shutdown_timeout: duration(values, "shutdown_timeout"),
            },
            host: HostSettings {
                state_dir: path(values, "state_dir"),
                run_dir: path(values, "run_dir"),
                group: match values("group") {
                    Some(Value::Text(group)) => Some(group),
                    _ => None,
                },
            },
            log: LogSettings::gather(values),
            velox: VeloxSettings::gather(values),
            sentry: SentrySettings::gather(values),
            worker: WorkerSettings::gather(values),
        }
    }
}

impl LogSettings {
    fn gather(values: Values<'_>) -> Self {
        let word = |name| match values(name) {
            Some(Value::Text(word)) => word,
            _ => String::new(),
        };
        Self {
            target: match values("log") {
                Some(Value::Path(path)) => LogTarget::File(path),
                Some(Value::Text(word)) if word == "php" => LogTarget::Php,
                _ => LogTarget::Stderr,
            },
            level: word("log_level").parse().unwrap_or(log::LevelFilter::Info),
            format: match word("log_format").as_str() {
                "json" => LogFormat::Json,
                "logfmt" => LogFormat::Logfmt,
                _ => LogFormat::Text,
            },
        }
    }
}

impl VeloxSettings {
    fn gather(values: Values<'_>) -> Self {
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
                enabled: values("velox.cache.enabled") == Some(Value::Flag(true)),
                dir: match values("velox.cache.dir") {
                    Some(Value::Path(path)) => CacheDir::Absolute(path),
                    Some(Value::InStateDir(path)) => CacheDir::InStateDir(path),
                    _ => CacheDir::InStateDir(PathBuf::new()),
                },
                ttl: Duration::from_secs(
                    count(values, "velox.cache.ttl_days") as u64 * 24 * 60 * 60,
                ),
                max_size_bytes: match values("velox.cache.max_size_mb") {
                    Some(Value::Size(bytes)) => bytes,
                    _ => 0,
                },
                max_entries: count(values, "velox.cache.max_entries"),
                cleanup_interval: duration(values, "velox.cache.cleanup_interval"),
            },
            retry: RetrySettings {
                max_attempts: count(values, "velox.retry.max_attempts")
                    .try_into()
                    .unwrap_or(u32::MAX),
                initial_delay: duration(values, "velox.retry.initial_delay"),
                max_delay: duration(values, "velox.retry.max_delay"),
                backoff_multiplier: match values("velox.retry.backoff_multiplier") {
                    Some(Value::Float(factor)) => factor,
                    _ => 1.0,
                },
            },
        }
    }
}

impl Default for Settings {
    /// What holds where nobody says anything; the temporary directory is `/tmp`.
    fn default() -> Self {
        super::resolve(&super::Sources {
            ini: &|_| None,
            env: &|_| None,
            read_file: &|_| Ok(String::new()),
            cwd: Path::new("/"),
        })
        .settings
    }
}

pub(super) fn count(values: Values<'_>, name: &str) -> usize {
    match values(name) {
        Some(Value::Integer(n)) => n.try_into().unwrap_or(usize::MAX),
        _ => 0,
    }
}

pub(super) fn duration(values: Values<'_>, name: &str) -> Duration {
    match values(name) {
        Some(Value::Duration(duration)) => duration,
        _ => Duration::ZERO,
    }
}

pub(super) fn path(values: Values<'_>, name: &str) -> Option<PathBuf> {
    match values(name) {
        Some(Value::Path(path)) => Some(path),
        _ => None,
    }
}
