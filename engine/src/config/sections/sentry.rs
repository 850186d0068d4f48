//! The section `sentry_transport`, named as in RoadRunner's plugin.

use std::{path::PathBuf, time::Duration};

use super::super::{
    row::{
        DAY, HOUR, MINUTE, Row, SECOND, YEAR, ZERO, count, duration, factor, flag, level, millis,
        number, optional, path, required, secret, size, url,
    },
    types::{Dsn, Value, ValueType},
};
use crate::{
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

settings! {
    /// The section `sentry_transport`.
    pub struct SentrySettings: Sentry, "sentry." in "sentry_transport." {
        /// Whether envelopes are accepted.
        enabled: bool = flag("on");
        /// The project of envelopes that name none; unset: such envelopes are refused.
        dsn: Option<Dsn> = dsn().env(&["SENTRY_DSN"]);
        /// Timeout of a whole request to Sentry.
        timeout as "transport.timeout": Duration = duration(millis(10), HOUR, "30s");
        /// Timeout of connecting to Sentry.
        connect_timeout as "transport.connect_timeout": Duration = duration(millis(10), HOUR, "10s");
        /// Whether envelopes above 1.2 KB are compressed with gzip.
        compression as "transport.compression": bool = flag("on");
        /// Level of gzip; 6 saves a tenth more and takes twice as long.
        compression_level as "transport.compression_level": u32 = number(1, 9, "1");
        /// Whether Sentry's certificate is verified.
        ssl_verify as "transport.ssl_verify": bool = flag("on");
        /// PEM file with certificates to trust in addition to the system's; unset: only the system's.
        ca_file as "transport.ca_file": Option<PathBuf> = path();
        /// The HTTP proxy for requests to Sentry; unset: none.
        proxy as "transport.proxy": Option<ServerUrl> = url();
        /// `user:password` for the proxy; unset: none is sent.
        proxy_auth as "transport.proxy_auth": Option<Secret> = secret();
        /// Attempts to send an envelope, the first one included, if Sentry is reachable and does not answer. Attempts
        /// while it is unreachable don't count.
        max_attempts as "retry.max_attempts": u32 = number(1, 100, "3");
        /// Upper bound of the first delay; each delay is between half of its bound and the bound.
        initial_backoff as "retry.initial_backoff": Duration = duration(millis(1), HOUR, "1s");
        /// Factor by which the bound grows with each delay.
        backoff_multiplier as "retry.backoff_multiplier": f64 = factor(1.0, 100.0, "2.0");
        /// Upper bound of all delays; not below `sentry.retry.initial_backoff`. While Sentry is unreachable it is tried
        /// at least once a minute.
        max_backoff as "retry.max_backoff": Duration = duration(millis(1), DAY, "300s");
        /// Maximum age of an envelope; older ones are not sent.
        max_age as "retry.max_age": Duration = duration(SECOND, YEAR, "24h");
        /// Whether 502, 503 and 504 of Sentry itself count as unreachable, as those of a gateway do. Sentry's rules for
        /// SDKs say no.
        server_errors as "retry.server_errors": bool = flag("off");
        /// Interval between two envelopes that were queued while Sentry was unreachable.
        drain_interval as "retry.drain_interval": Duration = duration(ZERO, MINUTE, "100ms");
        /// Whether envelopes that could not be sent are stored in `state_dir`; off: they are dropped and reported.
        dead_letter_queue as "retry.dead_letter_queue": bool = flag("on");
        /// Maximum number of stored envelopes; the oldest are removed first.
        dead_letter_max_count as "retry.dead_letter_max_count": usize = count(1, 1_000_000, "1000");
        /// Total size of stored envelopes.
        dead_letter_max_size as "retry.dead_letter_max_size": u64 = size(1, 1 << 20, "100");
        /// Queued envelopes of one process; beyond it the oldest of the lowest priority is dropped.
        buffer_size as "queue.buffer_size": usize = count(1, 10_000_000, "1000");
        /// Concurrent requests to Sentry of one process.
        workers as "queue.workers": usize = count(1, 256, "4");
        /// Number of logs, metrics or spans after which a batch is sent. Events are never merged: the protocol forbids
        /// it.
        batch_size as "queue.batch_size": usize = count(1, 1000, "10");
        /// How long logs, metrics and spans are batched before sending.
        batch_timeout as "queue.batch_timeout": Duration = duration(ZERO, HOUR, "5s");
        /// Total size of all outboxes of the machine.
        outbox_size: u64 = size(1, 1 << 20, "64");
        /// Maximum size of an envelope; Sentry's own limit by default.
        max_payload_size: u64 = size(1, 2048, "200");
        /// `memory`: outboxes are in `run_dir` and survive the death of processes; `disk`: in `state_dir`, synced, and
        /// they survive a crash of the machine.
        on_disk as "durability": bool = durability("memory");
        /// Interval of syncs with `sentry.durability=disk`.
        sync_interval: Duration = duration(millis(10), HOUR, "500ms");
        /// Whether client reports with the number of dropped items and the reasons are sent to Sentry.
        send_client_reports: bool = flag("on");
        /// The least important level of lines about Sentry, within `pillion.log_level`.
        log_level as "logging.level": log::LevelFilter = level("info");
    } with {
        /// Locations from the environment.
        system_certificates: SystemCertificates,
    }
}

const fn dsn() -> Row<Option<Dsn>> {
    Row::new(ValueType::Dsn, None, optional!(Dsn))
}

const fn durability(default: &'static str) -> Row<bool> {
    let words = &["memory", "disk"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        word == "disk"
    })
}
