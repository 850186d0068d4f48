//! The settings of the delivery of binaries to clients of HTTP, which `Velox\respond()` uses.

use std::{path::PathBuf, time::Duration};

use super::super::{
    row::{DAY, Row, SECOND, duration, flag, optional, required},
    types::{Value, ValueType},
};

pub use super::super::types::DeliveryUrl;

settings! {
    /// Delivery of binaries to clients of HTTP.
    pub struct DeliverySettings: Velox, "" in "pillion." {
        /// How `Velox\respond()` answers: `accel` with `X-Accel-Redirect`, `sendfile` with `X-Sendfile`, `ticket` with a
        /// redirection to `pillion serve`, `stream` with the bytes, which holds the worker. `auto` is `accel` if
        /// `pillion.delivery_accel_map` is set, else `ticket` if `pillion.delivery_url` is, else `stream`.
        method as "delivery": DeliveryMethod = method("auto");
        /// Directories of this machine and the internal locations of the front server for them.
        accel_map as "delivery_accel_map": Vec<(PathBuf, PathBuf)> = Row::new(ValueType::UriMap, None, required!(PathMap));
        /// The address of `pillion serve` for clients, or the location of the front server that passes requests on to
        /// it; unset: PHP answers a miss with status 202. With `accel` a path is an internal location.
        url as "delivery_url": Option<DeliveryUrl> = Row::new(ValueType::DeliveryUrl, None, optional!(DeliveryUrl));
        /// Whether the request headers `X-Sendfile-Type` and `X-Accel-Mapping` are used as Symfony's
        /// `BinaryFileResponse` uses them. Only behind a front server that overwrites both: a client could have any file
        /// sent otherwise.
        trusts_headers as "delivery_trust_headers": bool = flag("off");
        /// The time in which a URL of `pillion serve` that a client was redirected to is valid.
        ticket_lifetime as "delivery_ticket_lifetime": Duration = duration(MIN_LIFETIME, MAX_LIFETIME, "1h");
        /// Whether a response with the header `X-Velox-Build: true` and a build request as its body is replaced by the
        /// binary. Read when PHP starts.
        is_intercepting as "velox_intercept": bool = flag("off");
    }
}

/// The shortest lifetime of a ticket.
const MIN_LIFETIME: Duration = SECOND.saturating_mul(10);
/// The longest lifetime of a ticket.
const MAX_LIFETIME: Duration = DAY.saturating_mul(7);

/// How a binary gets to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryMethod {
    /// By the other settings.
    Auto,
    /// `X-Accel-Redirect`: nginx, Caddy.
    Accel,
    /// `X-Sendfile`: RoadRunner's plugin `send`.
    Sendfile,
    /// A redirection to the delivery server.
    Ticket,
    /// PHP sends the bytes.
    Stream,
}

const fn method(default: &'static str) -> Row<DeliveryMethod> {
    let words = &["auto", "accel", "sendfile", "ticket", "stream"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "accel" => DeliveryMethod::Accel,
            "sendfile" => DeliveryMethod::Sendfile,
            "ticket" => DeliveryMethod::Ticket,
            "stream" => DeliveryMethod::Stream,
            _ => DeliveryMethod::Auto,
        }
    })
}
