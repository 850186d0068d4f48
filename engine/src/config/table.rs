//! The one description of each setting. INI names, environment names, YAML keys, the documentation
//! page, error messages and the lines of `php --ri` come from here and from nowhere else.

use std::time::Duration;

use super::{
    size::MIB,
    value_type::{Kind, Relative},
};

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Dotted name: the YAML path too, below `pillion:` where the name has no section.
    pub name: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// What holds where nobody says anything; `None`: unset.
    pub default: Option<&'static str>,
    /// Who may set it in INI.
    pub permission: Permission,
    /// What breaks where the value is bad.
    pub capability: Capability,
    /// What it does, in one or two sentences; the first one says what unset means, where it may be unset.
    pub doc: &'static str,
}

/// Who may set an INI entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// php.ini, `-d` and php-fpm's `php_admin_value`: all threads and requests of a process share it.
    System,
}

/// What a setting belongs to, and what is off where it is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// The file named by `pillion.config`.
    Config,
    /// Background jobs.
    Runtime,
    /// What processes share.
    Host,
    /// Log lines; the default target takes them meanwhile.
    Log,
    /// Builds and their cache.
    Velox,
    /// Envelopes for Sentry.
    Sentry,
    /// What happens between two requests of a worker.
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

    /// What it stands on: with one of these off, it is off too.
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

    /// All names that it has in the environment; the first one that says anything holds.
    #[must_use]
    pub fn env_names(&self) -> Vec<String> {
        let documented = (self.name == "sentry.dsn").then(|| "SENTRY_DSN".to_owned());
        std::iter::once(self.env_name()).chain(documented).collect()
    }

    /// `velox.cache.ttl_days`, and `pillion.threads` for what has no section of its own. What is called
    /// `sentry` here has the section `sentry_transport`, as RoadRunner's plugin had.
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
        matches!(self.kind, Kind::Secret | Kind::Dsn)
    }

    /// Whether the file may set it; where the file is can't stand in the file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.name != CONFIG
    }
}

/// The setting that names the file.
pub(super) const CONFIG: &str = "config";

/// The setting of this dotted name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

const fn setting(
    capability: Capability,
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    doc: &'static str,
) -> Setting {
    Setting {
        name,
        kind,
        default,
        permission: Permission::System,
        capability,
        doc,
    }
}

const fn between(min: Duration, max: Duration) -> Kind {
    Kind::Duration(min, max)
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
        Kind::Path(Relative::WorkingDirectory),
        None,
        "A YAML file with further settings; unset: no file. It may be RoadRunner's own `.rr.yaml`: sections that are not named on this page are left alone.",
    ),
    setting(
        Runtime,
        "threads",
        Kind::Integer(1, 64),
        Some("1"),
        "Worker threads of the background runtime of one PHP process.",
    ),
    setting(
        Runtime,
        "shutdown_timeout",
        between(ZERO, Duration::from_secs(8)),
        Some("2s"),
        "How long the end of a process may wait for background work at most. Hosts kill what takes much longer.",
    ),
    setting(
        Host,
        "state_dir",
        Kind::Path(Relative::Refused),
        None,
        "Directory for what outlives a restart of the service; unset: `$STATE_DIRECTORY`, else `/var/lib/pillion/<uid>`, else the XDG state folder.",
    ),
    setting(
        Host,
        "run_dir",
        Kind::Path(Relative::Refused),
        None,
        "Directory for what running processes share, best on tmpfs; unset: `$RUNTIME_DIRECTORY`, else `/dev/shm/pillion-<uid>`, else inside `state_dir`; where processes of this host use one of them, the next ones do.",
    ),
    setting(
        Host,
        "group",
        Kind::Word,
        None,
        "Name or number of a group that shares both directories, for a web server, cron and console that run as different users; unset: only one user shares them.",
    ),
    setting(
        Log,
        "log",
        Kind::LogTarget,
        Some("stderr"),
        "Where log lines go: `stderr`, `php` (PHP's own error log) or a file, which is opened anew after it was rotated.",
    ),
    setting(
        Log,
        "log_level",
        Kind::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
        Some("info"),
        "The least important lines that are still written. A command on the console writes warnings only where neither this nor `pillion.log` is set.",
    ),
    setting(
        Log,
        "log_format",
        Kind::Choice(&["text", "json", "logfmt"]),
        Some("text"),
        "How a log line looks.",
    ),
    setting(
        Velox,
        "velox.server_url",
        Kind::Url,
        None,
        "The build server; unset: nothing is built, and only what is already in the cache is found.",
    ),
    setting(
        Velox,
        "velox.build_timeout",
        between(SECOND, DAY),
        Some("5m"),
        "How long a whole build may take.",
    ),
    setting(
        Velox,
        "velox.request_timeout",
        between(Duration::from_millis(100), HOUR),
        Some("10s"),
        "How long connecting to the build server may take, and how long its control path may be silent. Never the build itself.",
    ),
    setting(
        Velox,
        "velox.max_concurrent_builds",
        Kind::Integer(1, 1024),
        Some("5"),
        "Builds at one time on the whole machine.",
    ),
    setting(
        Velox,
        "velox.path_map",
        Kind::PathMap,
        None,
        "Directories in which the build server's answers may lie, and where this machine sees them; unset: the system's temporary directory, under the same name.",
    ),
    setting(
        Velox,
        "velox.auth_token",
        Kind::Secret,
        None,
        "Sent to the build server as bearer token; unset: none is sent.",
    ),
    setting(
        Velox,
        "velox.ca_file",
        Kind::Path(Relative::Refused),
        None,
        "PEM file with certificates to trust beside the system's; unset: only the system's.",
    ),
    setting(
        Velox,
        "velox.mutable_ttl",
        between(ZERO, YEAR),
        Some("1h"),
        "How long a build of a ref that moves (`master`, `latest`, a branch) is kept; 0: not at all.",
    ),
    setting(
        Velox,
        "velox.cache.enabled",
        Kind::Flag,
        Some("on"),
        "Whether built binaries are kept.",
    ),
    setting(
        Velox,
        "velox.cache.dir",
        Kind::Path(Relative::StateDir),
        Some("./.rr-cache/velox-binaries"),
        "Where they are kept. A relative path stands on the directory of the file that names it, else on `state_dir`.",
    ),
    setting(
        Velox,
        "velox.cache.ttl_days",
        Kind::Integer(1, 36_500),
        Some("7"),
        "Days after which a binary is thrown away.",
    ),
    setting(
        Velox,
        "velox.cache.max_size_mb",
        Kind::Size(100 * MIB, (1 << 30) * MIB),
        Some("5000"),
        "How much of the disk the binaries may take; the least recently used go first.",
    ),
    setting(
        Velox,
        "velox.cache.max_entries",
        Kind::Integer(64, 16_777_216),
        Some("16384"),
        "Capacity of the cache's index, fixed when the index is made.",
    ),
    setting(
        Velox,
        "velox.cache.cleanup_interval",
        between(MINUTE, YEAR),
        Some("1h"),
        "Pause between two cleanups.",
    ),
    setting(
        Velox,
        "velox.retry.max_attempts",
        Kind::Integer(1, 100),
        Some("3"),
        "Tries altogether after connection trouble and server errors, the first one included.",
    ),
    setting(
        Velox,
        "velox.retry.initial_delay",
        between(MILLI, HOUR),
        Some("1s"),
        "Longest first pause; each pause is a random part of its ceiling.",
    ),
    setting(
        Velox,
        "velox.retry.max_delay",
        between(MILLI, HOUR),
        Some("10s"),
        "Longest of all pauses; not below `velox.retry.initial_delay`.",
    ),
    setting(
        Velox,
        "velox.retry.backoff_multiplier",
        Kind::Float(1.0, 100.0),
        Some("2.0"),
        "By what the ceiling grows from pause to pause.",
    ),
    setting(
        Sentry,
        "sentry.enabled",
        Kind::Flag,
        Some("on"),
        "Whether envelopes are taken at all.",
    ),
    setting(
        Sentry,
        "sentry.dsn",
        Kind::Dsn,
        None,
        "The project that envelopes go to which name none; unset: such envelopes are not taken.",
    ),
    setting(
        Sentry,
        "sentry.transport.timeout",
        between(Duration::from_millis(10), HOUR),
        Some("30s"),
        "How long a request to Sentry may take in all.",
    ),
    setting(
        Sentry,
        "sentry.transport.connect_timeout",
        between(Duration::from_millis(10), HOUR),
        Some("10s"),
        "How long connecting to Sentry may take.",
    ),
    setting(
        Sentry,
        "sentry.transport.compression",
        Kind::Flag,
        Some("on"),
        "Whether envelopes are sent with gzip.",
    ),
    setting(
        Sentry,
        "sentry.transport.compression_level",
        Kind::Integer(1, 9),
        Some("1"),
        "How hard gzip tries; 6 saves a tenth more and takes twice as long.",
    ),
    setting(
        Sentry,
        "sentry.transport.ssl_verify",
        Kind::Flag,
        Some("on"),
        "Whether Sentry's certificate is checked.",
    ),
    setting(
        Sentry,
        "sentry.transport.ca_file",
        Kind::Path(Relative::Refused),
        None,
        "PEM file with certificates to trust beside the system's; unset: only the system's.",
    ),
    setting(
        Sentry,
        "sentry.transport.proxy",
        Kind::Url,
        None,
        "The HTTP proxy on the way to Sentry; unset: none.",
    ),
    setting(
        Sentry,
        "sentry.transport.proxy_auth",
        Kind::Secret,
        None,
        "`user:password` for the proxy; unset: none is sent.",
    ),
    setting(
        Sentry,
        "sentry.retry.max_attempts",
        Kind::Integer(1, 100),
        Some("3"),
        "Tries altogether of an envelope, the first one included, where Sentry is reached and does not answer. That it can't be reached costs no try.",
    ),
    setting(
        Sentry,
        "sentry.retry.initial_backoff",
        between(MILLI, HOUR),
        Some("1s"),
        "Longest first pause; each pause is between half of its ceiling and all of it.",
    ),
    setting(
        Sentry,
        "sentry.retry.backoff_multiplier",
        Kind::Float(1.0, 100.0),
        Some("2.0"),
        "By what the ceiling grows from pause to pause.",
    ),
    setting(
        Sentry,
        "sentry.retry.max_backoff",
        between(MILLI, DAY),
        Some("300s"),
        "Longest of all pauses; not below `sentry.retry.initial_backoff`. While Sentry can't be reached it is looked for once a minute at least.",
    ),
    setting(
        Sentry,
        "sentry.retry.max_age",
        between(SECOND, YEAR),
        Some("24h"),
        "How old an envelope may be when it is sent; older ones are given up.",
    ),
    setting(
        Sentry,
        "sentry.retry.server_errors",
        Kind::Flag,
        Some("off"),
        "Whether 502, 503 and 504 of Sentry itself mean that it can't be reached, as those of a gateway do. Sentry's rules for SDKs say no.",
    ),
    setting(
        Sentry,
        "sentry.retry.drain_interval",
        between(ZERO, MINUTE),
        Some("100ms"),
        "Pause between two envelopes that had to wait for Sentry to come back.",
    ),
    setting(
        Sentry,
        "sentry.retry.dead_letter_queue",
        Kind::Flag,
        Some("on"),
        "Whether envelopes that were given up are kept in `state_dir`; off: they are dropped and reported.",
    ),
    setting(
        Sentry,
        "sentry.retry.dead_letter_max_count",
        Kind::Integer(1, 1_000_000),
        Some("1000"),
        "How many of them are kept; the oldest go first.",
    ),
    setting(
        Sentry,
        "sentry.retry.dead_letter_max_size",
        Kind::Size(MIB, (1 << 20) * MIB),
        Some("100"),
        "How much of the disk they may take.",
    ),
    setting(
        Sentry,
        "sentry.queue.buffer_size",
        Kind::Integer(1, 10_000_000),
        Some("1000"),
        "Envelopes that one process may have waiting; beyond it the oldest of the least important goes.",
    ),
    setting(
        Sentry,
        "sentry.queue.workers",
        Kind::Integer(1, 256),
        Some("4"),
        "Requests to Sentry at one time, of one process.",
    ),
    setting(
        Sentry,
        "sentry.queue.batch_size",
        Kind::Integer(1, 1000),
        Some("10"),
        "With so many logs, metrics or spans in hand no more are waited for. Events are never merged: the protocol forbids it.",
    ),
    setting(
        Sentry,
        "sentry.queue.batch_timeout",
        between(ZERO, HOUR),
        Some("5s"),
        "How long logs, metrics and spans wait for company.",
    ),
    setting(
        Sentry,
        "sentry.outbox_size",
        Kind::Size(MIB, (1 << 20) * MIB),
        Some("64"),
        "Bytes of all outboxes of the machine.",
    ),
    setting(
        Sentry,
        "sentry.max_payload_size",
        Kind::Size(MIB, 2048 * MIB),
        Some("200"),
        "The largest envelope that is taken; Sentry's own bound by default.",
    ),
    setting(
        Sentry,
        "sentry.durability",
        Kind::Choice(&["memory", "disk"]),
        Some("memory"),
        "`memory`: outboxes lie in `run_dir` and survive the death of processes; `disk`: in `state_dir`, synced, and they survive the machine's.",
    ),
    setting(
        Sentry,
        "sentry.sync_interval",
        between(Duration::from_millis(10), HOUR),
        Some("500ms"),
        "Pause between two syncs with `sentry.durability=disk`.",
    ),
    setting(
        Sentry,
        "sentry.send_client_reports",
        Kind::Flag,
        Some("on"),
        "Whether Sentry is told how much was dropped here, and why.",
    ),
    setting(
        Sentry,
        "sentry.logging.level",
        Kind::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
        Some("info"),
        "The least important lines about Sentry, within `pillion.log_level`.",
    ),
    setting(
        Worker,
        "worker.reset",
        Kind::Words(super::worker::RESETTABLE),
        None,
        "What is put back after each request of a worker, of all that a request may leave behind; unset: nothing, it is told in the log and counted only. `docs/guides/worker-mode.md` says of each what it may surprise.",
    ),
    setting(
        Worker,
        "worker.leak_check",
        Kind::Every("sample", true),
        Some("off"),
        "Which requests `Worker\\leaks()` looks at: none, each, or one of N, eight in a row each time. What a check costs is told in the guide.",
    ),
    setting(
        Worker,
        "worker.gc",
        Kind::Every("every", false),
        Some("off"),
        "After how many requests of a worker PHP collects cycles, when hooks have run and Pillion has reset. PHP collects by itself in any case when enough may be garbage.",
    ),
    setting(
        Worker,
        "worker.max_memory",
        Kind::Size(0, (1 << 20) * MIB),
        Some("0"),
        "`Worker\\loop()` ends after a request when PHP holds more than this from the system (`memory_get_usage(true)`), so that the worker starts afresh; 0: it never does.",
    ),
];
