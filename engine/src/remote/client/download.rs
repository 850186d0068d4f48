//! Downloads an artifact into a file, a block at a time, and compares its SHA-256 and its size. Runs on the runtime;
//! the file is written on blocking threads.

use std::{fs::File, os::unix::fs::FileExt as _, sync::Arc};

use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use super::{
    core::{Client, Direction},
    http::{Failure, text},
};
use crate::{
    Error, Result,
    file_size::without_sigxfsz,
    remote::protocol::{Action, Checksum, Item, Key, Negotiated, REPR_DIGEST},
    threads::blocking,
};

/// Bytes that are written at once.
const BLOCK: usize = 256 << 10;

/// A complete artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// SHA-256 of its bytes.
    pub sha256: Checksum,
    /// Number of its bytes.
    pub size: u64,
    /// Whether the gateway knew the SHA-256, which was compared. The original VelocityCache server does not.
    pub is_verified: bool,
}

impl Client {
    /// Downloads an artifact; `None` if the key is absent. The file is overwritten from its start; after an error its
    /// content is of no use.
    ///
    /// # Errors
    /// [`Error::Remote`] and [`Error::Timeout`]: the gateway fails, or has failed a moment ago; the bytes have another
    /// SHA-256 or size, or are more than the limit. [`Error::Io`]: the file can't be written.
    pub async fn download(&self, key: &Key, file: &mut File) -> Result<Option<Downloaded>> {
        let file = clone(file)?;
        let downloading = || async {
            let item = Item {
                hash: key.clone(),
                sha256: None,
                size: None,
            };
            match self.ask(Action::Download, item).await? {
                Negotiated::Found { url, sha256, size } => {
                    self.fetch(key, &url, (sha256, size), &file).await
                }
                Negotiated::Missing => Ok(None),
                _ => Err(self.http.broken("it answers a download like an upload")),
            }
        };
        self.call(Direction::Read, downloading).await
    }

    /// Downloads an artifact that [`Client::negotiate`] has found, as [`Client::download`].
    ///
    /// # Errors
    /// As [`Client::download`].
    pub async fn download_found(
        &self,
        key: &Key,
        found: &Negotiated,
        file: &mut File,
    ) -> Result<Option<Downloaded>> {
        let Negotiated::Found { url, sha256, size } = found else {
            return Ok(None);
        };
        let file = clone(file)?;
        let downloading = || self.fetch(key, url, (*sha256, *size), &file);
        self.call(Direction::Read, downloading).await
    }

    async fn fetch(
        &self,
        key: &Key,
        url: &str,
        (sha256, size): (Option<Checksum>, Option<u64>),
        file: &Arc<File>,
    ) -> Result<Option<Downloaded>, Failure> {
        let response = self.http.get(url).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if is_page(&response) => {
                return Err(self.http.broken("it answers a download with a page"));
            }
            StatusCode::NOT_FOUND => return Ok(None),
            // The URL has expired: the next attempt negotiates again.
            StatusCode::FORBIDDEN => {
                let failure = self.http.refused("a download", response).await;
                return Err(match failure {
                    Failure::Artifact(error) => Failure::Transient(error),
                    other => other,
                });
            }
            _ => return Err(self.http.refused("a download", response).await),
        }
        let named = text(response.headers(), REPR_DIGEST).and_then(Checksum::parse_digest);
        let expected = sha256.or(named);
        let len = response.content_length();
        if size.or(len).is_some_and(|size| size > self.max_size) {
            return Err(self.too_large(key));
        }
        let received = self.receive(key, response, file).await?;
        let wrong = |what: &str| {
            let address = &self.http.address;
            let message = format!(
                "artifact {key} of {address} has another {what} than announced; if it stays so, remove it from the storage"
            );
            Failure::Artifact(Error::Remote(message))
        };
        if size.or(len).is_some_and(|size| size != received.size) {
            return Err(wrong("size"));
        }
        if expected.is_some_and(|expected| expected != received.sha256) {
            return Err(wrong("SHA-256"));
        }
        Ok(Some(Downloaded {
            is_verified: expected.is_some(),
            ..received
        }))
    }

    async fn receive(
        &self,
        key: &Key,
        mut response: Response,
        file: &Arc<File>,
    ) -> Result<Downloaded, Failure> {
        let mut writer = Writer {
            file: Arc::clone(file),
            hash: Sha256::new(),
            size: 0,
        };
        writer = writer.truncate().await?;
        let mut block = Vec::with_capacity(BLOCK);
        while let Some(chunk) = self.http.chunk(&mut response).await? {
            block.extend_from_slice(&chunk);
            if writer.size + block.len() as u64 > self.max_size {
                return Err(self.too_large(key));
            }
            if block.len() >= BLOCK {
                (writer, block) = writer.write(block).await?;
            }
        }
        let (writer, _) = writer.write(block).await?;
        Ok(Downloaded {
            sha256: Checksum(writer.hash.finalize().into()),
            size: writer.size,
            is_verified: false,
        })
    }

    fn too_large(&self, key: &Key) -> Failure {
        let (address, max) = (&self.http.address, self.max_size);
        Failure::Artifact(Error::Remote(format!(
            "artifact {key} of {address} has more than {max} bytes"
        )))
    }
}

/// Whether an answer is a page for people, which no gateway and no storage has.
fn is_page(response: &Response) -> bool {
    let media = text(response.headers(), CONTENT_TYPE.as_str());
    media.is_some_and(|media| media.starts_with("text/html"))
}

fn clone(file: &File) -> Result<Arc<File>> {
    let clone = file.try_clone().map(Arc::new);
    clone.map_err(|error| Error::io("writing a download", error))
}

/// The file, and the bytes written to it.
struct Writer {
    file: Arc<File>,
    hash: Sha256,
    size: u64,
}

impl Writer {
    /// An earlier attempt may have written more.
    async fn truncate(self) -> Result<Self, Failure> {
        let truncating = move || self.file.set_len(0).map(|()| self);
        Self::on_disk(truncating).await
    }

    /// Writes a block; returns its memory for the next one.
    async fn write(mut self, mut block: Vec<u8>) -> Result<(Self, Vec<u8>), Failure> {
        let writing = move || {
            without_sigxfsz(|| self.file.write_all_at(&block, self.size))?;
            self.hash.update(&block);
            self.size += block.len() as u64;
            block.clear();
            Ok((self, block))
        };
        Self::on_disk(writing).await
    }

    async fn on_disk<T: Send + 'static>(
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let done = blocking(work).await.map_err(Failure::Artifact)?;
        done.map_err(|error| Failure::Artifact(Error::io("writing a download", error)))
    }
}
