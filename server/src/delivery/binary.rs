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
    velox::delivery::{
        Header, Range, Selection, Ticket, Validators, content_headers, origin_headers, validators,
    },
};

use super::transfer::Transfer;
use crate::http::{FileBody, FileQueue, Response, empty, with_body};

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
                    Arc::new(Transfer::new(id, label, started, len)),
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
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        insert_all(
            headers,
            content_headers(&self.file_name, ticket.disposition),
        );
    }

    /// Headers of every answer about this binary.
    fn identify(&self, headers: &mut HeaderMap, ticket: &Ticket, validators: &Validators) {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(validators.modified);
        let modified = httpdate::fmt_http_date(modified);
        insert(headers, header::LAST_MODIFIED, &modified);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        // The URL is a right of its client, and the bytes are counted and hashed.
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-transform"),
        );
        let id = ticket.request_id.to_string();
        let now_ms = clock::unix_ms();
        let origin = origin_headers(&self.record, self.cache_status, &id, now_ms);
        insert_all(headers, origin);
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

fn insert_all(headers: &mut HeaderMap, all: impl IntoIterator<Item = Header>) {
    for (name, value) in all {
        if let Ok(name) = HeaderName::try_from(name) {
            insert(headers, name, &value);
        }
    }
}
