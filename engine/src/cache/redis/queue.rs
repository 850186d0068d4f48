//! Stores that no call waits for (`cache.write: behind`): one task sends them in their order. Bounded by number and
//! bytes; a store beyond that is counted as lost. On PHP's threads and on the runtime.

use std::{
    collections::{HashMap, VecDeque},
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
    /// The keys of stores that wait or are being sent.
    keys: HashMap<Vec<u8>, Key>,
}

/// The stores of a key.
#[derive(Debug, Default)]
struct Key {
    waiting: usize,
    sending: usize,
    /// Whether the server has reported a change meanwhile.
    is_changed: bool,
}

impl Waiting {
    /// A store of a key ends as `end` says. Returns whether it was the last one of a key that was changed.
    fn end(&mut self, key: &[u8], end: impl FnOnce(&mut Key)) -> bool {
        let Some(found) = self.keys.get_mut(key) else {
            return false;
        };
        end(found);
        let (is_last, is_changed) = (found.waiting + found.sending == 0, found.is_changed);
        if is_last {
            self.keys.remove(key);
        }
        is_last && is_changed
    }
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

    /// A store of a key begins: the first tier gets its value now, and [`Queue::push`] follows.
    pub(super) fn begin(&self, key: &[u8]) {
        let mut waiting = self.lock();
        match waiting.keys.get_mut(key) {
            Some(key) => key.waiting += 1,
            None => {
                waiting.keys.entry(key.to_vec()).or_default().waiting = 1;
            }
        }
    }

    /// Adds a store that has begun. Returns whether a task has to send it; `None`: the queue is full.
    pub(super) fn push(&self, entry: Entry) -> Option<bool> {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + entry.size();
        if waiting.entries.len() >= MAX_ENTRIES || bytes > MAX_BYTES {
            waiting.end(&entry.key, |key| {
                key.waiting = key.waiting.saturating_sub(1)
            });
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
        for entry in &taken {
            if let Some(key) = waiting.keys.get_mut(&entry.key) {
                key.waiting = key.waiting.saturating_sub(1);
                key.sending += 1;
            }
        }
        waiting.is_sending = count > 0;
        taken
    }

    /// Runs `work` if no store of the key waits: the first tier has the value of a waiting store already. No store of
    /// the key begins meanwhile.
    pub(super) fn unless_waiting(&self, key: &[u8], work: impl FnOnce()) {
        let waiting = self.lock();
        if waiting.keys.get(key).is_none_or(|key| key.waiting == 0) {
            work();
        }
    }

    /// The server reports a change of a key: runs `work` unless a store of the key waits or is being sent, which may be
    /// the later one.
    pub(super) fn change(&self, key: &[u8], work: impl FnOnce()) {
        let mut waiting = self.lock();
        match waiting.keys.get_mut(key) {
            Some(key) => key.is_changed = true,
            None => work(),
        }
    }

    /// Stores were sent. Runs `work` for keys that were changed meanwhile, and of which no store is left: the server
    /// may have another value than the first tier.
    pub(super) fn finish(&self, sent: &[Entry], work: impl Fn(&[u8])) {
        let mut waiting = self.lock();
        for entry in sent {
            let end = |key: &mut Key| key.sending = key.sending.saturating_sub(1);
            if waiting.end(&entry.key, end) {
                work(&entry.key);
            }
        }
        drop(waiting);
        self.sent.fetch_add(sent.len(), Ordering::Release);
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
        let taken = queue.take();
        assert_eq!(taken.len(), 2);
        let added = queue.added();
        assert_eq!(queue.push(entry(1)), Some(false), "the task looks again");
        assert!(!queue.has_sent(added));
        queue.finish(&taken, |_| panic!("no change"));
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

    #[test]
    fn change_of_a_key_follows_its_last_store() {
        let queue = Queue::default();
        let changed = |queue: &Queue| {
            let mut is_run = false;
            queue.change(b"key", || is_run = true);
            is_run
        };
        assert!(changed(&queue));
        queue.begin(b"key");
        queue.push(entry(1));
        let first = queue.take();
        assert!(!changed(&queue));
        queue.begin(b"key");
        queue.unless_waiting(b"key", || panic!("one begins"));
        queue.finish(&first, |_| panic!("one begins"));
        queue.push(entry(2));
        let second = queue.take();
        let count = std::cell::Cell::new(0);
        queue.finish(&second, |_| count.set(count.get() + 1));
        queue.unless_waiting(b"key", || count.set(count.get() + 1));
        assert!(count.get() == 2 && changed(&queue));
    }
}
