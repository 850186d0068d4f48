//! The body of a binary. On a connection of HTTP/1 it yields parts for `sendfile(2)`; on one of HTTP/2 it reads blocks
//! on the blocking threads, one at a time, so that a client that reads nothing holds one block at most. The file is
//! open for as long as the body lives, even if its name is removed; if it becomes shorter, the connection ends early.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::transfer::Transfer;
use crate::http::{Body, FilePart, FileQueue, Progress};

/// Bytes that are read at once for HTTP/2.
const BLOCK: usize = 128 << 10;

/// A part of a file as a body.
#[derive(Debug)]
pub(super) struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    transfer: Arc<Transfer>,
    queue: Option<FileQueue>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub(super) fn boxed(
        file: Arc<File>,
        (offset, len): (u64, u64),
        transfer: Transfer,
        queue: Option<FileQueue>,
    ) -> Body {
        Self {
            file,
            offset,
            remaining: len,
            transfer: Arc::new(transfer),
            queue,
            reading: None,
        }
        .boxed_unsync()
    }

    /// The next part for the connection.
    fn next_part(&mut self, queue: &FileQueue) -> Bytes {
        let max = FileQueue::MAX_PART;
        let len = usize::try_from(self.remaining).map_or(max, |len| len.min(max));
        queue.push(FilePart {
            file: Arc::clone(&self.file),
            offset: self.offset,
            len,
            progress: Arc::clone(&self.transfer) as Arc<dyn Progress>,
        })
    }

    fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let reading = self.reading.get_or_insert_with(|| {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            let len = usize::try_from(self.remaining).map_or(BLOCK, |len| len.min(BLOCK));
            spawn_blocking(move || read(&file, offset, len))
        });
        let block = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(block.map_err(io::Error::other).and_then(|block| block))
    }
}

fn read(file: &File, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut block = vec![0; len];
    loop {
        match file.read_at(&mut block, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                block.truncate(count);
                return Ok(block.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let bytes = match self.queue.clone() {
            Some(queue) => self.next_part(&queue),
            None => match ready!(self.poll_block(cx)) {
                Ok(block) => {
                    self.transfer.add(block.len() as u64);
                    block
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
        };
        self.offset += bytes.len() as u64;
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
