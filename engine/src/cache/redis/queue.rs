//! Stores that no call waits for (`cache.write: behind`): one task sends them in their order. Bounded by number and
//! bytes; a store beyond that is counted as lost. On PHP's threads and on the runtime.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::entry::Entry;

/// Stores that wait.
const MAX_ENTRIES: usize = 10_000;
/// Bytes of stores that wait.
const MAX_BYTES: usize = 64 << 20;
/// Stores that are sent at once.
const BATCH: usize = 100;

/// The stores that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Stores that were added, and those of them that were sent.
    added: AtomicUsize,
    sent: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    bytes: usize,
    is_sending: bool,
}

impl Queue {
    /// Stores that wait or are being sent.
    pub(super) fn len(&self) -> usize {
        self.added().wrapping_sub(self.sent.load(Ordering::Acquire))
    }

    /// Stores that were added so far.
    pub(super) fn added(&self) -> usize {
        self.added.load(Ordering::Acquire)
    }

    /// Whether all stores that were added before [`Queue::added`] returned `added` have been sent.
    pub(super) fn has_sent(&self, added: usize) -> bool {
        let left = added.wrapping_sub(self.sent.load(Ordering::Acquire));
        left == 0 || left > usize::MAX / 2
    }

    /// Adds a store. Returns whether a task has to send it; `None`: the queue is full.
    pub(super) fn push(&self, entry: Entry) -> Option<bool> {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + entry.size();
        if waiting.entries.len() >= MAX_ENTRIES || bytes > MAX_BYTES {
            return None;
        }
        waiting.bytes = bytes;
        waiting.entries.push_back(entry);
        self.added.fetch_add(1, Ordering::Release);
        Some(!std::mem::replace(&mut waiting.is_sending, true))
    }

    /// Takes the next stores; without any, the task ends.
    pub(super) fn take(&self) -> Vec<Entry> {
        let mut waiting = self.lock();
        let count = waiting.entries.len().min(BATCH);
        let taken: Vec<_> = waiting.entries.drain(..count).collect();
        waiting.bytes -= taken.iter().map(Entry::size).sum::<usize>();
        waiting.is_sending = count > 0;
        taken
    }

    /// So many stores were sent.
    pub(super) fn finish(&self, count: usize) {
        self.sent.fetch_add(count, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Ttl, encoding::STRING};

    fn entry(bytes: usize) -> Entry {
        Entry {
            key: b"key".to_vec(),
            encoding: STRING,
            bytes: vec![b'x'; bytes],
            ttl: Ttl::Forever,
            tags: Vec::new(),
            first: None,
        }
    }

    #[test]
    fn queue_starts_one_task_and_is_bounded() {
        let queue = Queue::default();
        assert_eq!(queue.push(entry(1)), Some(true));
        assert_eq!(queue.push(entry(1)), Some(false));
        assert_eq!(queue.take().len(), 2);
        let added = queue.added();
        assert_eq!(queue.push(entry(1)), Some(false), "the task looks again");
        assert!(!queue.has_sent(added));
        queue.finish(2);
        assert!(queue.has_sent(added) && !queue.has_sent(queue.added()));
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.take().len(), 1);
        assert!(queue.take().is_empty());
        assert_eq!(queue.push(entry(MAX_BYTES - 3)), Some(true));
        assert_eq!(queue.push(entry(1)), None, "too many bytes");
        queue.take();
        for _ in 0..MAX_ENTRIES {
            assert!(queue.push(entry(1)).is_some());
        }
        assert_eq!(queue.push(entry(1)), None, "too many stores");
    }
}
