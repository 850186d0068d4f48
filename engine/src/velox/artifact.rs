//! What a request is answered with. Pure values.

use std::path::PathBuf;

use serde_json::Value;

use super::{flight::Landed, protocol::request::Request};
use crate::artifacts::Record;

/// Where an artifact came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// It was there.
    Hit,
    /// It was built for this request, or for another one at the same time.
    Miss,
}

impl CacheStatus {
    /// `HIT` or `MISS`, as headers say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
        }
    }
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// What is known of it.
    pub record: Record,
    /// Where its binary lies.
    pub path: PathBuf,
    /// The request that asked for it, complete.
    pub config: Value,
    /// Where it came from.
    pub cache_status: CacheStatus,
}

impl Artifact {
    /// What a flight has brought for this request.
    pub(super) fn landed(landed: Landed, request: &Request) -> Self {
        Self {
            record: landed.record,
            path: landed.path,
            config: request.config(),
            cache_status: if landed.built {
                CacheStatus::Miss
            } else {
                CacheStatus::Hit
            },
        }
    }

    /// What the file is called for whoever downloads it: [`filename`] of its configuration.
    #[must_use]
    pub fn filename(&self) -> String {
        filename(&self.config)
    }
}

/// The name to save a binary under: `roadrunner-linux-amd64`, `roadrunner-windows-amd64.exe`. A platform
/// that would not do in a file name or a header gives a plain `roadrunner`.
#[must_use]
pub fn filename(config: &Value) -> String {
    let part = |name| {
        config
            .pointer(&format!("/target_platform/{name}"))
            .or_else(|| config.get(name))
            .and_then(Value::as_str)
            .filter(|part| (1..=64).contains(&part.len()))
            .filter(|part| {
                part.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            })
    };
    match (part("os"), part("arch")) {
        (Some(os @ "windows"), Some(arch)) => format!("roadrunner-{os}-{arch}.exe"),
        (Some(os), Some(arch)) => format!("roadrunner-{os}-{arch}"),
        _ => "roadrunner".to_owned(),
    }
}
