//! The parsed value of a setting.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    DeliveryUrl, Dsn, ListenAddress, MetricList, Policy, RedisUrl, duration, metric, size,
};
use crate::secret::{Secret, ServerUrl};

/// The value of a setting. Its `Display` is for people: secrets are masked.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "each is the value of the type of the same name"
)]
pub enum Value {
    Flag(bool),
    Integer(i64),
    Float(f64),
    Duration(Duration),
    Size(u64),
    Text(String),
    Words(Vec<&'static str>),
    Path(PathBuf),
    InStateDir(PathBuf),
    PathMap(Vec<(PathBuf, PathBuf)>),
    Policies(Vec<Policy>),
    Metrics(MetricList),
    Url(ServerUrl),
    Secret(Secret),
    Dsn(Dsn),
    RedisUrl(RedisUrl),
    DeliveryUrl(DeliveryUrl),
    Listen(Vec<ListenAddress>),
    FileMode(u32),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Integer(n) => n.fmt(f),
            Self::Float(n) => write!(f, "{n:?}"),
            Self::Duration(d) => f.write_str(&duration::format(*d)),
            Self::Size(bytes) => f.write_str(&size::format(*bytes)),
            Self::Text(text) => f.write_str(text),
            Self::Words(words) if words.is_empty() => f.write_str("none"),
            Self::Words(words) => f.write_str(&words.join(", ")),
            Self::Path(path) | Self::InStateDir(path) => path.display().fmt(f),
            Self::PathMap(pairs) => {
                for (i, (server, local)) in pairs.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}={}", server.display(), local.display())?;
                }
                Ok(())
            }
            Self::Policies(policies) => {
                for (i, policy) in policies.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{policy}")?;
                }
                Ok(())
            }
            Self::Metrics(metrics) => f.write_str(&metric::format_list(&metrics.valid)),
            Self::Url(url) => url.fmt(f),
            Self::Secret(secret) => secret.fmt(f),
            Self::Dsn(dsn) => dsn.fmt(f),
            Self::RedisUrl(url) => url.fmt(f),
            Self::DeliveryUrl(url) => url.fmt(f),
            Self::Listen(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&addresses.join(", "))
            }
            Self::FileMode(mode) => write!(f, "{mode:04o}"),
        }
    }
}
