//! New files for the chains of an outbox: the next one of a chain, one for an oversize record, memory where no file
//! can be created. On PHP's thread that found its chain full, and ahead of that in maintenance.

use std::{
    io,
    path::PathBuf,
    ptr,
    sync::{Arc, atomic::Ordering},
};

use super::{
    NewRecord, Outbox, OutboxLock, Pushed, QueueFile, RecordInfo,
    sizes::{MIN_FILE_BYTES, PAGE},
};
use crate::{failpoint::failpoint, host::clock, sentry::protocol::category::Priority};

impl Outbox {
    /// Adds a file to the chain, unless another thread has replaced `seen` already. Returns whether the chain has a new
    /// file, and the number of evicted records.
    #[cold]
    pub(super) fn grow(
        &self,
        new_record: NewRecord,
        need: usize,
        seen: *mut QueueFile,
    ) -> io::Result<(bool, usize)> {
        let priority = new_record.priority;
        let mut chains = self.chains();
        let current = &self.head(priority).current;
        if current.load(Ordering::Acquire) != seen {
            return Ok((true, 0));
        }
        let last = chains.of(priority).back().filter(|_| !seen.is_null());
        let wanted = last.map_or(MIN_FILE_BYTES, |file| {
            self.capacity.next_file_bytes(file.bytes())
        });
        let wanted = wanted.max(need.next_multiple_of(PAGE));
        let spare = chains.take_spare(priority, need, wanted);
        let (file, evicted) = match spare.and_then(|spare| self.begin(spare, priority)) {
            Some(spare) => (spare, 0),
            None => {
                let (bytes, evicted) = self.make_space(&mut chains, new_record, wanted, need);
                let Some(bytes) = bytes else {
                    return Ok((false, evicted));
                };
                (Arc::new(self.create_file(priority, bytes)?), evicted)
            }
        };
        chains.of_mut(priority).push_back(Arc::clone(&file));
        let before = current.swap(Arc::as_ptr(&file).cast_mut(), Ordering::AcqRel);
        failpoint!("outbox.grown");
        // SAFETY: kept alive by the chains; their lock is held.
        if let Some(before) = unsafe { before.as_ref() } {
            before.seal();
        }
        Ok((true, evicted))
    }

    /// Begins to use an empty file.
    fn begin(&self, mut spare: Arc<QueueFile>, priority: Priority) -> Option<Arc<QueueFile>> {
        let path = self.lock.as_ref().map(|lock| self.next_path(lock));
        let begun = Arc::get_mut(&mut spare)
            .is_some_and(|file| file.begin(priority, path, clock::unix_ms()).is_ok());
        if !begun {
            spare.unlink();
        }
        begun.then_some(spare)
    }

    /// Stores a record that is too large for the files of a chain in a file of its own.
    #[cold]
    pub(super) fn push_oversize(
        &self,
        new_record: NewRecord,
        dsn: &[u8],
        envelope: &[u8],
        info: RecordInfo,
        need: usize,
    ) -> io::Result<Pushed> {
        let priority = new_record.priority;
        let bytes = need.next_multiple_of(PAGE);
        let (space, evicted) = self.make_space(&mut self.chains(), new_record, bytes, bytes);
        if space.is_none() {
            return Ok(Pushed::Full(evicted));
        }
        let file = self.create_file(priority, bytes)?;
        if self.append(&file, dsn, envelope, info).is_none() {
            file.unlink();
            return Ok(Pushed::Full(evicted));
        }
        file.seal();
        failpoint!("outbox.alone");
        self.queued.fetch_add(1, Ordering::AcqRel);
        let mut chains = self.chains();
        // Later records go to a file after this one, so that the order is kept.
        let current = &self.head(priority).current;
        let before = current.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: kept alive by the chains; their lock is held.
        if let Some(before) = unsafe { before.as_ref() } {
            before.seal();
        }
        chains.of_mut(priority).push_back(Arc::new(file));
        failpoint!("outbox.listed");
        Ok(Pushed::Stored(evicted))
    }

    /// Creates a file, or memory of this process if that fails: on a full tmpfs only durability is lost.
    pub(super) fn create_file(&self, priority: Priority, bytes: usize) -> io::Result<QueueFile> {
        let now = clock::unix_ms();
        let Some(lock) = &self.lock else {
            return QueueFile::create(None, priority, bytes, now, false);
        };
        match QueueFile::create(
            Some(self.next_path(lock)),
            priority,
            bytes,
            now,
            lock.is_on_disk(),
        ) {
            Ok(file) => {
                self.in_memory_fallback.store(false, Ordering::Relaxed);
                Ok(file)
            }
            Err(error) => {
                if !self.in_memory_fallback.swap(true, Ordering::Relaxed) {
                    log::warn!(error:%; "failed to create an outbox file: envelopes in memory only");
                }
                QueueFile::create(None, priority, bytes, now, false)
            }
        }
    }

    /// The path of the next file.
    fn next_path(&self, lock: &OutboxLock) -> PathBuf {
        lock.file_path(self.numbers.fetch_add(1, Ordering::Relaxed))
    }
}
