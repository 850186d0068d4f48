//! The table of settings, the only description of each. INI names, environment names, YAML keys, the documentation
//! page, error messages and the lines of `php --ri` are derived from it.

use std::time::Duration;

use super::{
    size::MIB,
    value_type::{RelativeTo, ValueType},
    worker::RESETTABLE,
};

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Dotted name; also the YAML path, below `pillion:` if the name has no section.
    pub name: &'static str,
    /// Type and range.
    pub value_type: ValueType,
    /// The default as text; `None` for unset.
    pub default: Option<&'static str>,
    /// The capability that an invalid value switches off.
    pub capability: Capability,
    /// The effect, in one or two sentences; the first one describes the unset state if there is one.
    pub doc: &'static str,
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
    /// Actions between two requests of a worker.
    Worker,
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
            Self::Worker => "worker",
        }
    }

    /// The capabilities without which it is off too.
    #[must_use]
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Velox | Self::Sentry => &[Self::Config, Self::Host, Self::Runtime],
            _ => &[],
        }
    }
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
        let documented = (self.name == "sentry.dsn").then(|| "SENTRY_DSN".to_owned());
        std::iter::once(self.env_name()).chain(documented).collect()
    }

    /// `velox.cache.ttl_days`, and `pillion.threads` for a setting without a section. `sentry` has the section
    /// `sentry_transport`, as in RoadRunner's plugin.
    #[must_use]
    pub fn yaml_path(&self) -> String {
        if let Some(rest) = self.name.strip_prefix("sentry.") {
            format!("sentry_transport.{rest}")
        } else if self.name.contains('.') {
            self.name.into()
        } else {
            format!("pillion.{}", self.name)
        }
    }

    /// Whether its value must never be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.value_type, ValueType::Secret | ValueType::Dsn)
    }

    /// Whether the file may set it; the location of the file can't be in the file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.name != CONFIG
    }
}

/// The setting that names the file.
pub(super) const CONFIG: &str = "config";

/// Returns the setting of this dotted name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

const fn setting(
    capability: Capability,
    name: &'static str,
    value_type: ValueType,
    default: Option<&'static str>,
    doc: &'static str,
) -> Setting {
    Setting {
        name,
        value_type,
        default,
        capability,
        doc,
    }
}

const fn between(min: Duration, max: Duration) -> ValueType {
    ValueType::Duration(min, max)
}

const ZERO: Duration = Duration::ZERO;
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

use Capability::{Config, Host, Log, Runtime, Sentry, Velox, Worker};

/// All settings, in the order of the documentation.
pub const TABLE: &[Setting] = &[
    setting(
        Config,
        CONFIG,
        ValueType::Path(RelativeTo::WorkingDirectory),
        None,
        "A YAML file with further settings; unset: no file. It may be RoadRunner's own `.rr.yaml`: sections that are not on this page are ignored.",
    ),
    setting(
        Runtime,
        "threads",
        ValueType::Integer(1, 64),
        Some("1"),
        "Worker threads of the background runtime of one PHP process.",
    ),
    setting(
        Runtime,
        "shutdown_timeout",
        between(ZERO, Duration::from_secs(8)),
        Some("2s"),
        "The longest time that the end of a process may wait for background work. Hosts kill a process that takes much longer.",
    ),
    setting(
        Host,
        "state_dir",
        ValueType::Path(RelativeTo::Refused),
        None,
        "Directory for files that outlive a restart of the service; unset: `$STATE_DIRECTORY`, else `/var/lib/pillion/<uid>`, else the XDG state folder.",
    ),
    setting(
        Host,
        "run_dir",
        ValueType::Path(RelativeTo::Refused),
        None,
        "Directory for files that running processes share, best on tmpfs; unset: `$RUNTIME_DIRECTORY`, else `/dev/shm/pillion-<uid>`, else inside `state_dir`; a directory that processes of this host already use is preferred.",
    ),
    setting(
        Host,
        "group",
        ValueType::Word,
        None,
        "Name or number of a group that shares both directories, for a web server, cron and console that run as different users; unset: only one user shares them.",
    ),
    setting(
        Log,
        "log",
        ValueType::LogTarget,
        Some("stderr"),
        "Destination of log lines: `stderr`, `php` (PHP's own error log) or a file, which is reopened after it was rotated.",
    ),
    setting(
        Log,
        "log_level",
        ValueType::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
        Some("info"),
        "The least important level that is logged. A command on the console logs warnings and errors only if neither this nor `pillion.log` is set.",
    ),
    setting(
        Log,
        "log_format",
        ValueType::Choice(&["text", "json", "logfmt"]),
        Some("text"),
        "Format of a log line.",
    ),
    setting(
        Velox,
        "velox.server_url",
        ValueType::Url,
        None,
        "The build server; unset: no build starts, and only binaries in the cache are found.",
    ),
    setting(
        Velox,
        "velox.build_timeout",
        between(SECOND, DAY),
        Some("5m"),
        "Timeout of a whole build.",
    ),
    setting(
        Velox,
        "velox.request_timeout",
        between(Duration::from_millis(100), HOUR),
        Some("10s"),
        "Timeout of connecting to the build server and of a silent control path. It never limits the build itself.",
    ),
    setting(
        Velox,
        "velox.max_concurrent_builds",
        ValueType::Integer(1, 1024),
        Some("5"),
        "Concurrent builds of the whole machine.",
    ),
    setting(
        Velox,
        "velox.path_map",
        ValueType::PathMap,
        None,
        "Directories that may contain the build server's files, and their paths on this machine; unset: the system's temporary directory, under the same name.",
    ),
    setting(
        Velox,
        "velox.auth_token",
        ValueType::Secret,
        None,
        "Sent to the build server as bearer token; unset: none is sent.",
    ),
    setting(
        Velox,
        "velox.ca_file",
        ValueType::Path(RelativeTo::Refused),
        None,
        "PEM file with certificates to trust in addition to the system's; unset: only the system's.",
    ),
    setting(
        Velox,
        "velox.mutable_ttl",
        between(ZERO, YEAR),
        Some("1h"),
        "Lifetime of a build of a mutable ref (`master`, `latest`, a branch) in the cache; 0: it is not cached.",
    ),
    setting(
        Velox,
        "velox.cache.enabled",
        ValueType::Flag,
        Some("on"),
        "Whether built binaries are cached.",
    ),
    setting(
        Velox,
        "velox.cache.dir",
        ValueType::Path(RelativeTo::StateDir),
        Some("./.rr-cache/velox-binaries"),
        "The cache directory. A relative path is below the directory of the file that sets it, else below `state_dir`.",
    ),
    setting(
        Velox,
        "velox.cache.ttl_days",
        ValueType::Integer(1, 36_500),
        Some("7"),
        "Days after which a binary expires.",
    ),
    setting(
        Velox,
        "velox.cache.max_size_mb",
        ValueType::Size(100 * MIB, (1 << 30) * MIB),
        Some("5000"),
        "Total size of the binaries; the least recently used are evicted first.",
    ),
    setting(
        Velox,
        "velox.cache.max_entries",
        ValueType::Integer(64, 16_777_216),
        Some("16384"),
        "Capacity of the cache's index, fixed when the index is created.",
    ),
    setting(
        Velox,
        "velox.cache.cleanup_interval",
        between(MINUTE, YEAR),
        Some("1h"),
        "Interval of cleanups.",
    ),
    setting(
        Velox,
        "velox.retry.max_attempts",
        ValueType::Integer(1, 100),
        Some("3"),
        "Attempts of a build on connection and server errors, the first one included.",
    ),
    setting(
        Velox,
        "velox.retry.initial_delay",
        between(MILLI, HOUR),
        Some("1s"),
        "Upper bound of the first delay; each delay is a random part of its bound.",
    ),
    setting(
        Velox,
        "velox.retry.max_delay",
        between(MILLI, HOUR),
        Some("10s"),
        "Upper bound of all delays; not below `velox.retry.initial_delay`.",
    ),
    setting(
        Velox,
        "velox.retry.backoff_multiplier",
        ValueType::Float(1.0, 100.0),
        Some("2.0"),
        "Factor by which the bound grows with each delay.",
    ),
    setting(
        Sentry,
        "sentry.enabled",
        ValueType::Flag,
        Some("on"),
        "Whether envelopes are accepted.",
    ),
    setting(
        Sentry,
        "sentry.dsn",
        ValueType::Dsn,
        None,
        "The project of envelopes that name none; unset: such envelopes are refused.",
    ),
    setting(
        Sentry,
        "sentry.transport.timeout",
        between(Duration::from_millis(10), HOUR),
        Some("30s"),
        "Timeout of a whole request to Sentry.",
    ),
    setting(
        Sentry,
        "sentry.transport.connect_timeout",
        between(Duration::from_millis(10), HOUR),
        Some("10s"),
        "Timeout of connecting to Sentry.",
    ),
    setting(
        Sentry,
        "sentry.transport.compression",
        ValueType::Flag,
        Some("on"),
        "Whether envelopes are compressed with gzip.",
    ),
    setting(
        Sentry,
        "sentry.transport.compression_level",
        ValueType::Integer(1, 9),
        Some("1"),
        "Level of gzip; 6 saves a tenth more and takes twice as long.",
    ),
    setting(
        Sentry,
        "sentry.transport.ssl_verify",
        ValueType::Flag,
        Some("on"),
        "Whether Sentry's certificate is verified.",
    ),
    setting(
        Sentry,
        "sentry.transport.ca_file",
        ValueType::Path(RelativeTo::Refused),
        None,
        "PEM file with certificates to trust in addition to the system's; unset: only the system's.",
    ),
    setting(
        Sentry,
        "sentry.transport.proxy",
        ValueType::Url,
        None,
        "The HTTP proxy for requests to Sentry; unset: none.",
    ),
    setting(
        Sentry,
        "sentry.transport.proxy_auth",
        ValueType::Secret,
        None,
        "`user:password` for the proxy; unset: none is sent.",
    ),
    setting(
        Sentry,
        "sentry.retry.max_attempts",
        ValueType::Integer(1, 100),
        Some("3"),
        "Attempts to send an envelope, the first one included, if Sentry is reachable and does not answer. Attempts while it is unreachable don't count.",
    ),
    setting(
        Sentry,
        "sentry.retry.initial_backoff",
        between(MILLI, HOUR),
        Some("1s"),
        "Upper bound of the first delay; each delay is between half of its bound and the bound.",
    ),
    setting(
        Sentry,
        "sentry.retry.backoff_multiplier",
        ValueType::Float(1.0, 100.0),
        Some("2.0"),
        "Factor by which the bound grows with each delay.",
    ),
    setting(
        Sentry,
        "sentry.retry.max_backoff",
        between(MILLI, DAY),
        Some("300s"),
        "Upper bound of all delays; not below `sentry.retry.initial_backoff`. While Sentry is unreachable it is tried at least once a minute.",
    ),
    setting(
        Sentry,
        "sentry.retry.max_age",
        between(SECOND, YEAR),
        Some("24h"),
        "Maximum age of an envelope; older ones are not sent.",
    ),
    setting(
        Sentry,
        "sentry.retry.server_errors",
        ValueType::Flag,
        Some("off"),
        "Whether 502, 503 and 504 of Sentry itself count as unreachable, as those of a gateway do. Sentry's rules for SDKs say no.",
    ),
    setting(
        Sentry,
        "sentry.retry.drain_interval",
        between(ZERO, MINUTE),
        Some("100ms"),
        "Interval between two envelopes that were queued while Sentry was unreachable.",
    ),
    setting(
        Sentry,
        "sentry.retry.dead_letter_queue",
        ValueType::Flag,
        Some("on"),
        "Whether envelopes that could not be sent are stored in `state_dir`; off: they are dropped and reported.",
    ),
    setting(
        Sentry,
        "sentry.retry.dead_letter_max_count",
        ValueType::Integer(1, 1_000_000),
        Some("1000"),
        "Maximum number of stored envelopes; the oldest are removed first.",
    ),
    setting(
        Sentry,
        "sentry.retry.dead_letter_max_size",
        ValueType::Size(MIB, (1 << 20) * MIB),
        Some("100"),
        "Total size of stored envelopes.",
    ),
    setting(
        Sentry,
        "sentry.queue.buffer_size",
        ValueType::Integer(1, 10_000_000),
        Some("1000"),
        "Queued envelopes of one process; beyond it the oldest of the lowest priority is dropped.",
    ),
    setting(
        Sentry,
        "sentry.queue.workers",
        ValueType::Integer(1, 256),
        Some("4"),
        "Concurrent requests to Sentry of one process.",
    ),
    setting(
        Sentry,
        "sentry.queue.batch_size",
        ValueType::Integer(1, 1000),
        Some("10"),
        "Number of logs, metrics or spans after which a batch is sent. Events are never merged: the protocol forbids it.",
    ),
    setting(
        Sentry,
        "sentry.queue.batch_timeout",
        between(ZERO, HOUR),
        Some("5s"),
        "How long logs, metrics and spans are batched before sending.",
    ),
    setting(
        Sentry,
        "sentry.outbox_size",
        ValueType::Size(MIB, (1 << 20) * MIB),
        Some("64"),
        "Total size of all outboxes of the machine.",
    ),
    setting(
        Sentry,
        "sentry.max_payload_size",
        ValueType::Size(MIB, 2048 * MIB),
        Some("200"),
        "Maximum size of an envelope; Sentry's own limit by default.",
    ),
    setting(
        Sentry,
        "sentry.durability",
        ValueType::Choice(&["memory", "disk"]),
        Some("memory"),
        "`memory`: outboxes are in `run_dir` and survive the death of processes; `disk`: in `state_dir`, synced, and they survive a crash of the machine.",
    ),
    setting(
        Sentry,
        "sentry.sync_interval",
        between(Duration::from_millis(10), HOUR),
        Some("500ms"),
        "Interval of syncs with `sentry.durability=disk`.",
    ),
    setting(
        Sentry,
        "sentry.send_client_reports",
        ValueType::Flag,
        Some("on"),
        "Whether client reports with the number of dropped items and the reasons are sent to Sentry.",
    ),
    setting(
        Sentry,
        "sentry.logging.level",
        ValueType::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
        Some("info"),
        "The least important level of lines about Sentry, within `pillion.log_level`.",
    ),
    setting(
        Worker,
        "worker.reset",
        ValueType::Words(RESETTABLE),
        None,
        "State that is restored after each request of a worker; unset: none, residue is logged and counted only. `docs/guides/worker-mode.md` describes the side effects of each.",
    ),
    setting(
        Worker,
        "worker.leak_check",
        ValueType::Sampling("sample", true),
        Some("off"),
        "Requests that `Worker\\leaks()` checks: none, each, or one of N, eight in a row each time. The guide has the cost of a check.",
    ),
    setting(
        Worker,
        "worker.gc",
        ValueType::Sampling("every", false),
        Some("off"),
        "Number of requests of a worker after which cycles are collected, once hooks have run and Pillion has reset. PHP's own collector runs in any case.",
    ),
    setting(
        Worker,
        "worker.max_memory",
        ValueType::Size(0, (1 << 20) * MIB),
        Some("0"),
        "`Worker\\loop()` ends after a request if PHP holds more memory from the system (`memory_get_usage(true)`), so that the worker is restarted; 0: no limit.",
    ),
];
