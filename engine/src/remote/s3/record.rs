//! The record of an artifact as headers of its object. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use reqwest::Response;

use super::{S3Object, S3Store, sign::Provider};
use crate::{
    remote::{object::Metadata, protocol::Checksum},
    time::parse_http_date,
};

impl S3Store {
    /// The headers of an upload without its length.
    pub(super) fn upload_headers(&self, metadata: &Metadata) -> BTreeMap<String, String> {
        let mut headers = self.record_headers(metadata);
        let (name, value) = self.provider.create_only();
        headers.insert(name.into(), value.into());
        if self.provider == Provider::Amazon {
            let checksum = metadata.sha256.base64();
            headers.insert("x-amz-checksum-sha256".into(), checksum);
        }
        headers
    }

    /// The headers of the record.
    pub(super) fn record_headers(&self, metadata: &Metadata) -> BTreeMap<String, String> {
        let prefix = self.provider.header_prefix();
        let duration = metadata.duration_ms.map(|duration| duration.to_string());
        let fields = [
            ("sha256", Some(metadata.sha256.to_string())),
            ("tag", metadata.tag.clone()),
            ("duration", duration),
            ("signature", metadata.signature.clone()),
        ];
        let fields = fields.into_iter();
        fields
            .filter_map(|(name, value)| Some((format!("{prefix}meta-{name}"), value?)))
            .collect()
    }

    /// Reads the headers of an object; `None` if it has no record: another program stored it.
    pub(super) fn object(&self, response: &Response) -> Option<S3Object> {
        let headers = response.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let prefix = self.provider.header_prefix();
        let field = |name: &str| text(&format!("{prefix}meta-{name}"));
        let modified = text("last-modified").and_then(parse_http_date);
        Some(S3Object {
            metadata: Metadata {
                sha256: field("sha256").and_then(Checksum::parse_hex)?,
                size: text("content-length")?.parse().ok()?,
                tag: field("tag").map(str::to_owned),
                duration_ms: field("duration").and_then(|text| text.parse().ok()),
                signature: field("signature").map(str::to_owned),
            },
            used: SystemTime::UNIX_EPOCH + Duration::from_secs(modified.unwrap_or_default()),
            etag: text("etag").unwrap_or("*").to_owned(),
        })
    }
}
