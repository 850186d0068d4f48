//! The section `sentry_transport` as the room uses it: typed, ranges kept.

use std::{path::PathBuf, time::Duration};

use super::{
    certificates::SystemCertificates,
    dsn::Dsn,
    secret::{Secret, ServerUrl},
    settings::{Values, count, duration, path},
    value_type::Value,
};

/// See the settings of the same names in the table.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the table says what each is")]
pub struct SentrySettings {
    pub enabled: bool,
    pub dsn: Option<Dsn>,
    pub timeout: Duration,
    pub connect_timeout: Duration,
    /// gzip's level; `None`: off.
    pub compression: Option<u32>,
    pub ssl_verify: bool,
    pub ca_file: Option<PathBuf>,
    /// From the environment.
    pub system_certificates: SystemCertificates,
    pub proxy: Option<ServerUrl>,
    pub proxy_auth: Option<Secret>,
    /// At least 1.
    pub max_attempts: u32,
    pub initial_backoff: Duration,
    pub backoff_multiplier: f64,
    pub max_backoff: Duration,
    pub max_age: Duration,
    pub server_errors: bool,
    pub drain_interval: Duration,
    pub dead_letter_queue: bool,
    pub dead_letter_max_count: usize,
    pub dead_letter_max_size: u64,
    pub buffer_size: usize,
    /// At least 1.
    pub workers: usize,
    pub batch_size: usize,
    pub batch_timeout: Duration,
    pub outbox_size: u64,
    pub max_payload_size: u64,
    pub on_disk: bool,
    pub sync_interval: Duration,
    pub send_client_reports: bool,
    pub log_level: log::LevelFilter,
}

impl SentrySettings {
    pub(super) fn gather(values: Values<'_>) -> Self {
        let flag = |name| values(name) == Some(Value::Flag(true));
        let size = |name| match values(name) {
            Some(Value::Size(bytes)) => bytes,
            _ => 0,
        };
        let word = |name| match values(name) {
            Some(Value::Text(word)) => word,
            _ => String::new(),
        };
        let number = |name| u32::try_from(count(values, name)).unwrap_or(u32::MAX);
        Self {
            enabled: flag("sentry.enabled"),
            dsn: match values("sentry.dsn") {
                Some(Value::Dsn(dsn)) => Some(dsn),
                _ => None,
            },
            timeout: duration(values, "sentry.transport.timeout"),
            connect_timeout: duration(values, "sentry.transport.connect_timeout"),
            compression: flag("sentry.transport.compression")
                .then(|| number("sentry.transport.compression_level")),
            ssl_verify: flag("sentry.transport.ssl_verify"),
            ca_file: path(values, "sentry.transport.ca_file"),
            system_certificates: SystemCertificates::default(),
            proxy: match values("sentry.transport.proxy") {
                Some(Value::Url(url)) => Some(url),
                _ => None,
            },
            proxy_auth: match values("sentry.transport.proxy_auth") {
                Some(Value::Secret(secret)) => Some(secret),
                _ => None,
            },
            max_attempts: number("sentry.retry.max_attempts"),
            initial_backoff: duration(values, "sentry.retry.initial_backoff"),
            backoff_multiplier: match values("sentry.retry.backoff_multiplier") {
                Some(Value::Float(factor)) => factor,
                _ => 1.0,
            },
            max_backoff: duration(values, "sentry.retry.max_backoff"),
            max_age: duration(values, "sentry.retry.max_age"),
            server_errors: flag("sentry.retry.server_errors"),
            drain_interval: duration(values, "sentry.retry.drain_interval"),
            dead_letter_queue: flag("sentry.retry.dead_letter_queue"),
            dead_letter_max_count: count(values, "sentry.retry.dead_letter_max_count"),
            dead_letter_max_size: size("sentry.retry.dead_letter_max_size"),
            buffer_size: count(values, "sentry.queue.buffer_size"),
            workers: count(values, "sentry.queue.workers"),
            batch_size: count(values, "sentry.queue.batch_size"),
            batch_timeout: duration(values, "sentry.queue.batch_timeout"),
            outbox_size: size("sentry.outbox_size"),
            max_payload_size: size("sentry.max_payload_size"),
            on_disk: word("sentry.durability") == "disk",
            sync_interval: duration(values, "sentry.sync_interval"),
            send_client_reports: flag("sentry.send_client_reports"),
            log_level: word("sentry.logging.level")
                .parse()
                .unwrap_or(log::LevelFilter::Info),
        }
    }
}
