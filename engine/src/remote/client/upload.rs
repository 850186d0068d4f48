//! Uploads a file, unless its key exists: to the storage with the headers of the negotiation, or through the gateway.
//! Runs on the runtime; the file is read on blocking threads.

use std::{collections::BTreeMap, fs::File, io, sync::Arc};

use reqwest::{Response, StatusCode, header::CONTENT_LENGTH};

use super::{
    core::{Client, Direction},
    http::Failure,
};
use crate::{
    Error, Result,
    remote::{
        file_body::{FileBody, stall},
        protocol::{Action, Checksum, Item, Key, Negotiated, REPR_DIGEST},
    },
};

/// Headers that a gateway can't choose, because they are about the connection or the caller.
const OWN_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The outcome of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploaded {
    /// The artifact is stored.
    Stored,
    /// The key exists: another client was first.
    Exists,
}

/// Another handle of a file with enough bytes.
fn open(file: &File, size: u64) -> Result<Arc<File>> {
    let opened = file
        .try_clone()
        .and_then(|file| match file.metadata()?.len() {
            len if len < size => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(Arc::new(file)),
        });
    opened.map_err(|error| Error::io("reading an upload", error))
}

impl Client {
    /// Uploads the first `size` bytes of a file; their SHA-256 is `sha256`.
    ///
    /// # Errors
    /// [`Error::Remote`] and [`Error::Timeout`]: the gateway fails, or has failed a moment ago; the token may not
    /// write; the artifact is too large for the gateway, or its bytes have another SHA-256.
    pub async fn upload(
        &self,
        key: &Key,
        file: &File,
        sha256: Checksum,
        size: u64,
    ) -> Result<Uploaded> {
        let file = open(file, size)?;
        let uploading = || async {
            let item = Item {
                hash: key.clone(),
                sha256: Some(sha256),
                size: Some(size),
            };
            match self.ask(Action::Upload, item).await? {
                Negotiated::UploadNeeded { url, headers } => {
                    self.put(&url, &headers, &file, (sha256, size)).await
                }
                Negotiated::Skipped => Ok(Uploaded::Exists),
                _ => Err(self.http.broken("it answers an upload like a download")),
            }
        };
        self.call(Direction::Write, uploading).await
    }

    /// Uploads a file that [`Client::negotiate`] has found to be needed, with the `sha256` and the `size` of that
    /// negotiation; as [`Client::upload`].
    ///
    /// # Errors
    /// As [`Client::upload`].
    pub async fn upload_needed(
        &self,
        needed: &Negotiated,
        file: &File,
        sha256: Checksum,
        size: u64,
    ) -> Result<Uploaded> {
        let Negotiated::UploadNeeded { url, headers } = needed else {
            return Ok(Uploaded::Exists);
        };
        let file = open(file, size)?;
        let uploading = || self.put(url, headers, &file, (sha256, size));
        self.call(Direction::Write, uploading).await
    }

    async fn put(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        file: &Arc<File>,
        (sha256, size): (Checksum, u64),
    ) -> Result<Uploaded, Failure> {
        let (mut request, url, is_own) = self.http.put(url)?;
        for (name, value) in headers {
            if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return Err(self
                    .http
                    .broken("it chooses a header that belongs to the client"));
            }
            request = request.header(name, value);
        }
        if is_own && headers.is_empty() {
            request = request.header(REPR_DIGEST, sha256.digest());
        }
        let progress = Arc::default();
        let body = FileBody::new(Arc::clone(file), size, Arc::clone(&progress));
        let sending = request
            .header(CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap(body))
            .send();
        let response = tokio::select! {
            response = sending => response.map_err(|error| self.http.unreachable(&url, error))?,
            () = stall(&progress, self.http.timeout) => return Err(self.http.silent(&url)),
        };
        self.outcome(response).await
    }

    async fn outcome(&self, response: Response) -> Result<Uploaded, Failure> {
        match response.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(Uploaded::Stored),
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Ok(Uploaded::Exists),
            StatusCode::FORBIDDEN => Err(match self.http.refused("an upload", response).await {
                // The URL has expired: the next attempt negotiates again.
                Failure::Artifact(error) => Failure::Transient(error),
                other => other,
            }),
            _ => Err(self.http.refused("an upload", response).await),
        }
    }
}
