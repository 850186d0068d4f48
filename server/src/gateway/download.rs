//! Downloads through the gateway. A file goes to the client by `sendfile(2)`; an object of the bucket is passed on
//! as it arrives, hashed, and the connection breaks off before the last bytes if the hash is another one. One
//! task for each connection.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body as HttpBody, Bytes, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use pillion_engine::{
    Error, Result,
    metrics::gateway as metrics,
    remote::{
        object::{Metadata, Space},
        protocol::{Checksum, Key, REPR_DIGEST},
        s3::S3Download,
    },
    velox::delivery::{Range, Selection, Validators},
};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::{
    access::Role,
    core::Gateway,
    storage::{Found, Source, Storage},
    timed_body::TimedBody,
};
use crate::http::{Body, FileBody, FileQueue, Progress, Response, empty, with_body};

const CONTENT_TYPE: &str = "application/octet-stream";
/// Pieces of an object between the bucket and the client.
const MAX_PIECES: usize = 4;

impl Gateway {
    /// The response to a GET or HEAD request; `None` if the key is absent.
    ///
    /// # Errors
    /// The storage fails.
    pub(super) async fn download<B>(
        &self,
        role: &Role,
        space: Space,
        key: &Key,
        request: &Request<B>,
    ) -> Result<Option<(Response, Metadata)>> {
        let found = self.find(role, &space, key).await;
        match &found {
            Ok(Some(_)) => {
                metrics::HITS.inc();
                metrics::OPERATIONS.inc_for(&["download", "hit"]);
            }
            Ok(None) => {
                metrics::MISSES.inc();
                metrics::OPERATIONS.inc_for(&["download", "miss"]);
            }
            Err(_) => metrics::OPERATIONS.inc_for(&["download", "error"]),
        }
        let Some(found) = found? else { return Ok(None) };
        self.storage.touch(&found);
        let metadata = found.metadata.clone();
        let response = self.respond(found, request).await?;
        Ok(response.map(|response| (response, metadata)))
    }

    async fn respond<B>(&self, found: Found, request: &Request<B>) -> Result<Option<Response>> {
        let Metadata { size, sha256, .. } = found.metadata;
        let validators = Validators {
            etag: format!("\"{sha256}\""),
            modified: 0,
        };
        let is_get = *request.method() == Method::GET;
        let condition = |name: &str| condition(request.headers(), name);
        let selection = validators.select(&condition, size, is_get);
        let mut response = match selection {
            Selection::NotModified => empty(StatusCode::NOT_MODIFIED),
            Selection::Failed => empty(StatusCode::PRECONDITION_FAILED),
            Selection::Bytes(Range::Unsatisfiable) => {
                let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
                let range = format!("bytes */{size}");
                insert(response.headers_mut(), header::CONTENT_RANGE, &range);
                response
            }
            Selection::Bytes(range) => {
                let mut response = match is_get {
                    false => empty(StatusCode::OK),
                    true => match self.body(&found, range, request).await? {
                        Some(body) => {
                            let body = TimedBody::boxed(body, self.settings.transfer_timeout);
                            with_body(StatusCode::OK, body, CONTENT_TYPE)
                        }
                        None => return Ok(None),
                    },
                };
                if let Range::Part { first, last } = range {
                    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                    let range = format!("bytes {first}-{last}/{size}");
                    insert(response.headers_mut(), header::CONTENT_RANGE, &range);
                }
                let (_, len) = range.span(size);
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
                let name = header::X_CONTENT_TYPE_OPTIONS;
                headers.insert(name, HeaderValue::from_static("nosniff"));
                response
            }
        };
        let headers = response.headers_mut();
        insert(headers, header::ETAG, &validators.etag);
        let digest = HeaderName::from_static(REPR_DIGEST);
        insert(headers, digest, &sha256.digest());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let private = HeaderValue::from_static("private, no-transform");
        headers.insert(header::CACHE_CONTROL, private);
        Ok(Some(response))
    }

    /// The bytes of an artifact; `None` if it was removed meanwhile.
    async fn body<B>(
        &self,
        found: &Found,
        range: Range,
        request: &Request<B>,
    ) -> Result<Option<Body>> {
        let Metadata { size, sha256, .. } = found.metadata;
        let span = range.span(size);
        match (&found.source, &self.storage) {
            (Source::File(file), _) => {
                let file = file.file.try_clone();
                let file = file.map_err(|error| Error::io("reading an artifact", error))?;
                let queue = request.extensions().get::<FileQueue>().cloned();
                Ok(Some(FileBody::boxed(
                    Arc::new(file),
                    span,
                    Arc::new(Sent),
                    queue,
                )))
            }
            (Source::Object(object), Storage::S3(store, _)) => {
                let part = match range {
                    Range::Part { first, last } => Some(format!("bytes={first}-{last}")),
                    _ => None,
                };
                let response = store.get(&found.name, object, part.as_deref()).await?;
                let expected = part.is_none().then_some(sha256);
                Ok(response.map(|download| Pipe::start(download, span.1, expected)))
            }
            (Source::Object(_), _) => Err(Error::Internal("object of another storage".into())),
        }
    }
}

/// The headers of a condition or a range; there is no date that a client could name.
fn condition(headers: &HeaderMap, name: &str) -> Option<String> {
    if name.contains("Since") {
        return None;
    }
    let values = headers.get_all(name).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Counts the bytes of downloads.
#[derive(Debug)]
struct Sent;

impl Progress for Sent {
    fn add(&self, bytes: u64) {
        metrics::BYTES.add_for(&["out"], bytes);
    }
}

/// A body that a task fills from the bucket.
struct Pipe {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    remaining: u64,
}

impl Pipe {
    /// Passes on `len` bytes; compares their hash if all of the object is `expected`.
    fn start(mut download: S3Download, len: u64, expected: Option<Checksum>) -> Body {
        let (sender, pieces) = mpsc::channel(MAX_PIECES);
        tokio::spawn(async move {
            let mut hash = Sha256::new();
            let mut passed = 0;
            loop {
                let piece = match download.chunk().await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => return,
                    Err(error) => {
                        log::warn!(error:%; "download from the object storage broke off");
                        let _ = sender.send(Err(io::Error::other(error))).await;
                        return;
                    }
                };
                hash.update(&piece);
                passed += piece.len() as u64;
                let is_wrong = passed >= len
                    && expected.is_some_and(|expected| {
                        passed > len || Checksum(hash.clone().finalize().into()) != expected
                    });
                if is_wrong {
                    metrics::REFUSED_UPLOADS.inc_for(&["checksum"]);
                    log::error!("artifact of the object storage has another checksum");
                    let _ = sender.send(Err(io::ErrorKind::InvalidData.into())).await;
                    return;
                }
                if sender.send(Ok(piece)).await.is_err() {
                    return;
                }
            }
        });
        let pipe = Self {
            pieces,
            remaining: len,
        };
        pipe.boxed_unsync()
    }
}

impl HttpBody for Pipe {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.pieces.poll_recv(cx).map(|piece| match piece {
            Some(Ok(bytes)) => {
                self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
                metrics::BYTES.add_for(&["out"], bytes.len() as u64);
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.remaining > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
