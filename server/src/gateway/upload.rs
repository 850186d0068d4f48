//! Uploads through the gateway: a body is written to a file as it arrives, hashed, and published when all of it is
//! there and its checksum is right. One task for each connection.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap,
    body::{Body as _, Bytes, Incoming},
    header,
};
use pillion_engine::{
    Error,
    metrics::gateway as metrics,
    remote::{
        object::{Metadata, ObjectName, Space},
        protocol::{Checksum, Key, REPR_DIGEST},
        spool::Spool,
    },
};
use tokio::time::timeout;

use super::{access::Role, core::Gateway, storage::blocking};
use crate::http::{BodyError, GRACE};

/// Bytes that are written at once.
const BLOCK: usize = 256 << 10;
/// The time that the first bytes of a block wait for the others, so that a client that sends little for a long time
/// holds no more than it has sent in this time, on each of its streams.
const MAX_BLOCK_AGE: Duration = Duration::from_millis(200);
/// Bytes of a refused body that are read, so that its client reads the answer: most clients read it only behind their
/// body.
const MAX_DISCARDED: u64 = 64 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between two messages about a full storage.
const FULL_INTERVAL: Duration = Duration::from_secs(60);

/// An upload that is not stored.
#[derive(Debug)]
pub(super) enum UploadError {
    /// The role may not write.
    Forbidden,
    /// The key exists: another client was first.
    Exists,
    /// The checksum of a header is none, or that of other bytes.
    Checksum,
    /// It is too large.
    TooLarge,
    /// Its length is unknown, so that a part of it would count as all.
    NoLength,
    /// It is a part of an artifact.
    Part,
    /// The body has not arrived.
    Body(BodyError),
    /// The storage has no space.
    Full,
    /// The storage fails.
    Storage,
    /// Too many uploads are in progress.
    Busy,
}

/// The record that a client sends with an artifact.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) tag: Option<String>,
    pub(super) duration_ms: Option<u64>,
}

/// The head and the body of a PUT.
struct Upload<'a> {
    headers: &'a HeaderMap,
    body: &'a mut Incoming,
    /// Whether the client was asked for the body.
    has_begun: bool,
}

impl Upload<'_> {
    fn check(&self, max: u64) -> Result<(), UploadError> {
        // Stored, it would be the whole artifact for good (RFC 9110, section 14.5).
        if self.headers.contains_key(header::CONTENT_RANGE) {
            return Err(UploadError::Part);
        }
        if self.body.is_end_stream() && !self.headers.contains_key(header::CONTENT_LENGTH) {
            return Err(UploadError::NoLength);
        }
        match self.body.size_hint().lower() > max {
            true => Err(UploadError::TooLarge),
            false => Ok(()),
        }
    }
}

impl Gateway {
    /// Stores the body of a PUT.
    pub(super) async fn upload(
        &self,
        role: &Role,
        space: Space,
        key: Key,
        headers: &HeaderMap,
        mut body: Incoming,
        claims: Claims,
    ) -> Result<(), UploadError> {
        let is_negotiated = space == Space::Velocity;
        let mut upload = Upload {
            headers,
            body: &mut body,
            has_begun: false,
        };
        let stored = self
            .receive_and_store(role, space, key, &mut upload, claims)
            .await;
        let has_begun = upload.has_begun;
        if matches!(stored, Err(UploadError::Full)) {
            self.cleaning.no_space();
        }
        let result = match &stored {
            // Clients of this protocol have negotiated, which counted.
            Ok(()) if is_negotiated => None,
            Ok(()) => Some("needed"),
            Err(UploadError::Exists) => Some("skipped"),
            Err(_) => Some("error"),
        };
        if let Some(result) = result {
            metrics::OPERATIONS.inc_for(&["upload", result]);
        }
        // A client that waits for `100 Continue` sends no body before it was asked for it.
        let is_sending = has_begun && !matches!(stored, Err(UploadError::Body(_)));
        if stored.is_err() && (is_sending || !headers.contains_key(header::EXPECT)) {
            let _ = timeout(DISCARD_TIMEOUT, discard(&mut body)).await;
        }
        stored
    }

    async fn receive_and_store(
        &self,
        role: &Role,
        space: Space,
        key: Key,
        upload: &mut Upload<'_>,
        claims: Claims,
    ) -> Result<(), UploadError> {
        let namespace = role.writes().ok_or(UploadError::Forbidden)?;
        let max = self.settings.max_artifact_size;
        upload.check(max)?;
        let expected = match upload.headers.get(REPR_DIGEST).map(|value| value.to_str()) {
            None => None,
            Some(text) => {
                let checksum = text.ok().and_then(Checksum::parse_digest);
                Some(checksum.ok_or(UploadError::Checksum)?)
            }
        };
        let found = self.find_before_upload(role, &space, &key).await;
        if found.map_err(|error| failed(&error))?.is_some() {
            metrics::REFUSED_UPLOADS.inc_for(&["exists"]);
            return Err(UploadError::Exists);
        }
        let permit = timeout(self.settings.idle_timeout, self.uploads.acquire());
        let _permit = permit.await.map_err(|_| UploadError::Busy)?;
        let receiving = self.receive(upload, max);
        let spool = timeout(self.settings.transfer_timeout, receiving).await;
        let spool = spool.unwrap_or(Err(UploadError::Body(BodyError::Timeout)))?;
        let mut metadata = Metadata {
            sha256: spool.checksum(),
            size: spool.size(),
            tag: claims.tag,
            duration_ms: claims.duration_ms,
            signature: None,
        };
        if expected.is_some_and(|expected| expected != metadata.sha256) {
            metrics::REFUSED_UPLOADS.inc_for(&["checksum"]);
            return Err(UploadError::Checksum);
        }
        let name = ObjectName {
            namespace,
            space,
            key,
        };
        self.signer.sign(&name, &mut metadata);
        let size = metadata.size;
        let storing = self.storage.put(name, spool, metadata);
        let stored = timeout(self.settings.transfer_timeout, storing).await;
        let stored = stored.unwrap_or_else(|_| {
            let limit = self.settings.transfer_timeout.as_secs();
            Err(Error::Remote(format!(
                "storing an upload takes more than {limit} s"
            )))
        });
        if !stored.map_err(|error| failed(&error))? {
            metrics::REFUSED_UPLOADS.inc_for(&["exists"]);
            return Err(UploadError::Exists);
        }
        self.cleaning.stored(size);
        Ok(())
    }

    /// Writes a body to a file.
    async fn receive(&self, upload: &mut Upload<'_>, max: u64) -> Result<Spool, UploadError> {
        let spool = self.storage.spool().await;
        let mut spool = spool.map_err(|error| failed(&error))?;
        upload.has_begun = true;
        let mut received = 0;
        let (mut block, mut begun) = (Vec::new(), Instant::now());
        loop {
            let next = self.next(upload.body);
            let next = match block.is_empty() {
                true => next.await,
                // Dropping a wait loses no bytes.
                false => match timeout(MAX_BLOCK_AGE.saturating_sub(begun.elapsed()), next).await {
                    Ok(next) => next,
                    Err(_) => {
                        (spool, _) = write(spool, std::mem::take(&mut block)).await?;
                        continue;
                    }
                },
            };
            let Some(bytes) = next? else { break };
            received += bytes.len() as u64;
            if received > max {
                return Err(UploadError::TooLarge);
            }
            metrics::BYTES.add_for(&["in"], bytes.len() as u64);
            if block.is_empty() {
                begun = Instant::now();
            }
            // Copied: a piece keeps the whole buffer that it was received with, and may be one byte.
            block.extend_from_slice(&bytes);
            if block.len() >= BLOCK {
                (spool, block) = write(spool, block).await?;
            }
        }
        Ok(write(spool, block).await?.0)
    }

    /// The next bytes of a body.
    async fn next(&self, body: &mut Incoming) -> Result<Option<Bytes>, UploadError> {
        loop {
            let mut frame = timeout(self.settings.idle_timeout, body.frame()).await;
            if frame.is_err() {
                // A process that was stopped sees the end of the wait before the bytes that have arrived.
                frame = timeout(GRACE, body.frame()).await;
            }
            match frame {
                Err(_) => return Err(UploadError::Body(BodyError::Timeout)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    return Err(UploadError::Body(BodyError::Broken(error.to_string())));
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// Writes a block. Returns it empty.
async fn write(mut spool: Spool, mut block: Vec<u8>) -> Result<(Spool, Vec<u8>), UploadError> {
    let written = blocking("writing an upload", move || {
        spool.write(&block)?;
        block.clear();
        Ok((spool, block))
    });
    written.await.map_err(|error| failed(&error))
}

/// Logs and counts a failure of the storage.
pub(super) fn failed(error: &Error) -> UploadError {
    metrics::REFUSED_UPLOADS.inc_for(&["storage"]);
    let is_full = |kind| {
        matches!(
            kind,
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        )
    };
    match error {
        Error::Io { source, .. } if is_full(source.kind()) => {
            report_full(error);
            UploadError::Full
        }
        _ => {
            log::error!(error:%; "storage failed");
            UploadError::Storage
        }
    }
}

/// Logs that the storage is full, and not for each upload of a build.
fn report_full(error: &Error) {
    static REPORTED: Mutex<Option<Instant>> = Mutex::new(None);
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    if reported.is_some_and(|at| at.elapsed() < FULL_INTERVAL) {
        return;
    }
    *reported = Some(Instant::now());
    log::error!(
        error:%;
        "storage full, uploads are refused; gateway.max_size, well below the size of the disk, removes artifacts in time"
    );
}

/// Reads a part of a refused body.
async fn discard(body: &mut Incoming) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        if discarded > MAX_DISCARDED {
            return;
        }
    }
}
