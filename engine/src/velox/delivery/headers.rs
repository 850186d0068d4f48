//! The headers of a response with a binary, as the Velox plugin documents them. Pure; any thread.

use super::{preconditions::Validators, ticket::Disposition};
use crate::{artifacts::IndexRecord, velox::filename::filename};

/// A header: its name and its value.
pub type Header = (&'static str, String);

/// The value of `Content-Disposition`. `config` is the configuration of the artifact, which has the platform.
fn content_disposition(disposition: Disposition, config: &serde_json::Value) -> String {
    // `filename` has only letters that need no escape.
    format!("{}; filename=\"{}\"", disposition.name(), filename(config))
}

/// The validators of an artifact: its SHA-256, a strong entity tag, and its age.
#[must_use]
pub fn validators(record: &IndexRecord) -> Validators {
    Validators {
        etag: format!("\"{}\"", record.sha256_hex()),
        modified: record.created_ms / 1000,
    }
}

/// The headers of a cached artifact, except for `Content-Length`.
#[must_use]
pub fn hit_headers(
    record: &IndexRecord,
    config: &serde_json::Value,
    request_id: &str,
    disposition: Disposition,
    now_ms: u64,
) -> Vec<Header> {
    let age = now_ms.saturating_sub(record.created_ms) / 1000;
    vec![
        ("Content-Type", "application/octet-stream".into()),
        (
            "Content-Disposition",
            content_disposition(disposition, config),
        ),
        ("ETag", validators(record).etag),
        ("X-Build-Request-ID", request_id.into()),
        ("X-Cache-Status", "HIT".into()),
        ("X-Cache-Age", age.to_string()),
    ]
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
        assert_eq!(
            content_disposition(Disposition::Inline, &config),
            "inline; filename=\"roadrunner-windows-amd64.exe\""
        );
    }
}
