//! The headers of a response with a binary, as the Velox plugin documents them. Pure; any thread.

use super::preconditions::Validators;
use crate::{
    artifacts::{CacheStatus, IndexRecord},
    velox::filename::filename,
};

/// A header: its name and its value.
pub type Header = (&'static str, String);

/// The type of a `Content-Disposition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disposition {
    /// The client saves the binary.
    #[default]
    Attachment,
    /// The client decides.
    Inline,
}

impl Disposition {
    /// The name in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attachment => "attachment",
            Self::Inline => "inline",
        }
    }
}

/// The validators of an artifact: its SHA-256, a strong entity tag, and its age.
#[must_use]
pub fn validators(record: &IndexRecord) -> Validators {
    Validators {
        etag: format!("\"{}\"", record.sha256_hex()),
        modified: record.created_ms / 1000,
    }
}

/// The headers of a cached artifact, except for `Content-Length`. `config` is its configuration, which has the
/// platform.
#[must_use]
pub fn hit_headers(
    record: &IndexRecord,
    config: &serde_json::Value,
    request_id: &str,
    disposition: Disposition,
    now_ms: u64,
) -> Vec<Header> {
    let mut headers = content_headers(&filename(config), disposition).to_vec();
    headers.extend(origin_headers(record, CacheStatus::Hit, request_id, now_ms));
    headers
}

/// The headers of the content: its type, and the name under which the client saves it.
#[must_use]
pub fn content_headers(file_name: &str, disposition: Disposition) -> [Header; 2] {
    [
        ("Content-Type", "application/octet-stream".into()),
        (
            "Content-Disposition",
            content_disposition(disposition, file_name),
        ),
    ]
}

/// The headers of each response about a binary, of any status: its identity and its origin.
#[must_use]
pub fn origin_headers(
    record: &IndexRecord,
    cache_status: CacheStatus,
    request_id: &str,
    now_ms: u64,
) -> [Header; 4] {
    let origin = match cache_status {
        CacheStatus::Hit => {
            let age = now_ms.saturating_sub(record.created_ms) / 1000;
            ("X-Cache-Age", age.to_string())
        }
        CacheStatus::Miss => {
            let seconds = f64::from(record.build_ms) / 1000.0;
            ("X-Build-Time", format!("{seconds:.1}"))
        }
    };
    [
        ("ETag", validators(record).etag),
        ("X-Build-Request-ID", request_id.into()),
        ("X-Cache-Status", cache_status.name().into()),
        origin,
    ]
}

/// Leaves out all characters of the name that need an escape.
fn content_disposition(disposition: Disposition, file_name: &str) -> String {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = file_name.chars().filter(is_safe).take(200).collect();
    let kind = disposition.name();
    match name.trim_matches('.') {
        "" => format!("{kind}; filename=\"roadrunner\""),
        name => format!("{kind}; filename=\"{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::artifacts::{ConfigDigest, Key};

    #[test]
    fn headers_are_those_of_the_plugin() {
        let record = IndexRecord {
            key: Key(1),
            sha256: [0xab; 32],
            size: 5,
            created_ms: 10_000,
            expires_ms: 0,
            accessed_ms: 0,
            build_ms: 0,
            digest: ConfigDigest(0),
        };
        let config = json!({"target_platform": {"os": "windows", "arch": "amd64"}});
        let hit = hit_headers(&record, &config, "id", Disposition::Attachment, 12_999);
        let text: Vec<_> = hit
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            text,
            [
                "Content-Type: application/octet-stream",
                "Content-Disposition: attachment; filename=\"roadrunner-windows-amd64.exe\"",
                &format!("ETag: \"{}\"", "ab".repeat(32)),
                "X-Build-Request-ID: id",
                "X-Cache-Status: HIT",
                "X-Cache-Age: 2",
            ]
        );
        let miss = origin_headers(&record, CacheStatus::Miss, "id", 12_999);
        assert_eq!(
            miss[2..],
            [
                ("X-Cache-Status", "MISS".to_owned()),
                ("X-Build-Time", "0.0".to_owned()),
            ]
        );
    }

    #[test]
    fn file_name_can_not_leave_its_quotes() {
        let name = |text| content_disposition(Disposition::Attachment, text);
        assert_eq!(name("a\"\r\nX: y/..\\é"), "attachment; filename=\"aXy\"");
        assert_eq!(name("../.."), "attachment; filename=\"roadrunner\"");
        assert_eq!(name(""), "attachment; filename=\"roadrunner\"");
        assert_eq!(
            content_disposition(Disposition::Inline, "roadrunner-linux-amd64"),
            "inline; filename=\"roadrunner-linux-amd64\""
        );
    }
}
