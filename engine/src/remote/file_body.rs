//! The body of an upload: blocks of a file, read on the blocking threads one at a time, and its standstill. Runs on the
//! runtime.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::interval,
};

/// Bytes that are read at once.
const BLOCK: u64 = 128 << 10;

/// The first bytes of a file.
pub(super) struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    /// Counts the blocks that are read.
    progress: Arc<AtomicU64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub(super) fn new(file: Arc<File>, len: u64, progress: Arc<AtomicU64>) -> Self {
        Self {
            file,
            offset: 0,
            remaining: len,
            progress,
            reading: None,
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let (file, offset, len) = (
            Arc::clone(&self.file),
            self.offset,
            self.remaining.min(BLOCK),
        );
        let reading = self.reading.get_or_insert_with(|| {
            spawn_blocking(move || {
                let mut block = vec![0; usize::try_from(len).unwrap_or_default()];
                file.read_exact_at(&mut block, offset)?;
                Ok(block.into())
            })
        });
        let block = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let block = block.map_err(io::Error::other).and_then(|block| block);
        if let Ok(block) = &block {
            self.progress.fetch_add(1, Ordering::Relaxed);
            self.offset += block.len() as u64;
            self.remaining = self.remaining.saturating_sub(block.len() as u64);
        }
        Poll::Ready(Some(block.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Ends when the progress of a body has stood still for that time, or for a twentieth longer.
pub(super) async fn stall(progress: &AtomicU64, limit: Duration) {
    let mut ticks = interval((limit / 20).max(Duration::from_millis(1)));
    let (mut before, mut since) = (0, Instant::now());
    while since.elapsed() < limit {
        ticks.tick().await;
        let now = progress.load(Ordering::Relaxed);
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
}
