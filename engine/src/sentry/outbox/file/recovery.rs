//! Recovery of a file of a dead process. On a thread that may block.

use std::{fs::Metadata, io, path::Path, sync::Arc};

use super::{
    QueueFile,
    format::{MAGIC, MAGIC_WORD, PRIORITY_WORD, RecordState, SIZE_WORD, STATE},
};
use crate::{
    sentry::{outbox::ownership::OutboxLock, protocol::category::Priority},
    shm::Segment,
    sync::atomic::Ordering,
};

/// The records of a recovered file.
#[derive(Debug)]
pub(in crate::sentry::outbox) struct Recovered {
    /// Records that are ready to be sent.
    pub(in crate::sentry::outbox) ready: usize,
    /// Evicted records that are not reported yet.
    pub(in crate::sentry::outbox) evicted: Vec<u32>,
    /// Records left incomplete by the death of their writer.
    pub(in crate::sentry::outbox) torn: usize,
}

impl QueueFile {
    /// Opens a file of a dead process. Returns `Ok(None)` if it does not exist or its creation was never finished.
    pub(in crate::sentry::outbox) fn adopt(
        path: &Path,
        owner: Arc<OutboxLock>,
    ) -> io::Result<Option<Self>> {
        // The process that created it may have died before it set the size.
        let is_incomplete = |found: Metadata| {
            found.is_file() && (found.len() == 0 || !found.len().is_multiple_of(8))
        };
        if path.symlink_metadata().is_ok_and(is_incomplete) {
            return Ok(None);
        }
        let Some(segment) = Segment::open(path)? else {
            return Ok(None);
        };
        let word = |index| {
            segment
                .word(index)
                .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
        };
        let priority = Priority::from_number(word(PRIORITY_WORD));
        let is_complete = word(MAGIC_WORD) == MAGIC && word(SIZE_WORD) == segment.bytes() as u64;
        let Some(priority) = priority.filter(|_| is_complete) else {
            return Ok(None);
        };
        Ok(Some(Self::from_segment(
            segment,
            Some(path.to_owned()),
            priority,
            Some(owner),
        )))
    }

    /// Takes the file over: seals it, and makes claimed and deferred records ready again.
    pub(in crate::sentry::outbox) fn recover(&self) -> Recovered {
        self.seal();
        let (mut ready, mut evicted, mut torn) = (0, Vec::new(), 0);
        for index in 0..self.slots() {
            let Some(word) = self.slot(index, STATE) else {
                break;
            };
            let value = u64::from_le(word.load(Ordering::Acquire));
            match RecordState::of(value) {
                RecordState::Ready => ready += 1,
                RecordState::Claimed | RecordState::Deferred => {
                    let value = value & !0xff | RecordState::Ready as u64;
                    word.store(value.to_le(), Ordering::Release);
                    ready += 1;
                }
                RecordState::Evicted => evicted.push(index),
                RecordState::Empty => {
                    torn += 1;
                    self.settle(index);
                }
                RecordState::Done => {
                    self.settled.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
        Recovered {
            ready,
            evicted,
            torn,
        }
    }
}
