//! The responses with a binary: 200, 206, 304, 412, 416, and the headers that the Velox plugin documents.

use std::{
    fs::File,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use pillion_engine::{
    artifacts::{CacheStatus, IndexRecord},
    host::clock,
    velox::delivery::{Range, Selection, Ticket, Validators, validators},
};

use super::{file_body::FileBody, transfer::Transfer};
use crate::http::{FileQueue, Response, empty, with_body};

const CONTENT_TYPE: &str = "application/octet-stream";

/// A binary with its open file.
#[derive(Debug)]
pub(super) struct Binary {
    pub(super) record: IndexRecord,
    pub(super) cache_status: CacheStatus,
    pub(super) file: Arc<File>,
    /// The name under which the client saves it: letters, digits, `_`, `-` and `.` only.
    pub(super) file_name: String,
}

impl Binary {
    /// Answers a GET or HEAD request that began at `started`.
    pub(super) fn respond<B>(
        self,
        request: &Request<B>,
        ticket: &Ticket,
        started: Instant,
    ) -> Response {
        let validators = validators(&self.record);
        let size = self.record.size;
        let find = |name: &str| header_list(request.headers(), name);
        let selection = validators.select(&find, size, *request.method() == Method::GET);
        let mut response = match selection {
            Selection::NotModified => empty(StatusCode::NOT_MODIFIED),
            Selection::Failed => empty(StatusCode::PRECONDITION_FAILED),
            Selection::Bytes(Range::Unsatisfiable) => {
                let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
                let range = format!("bytes */{size}");
                insert(response.headers_mut(), header::CONTENT_RANGE, &range);
                response
            }
            Selection::Bytes(range) if *request.method() == Method::HEAD => {
                let mut response = empty(StatusCode::OK);
                self.describe(response.headers_mut(), ticket, range);
                response
            }
            Selection::Bytes(range) => {
                let (offset, len) = range.span(size);
                let label = match self.cache_status {
                    CacheStatus::Hit => "hit",
                    CacheStatus::Miss => "miss",
                };
                let id = ticket.request_id.to_string();
                let body = FileBody::boxed(
                    Arc::clone(&self.file),
                    (offset, len),
                    Transfer::new(id, label, started, len),
                    request.extensions().get::<FileQueue>().cloned(),
                );
                let status = match range {
                    Range::Part { .. } => StatusCode::PARTIAL_CONTENT,
                    _ => StatusCode::OK,
                };
                let mut response = with_body(status, body, CONTENT_TYPE);
                self.describe(response.headers_mut(), ticket, range);
                response
            }
        };
        self.identify(response.headers_mut(), ticket, &validators);
        response
    }

    /// Headers of the content.
    fn describe(&self, headers: &mut HeaderMap, ticket: &Ticket, range: Range) {
        let size = self.record.size;
        let (_, len) = range.span(size);
        if let Range::Part { first, last } = range {
            let range = format!("bytes {first}-{last}/{size}");
            insert(headers, header::CONTENT_RANGE, &range);
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        insert(
            headers,
            header::CONTENT_DISPOSITION,
            &disposition(ticket.disposition.name(), &self.file_name),
        );
    }

    /// Headers of every answer about this binary.
    fn identify(&self, headers: &mut HeaderMap, ticket: &Ticket, validators: &Validators) {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(validators.modified);
        insert(headers, header::ETAG, &validators.etag);
        let modified = httpdate::fmt_http_date(modified);
        insert(headers, header::LAST_MODIFIED, &modified);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        // The URL is a right of its client, and the bytes are counted and hashed.
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-transform"),
        );
        let x = HeaderName::from_static;
        let id = ticket.request_id.to_string();
        insert(headers, x("x-build-request-id"), &id);
        match self.cache_status {
            CacheStatus::Hit => {
                insert(headers, x("x-cache-status"), "HIT");
                let age = clock::unix_ms().saturating_sub(self.record.created_ms) / 1000;
                headers.insert(x("x-cache-age"), HeaderValue::from(age));
            }
            CacheStatus::Miss => {
                insert(headers, x("x-cache-status"), "MISS");
                let seconds = f64::from(self.record.build_ms) / 1000.0;
                insert(headers, x("x-build-time"), &format!("{seconds:.1}"));
            }
        }
    }
}

/// The value of `Content-Disposition`. Only characters that need no escape are in the name, whatever it was.
fn disposition(kind: &str, file_name: &str) -> String {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = file_name.chars().filter(is_safe).take(200).collect();
    match name.trim_matches('.') {
        "" => format!("{kind}; filename=\"roadrunner\""),
        name => format!("{kind}; filename=\"{name}\""),
    }
}

/// A header, with all of its lines as one list; lines that are no text do not count.
pub(super) fn header_list(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_can_not_leave_its_quotes() {
        let name = |text| disposition("attachment", text);
        assert_eq!(
            name("roadrunner-linux-amd64"),
            "attachment; filename=\"roadrunner-linux-amd64\""
        );
        assert_eq!(name("a\"\r\nX: y/..\\é"), "attachment; filename=\"aXy\"");
        assert_eq!(name("../.."), "attachment; filename=\"roadrunner\"");
        assert_eq!(name(""), "attachment; filename=\"roadrunner\"");
    }
}
