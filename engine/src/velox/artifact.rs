//! What a request is answered with. Pure values.

use std::path::PathBuf;

use serde_json::Value;

use super::{flight::Landed, request::Request};
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

    /// What the file is called for whoever downloads it: `roadrunner-linux-amd64`.
    #[must_use]
    pub fn filename(&self) -> String {
        let part = |name: &str| {
            let platform = self.config.get("target_platform");
            let value = platform.and_then(|platform| platform.get(name));
            value
                .and_then(Value::as_str)
                .unwrap_or("unknown")
                .to_owned()
        };
        let os = part("os");
        let ending = if os == "windows" { ".exe" } else { "" };
        format!("roadrunner-{os}-{}{ending}", part("arch"))
    }
}
