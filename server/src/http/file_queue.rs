//! Parts of files on their way from a response's body to the connection, which sends them with `sendfile(2)`: a body of
//! hyper consists of bytes, so in their place it yields slices of one static region, which the connection recognizes by
//! their address. No byte of the file passes through this process, and a client that reads nothing holds no buffer.
//! Shared by the tasks of one HTTP/1 connection.

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::body::Bytes;

/// Length of the region, and of the longest part. The region is never written, so it takes no memory.
const REGION: usize = 1 << 20;
static PLACEHOLDER: [u8; REGION] = [0; REGION];

/// A part of a file that is to be sent.
#[derive(Debug)]
pub struct FilePart {
    /// The file, open for reading.
    pub file: Arc<File>,
    /// The next byte.
    pub offset: u64,
    /// Bytes that remain.
    pub len: usize,
    /// Counts what the system has taken.
    pub progress: Arc<dyn Progress>,
}

/// Counts the bytes of a response that the system has taken.
pub trait Progress: fmt::Debug + Send + Sync {
    /// Adds some.
    fn add(&self, bytes: u64);
}

/// The parts of one connection in the order of its responses.
#[derive(Debug, Clone, Default)]
pub struct FileQueue(Arc<Mutex<VecDeque<FilePart>>>);

impl FileQueue {
    /// Longest part of [`FileQueue::push`].
    pub const MAX_PART: usize = REGION;

    /// Adds a part of at most [`FileQueue::MAX_PART`] bytes, and returns the bytes that stand for it in the body.
    #[must_use]
    pub fn push(&self, mut part: FilePart) -> Bytes {
        part.len = part.len.min(REGION);
        let placeholder = PLACEHOLDER.get(..part.len).unwrap_or_default();
        self.lock().push_back(part);
        Bytes::from_static(placeholder)
    }

    /// Whether `bytes` stand for a part.
    #[must_use]
    pub fn is_placeholder(bytes: &[u8]) -> bool {
        PLACEHOLDER.as_ptr_range().contains(&bytes.as_ptr())
    }

    /// Sends from the first part with `send(file, offset, len)`, which returns the number of bytes that the system has
    /// taken.
    ///
    /// # Errors
    /// Those of `send`; `UnexpectedEof` if the file has become shorter, or there is no part.
    pub(super) fn send<E: From<std::io::Error>>(
        &self,
        max: usize,
        send: impl FnOnce(&File, u64, usize) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let mut parts = self.lock();
        let ended = || E::from(std::io::ErrorKind::UnexpectedEof.into());
        let part = parts.front_mut().ok_or_else(ended)?;
        let count = send(&part.file, part.offset, part.len.min(max))?;
        if count == 0 {
            return Err(ended());
        }
        part.offset += count as u64;
        part.len = part.len.saturating_sub(count);
        part.progress.add(count as u64);
        if part.len == 0 {
            parts.pop_front();
        }
        Ok(count)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<FilePart>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
