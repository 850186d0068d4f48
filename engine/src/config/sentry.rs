//! The section `sentry_transport`.

use std::{path::PathBuf, time::Duration};

use super::{
    dsn::Dsn,
    value::Value,
    values::{Values, count, duration, factor, flag, number, path, size, word},
};
use crate::{
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

/// The settings of the same names; the table documents each.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the table documents each")]
pub struct SentrySettings {
    pub enabled: bool,
    pub dsn: Option<Dsn>,
    pub timeout: Duration,
    pub connect_timeout: Duration,
    /// gzip's level; `None` if compression is off.
    pub compression: Option<u32>,
    pub ssl_verify: bool,
    pub ca_file: Option<PathBuf>,
    /// Locations from the environment.
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
    pub(super) fn from_values(values: Values<'_>) -> Self {
        Self {
            enabled: flag(values, "sentry.enabled"),
            dsn: match values("sentry.dsn") {
                Some(Value::Dsn(dsn)) => Some(dsn),
                _ => None,
            },
            timeout: duration(values, "sentry.transport.timeout"),
            connect_timeout: duration(values, "sentry.transport.connect_timeout"),
            compression: flag(values, "sentry.transport.compression")
                .then(|| number(values, "sentry.transport.compression_level")),
            ssl_verify: flag(values, "sentry.transport.ssl_verify"),
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
            max_attempts: number(values, "sentry.retry.max_attempts"),
            initial_backoff: duration(values, "sentry.retry.initial_backoff"),
            backoff_multiplier: factor(values, "sentry.retry.backoff_multiplier"),
            max_backoff: duration(values, "sentry.retry.max_backoff"),
            max_age: duration(values, "sentry.retry.max_age"),
            server_errors: flag(values, "sentry.retry.server_errors"),
            drain_interval: duration(values, "sentry.retry.drain_interval"),
            dead_letter_queue: flag(values, "sentry.retry.dead_letter_queue"),
            dead_letter_max_count: count(values, "sentry.retry.dead_letter_max_count"),
            dead_letter_max_size: size(values, "sentry.retry.dead_letter_max_size"),
            buffer_size: count(values, "sentry.queue.buffer_size"),
            workers: count(values, "sentry.queue.workers"),
            batch_size: count(values, "sentry.queue.batch_size"),
            batch_timeout: duration(values, "sentry.queue.batch_timeout"),
            outbox_size: size(values, "sentry.outbox_size"),
            max_payload_size: size(values, "sentry.max_payload_size"),
            on_disk: word(values, "sentry.durability") == "disk",
            sync_interval: duration(values, "sentry.sync_interval"),
            send_client_reports: flag(values, "sentry.send_client_reports"),
            log_level: word(values, "sentry.logging.level")
                .parse()
                .unwrap_or(log::LevelFilter::Info),
        }
    }
}
