//! The body of a file. On a connection of HTTP/1 it yields parts for `sendfile(2)`; on one of HTTP/2 it reads blocks
//! on the blocking threads, one at a time, so that a client that reads nothing holds one block at most; all blocks of
//! the process have a budget, beyond which they are small. The file is open for as long as the body lives, even if its
//! name is removed; if it becomes shorter, the connection ends early.

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
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::{JoinHandle, spawn_blocking},
};

use super::{Body, FilePart, FileQueue, Progress};

/// Bytes that are read at once for HTTP/2: each stream of a client that grants one byte at a time holds as much.
const BLOCK: usize = 16 << 10;
/// The same while the budget is spent.
const SMALL_BLOCK: usize = 1 << 10;
/// Blocks of the process, 64 MB.
static BUDGET: Semaphore = Semaphore::const_new(4096);

/// Bytes of a file, with their part of the budget.
struct Block {
    bytes: Vec<u8>,
    _permit: Option<SemaphorePermit<'static>>,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A part of a file as a body.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    progress: Arc<dyn Progress>,
    queue: Option<FileQueue>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// The part of a file that begins at `offset` and has `len` bytes. `queue` is that of a connection of HTTP/1.
    pub fn boxed(
        file: Arc<File>,
        (offset, len): (u64, u64),
        progress: Arc<dyn Progress>,
        queue: Option<FileQueue>,
    ) -> Body {
        Self {
            file,
            offset,
            remaining: len,
            progress,
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
            progress: Arc::clone(&self.progress),
        })
    }

    fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let reading = self.reading.get_or_insert_with(|| {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            let permit = BUDGET.try_acquire().ok();
            let max = permit.as_ref().map_or(SMALL_BLOCK, |_| BLOCK);
            let len = usize::try_from(self.remaining).map_or(max, |len| len.min(max));
            spawn_blocking(move || read(&file, offset, len, permit))
        });
        let block = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(block.map_err(io::Error::other).and_then(|block| block))
    }
}

fn read(
    file: &File,
    offset: u64,
    len: usize,
    permit: Option<SemaphorePermit<'static>>,
) -> io::Result<Bytes> {
    let mut bytes = vec![0; len];
    loop {
        match file.read_at(&mut bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                bytes.truncate(count);
                return Ok(Bytes::from_owner(Block {
                    bytes,
                    _permit: permit,
                }));
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
                    self.progress.add(block.len() as u64);
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[derive(Debug)]
    struct Endless;

    impl Progress for Endless {
        fn add(&self, _: u64) {}
    }

    #[tokio::test]
    async fn blocks_are_small_while_the_budget_is_spent() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 3 * BLOCK]).unwrap();
        let file = Arc::new(file);
        let len = 3 * BLOCK as u64;
        let body = || FileBody::boxed(Arc::clone(&file), (0, len), Arc::new(Endless), None);
        let mut first = body();
        let block = first.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(block.len(), BLOCK);
        let spent = BUDGET.try_acquire_many(BUDGET.available_permits() as u32);
        let mut second = body();
        let small = second.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(small.len(), SMALL_BLOCK);
        // The bytes give their part back, not the body.
        drop(block);
        let next = second.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(next.len(), BLOCK);
        drop(spent);
        let mut all = vec![small, next];
        while let Some(frame) = second.frame().await {
            all.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(all.concat(), vec![7; 3 * BLOCK]);
    }
}
