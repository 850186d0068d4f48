//! The settings as the modules use them: typed and in range. Created once by [`super::resolve()`] and shared unchanged
//! by all threads of the process.

use std::{path::PathBuf, time::Duration};

use super::{
    logging::LogSettings,
    sentry::SentrySettings,
    value::Value,
    values::{Values, count, duration, path},
    velox::VeloxSettings,
    worker::WorkerSettings,
};

/// All settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Threads and shutdown.
    pub runtime: RuntimeSettings,
    /// Directories that the processes of this machine share.
    pub host: HostSettings,
    /// Destination and format of log lines.
    pub log: LogSettings,
    /// Builds and their cache.
    pub velox: VeloxSettings,
    /// The Sentry transport.
    pub sentry: SentrySettings,
    /// Actions between two requests of a worker.
    pub worker: WorkerSettings,
}

/// `pillion.threads` and `pillion.shutdown_timeout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// Worker threads of the runtime of one process; at least 1.
    pub threads: usize,
    /// Upper bound of the shutdown.
    pub shutdown_timeout: Duration,
}

/// `pillion.state_dir`, `pillion.run_dir` and `pillion.group`. The host module finds directories that are not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// Absolute; outlives a restart of the service.
    pub state_dir: Option<PathBuf>,
    /// Absolute; best on tmpfs.
    pub run_dir: Option<PathBuf>,
    /// Name or number of the group that shares both directories.
    pub group: Option<String>,
}

impl Settings {
    /// Collects the values of the table's settings. The table guarantees types and ranges, so they are not checked
    /// again: a wrong type would give an empty value, and a test covers every setting.
    pub(super) fn from_values(values: Values<'_>) -> Self {
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
            log: LogSettings::from_values(values),
            velox: VeloxSettings::from_values(values),
            sentry: SentrySettings::from_values(values),
            worker: WorkerSettings::from_values(values),
        }
    }
}
