//! The push path: a record is appended to the current file of its chain. On PHP's thread: no lock and no system call,
//! unless the file is full.

use std::{io, sync::atomic::Ordering};

use super::{
    NewRecord, Outbox, QueueFile, RecordInfo, file::MAX_DSN_LEN, sizes::OVERSIZE_THRESHOLD,
};
use crate::sentry::protocol::category::Priority;

/// Attempts to append, each after another file was added to the chain.
const MAX_PUSH_ATTEMPTS: usize = 64;
/// Envelopes are smaller than this: lengths in a file have 32 bits.
const MAX_ENVELOPE_BYTES: usize = (u32::MAX - (1 << 20)) as usize;

/// The result of a push, with the number of records that were evicted for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The record is stored.
    Stored(usize),
    /// The outbox is full and no further record may be evicted. Some records may have been evicted, which is rare.
    Full(usize),
}

impl Outbox {
    /// Whether a record of this size can be stored at all.
    #[must_use]
    pub fn accepts(dsn: &[u8], envelope: &[u8]) -> bool {
        dsn.len() <= MAX_DSN_LEN && envelope.len() < MAX_ENVELOPE_BYTES
    }

    /// Stores a record. On PHP's thread.
    ///
    /// # Errors
    /// The system gives neither a file nor memory.
    #[inline]
    pub fn push(
        &self,
        priority: Priority,
        dsn: &[u8],
        envelope: &[u8],
        info: impl Into<RecordInfo>,
    ) -> io::Result<Pushed> {
        let info = info.into();
        let need = QueueFile::bytes_for(dsn.len() + envelope.len());
        let new_record = NewRecord {
            priority,
            project: info.project,
        };
        let mut evicted = 0;
        if self.queued() >= self.capacity.records {
            if !self.evict_one(new_record) {
                return Ok(Pushed::Full(0));
            }
            evicted += 1;
        }
        if need > OVERSIZE_THRESHOLD {
            return Ok(
                match self.push_oversize(new_record, dsn, envelope, info, need)? {
                    Pushed::Stored(more) => Pushed::Stored(evicted + more),
                    Pushed::Full(more) => Pushed::Full(evicted + more),
                },
            );
        }
        self.queued.fetch_add(1, Ordering::AcqRel);
        let pushed = self.push_to_chain(new_record, dsn, envelope, info, need);
        match pushed {
            Ok(Pushed::Stored(more)) => return Ok(Pushed::Stored(evicted + more)),
            _ => self.queued.fetch_sub(1, Ordering::AcqRel),
        };
        Ok(match pushed? {
            Pushed::Stored(more) => Pushed::Stored(evicted + more),
            Pushed::Full(more) => Pushed::Full(evicted + more),
        })
    }

    #[inline]
    fn push_to_chain(
        &self,
        new_record: NewRecord,
        dsn: &[u8],
        envelope: &[u8],
        info: RecordInfo,
        need: usize,
    ) -> io::Result<Pushed> {
        let mut evicted = 0;
        for _ in 0..MAX_PUSH_ATTEMPTS {
            let seen = {
                let _pin = self.epoch.pin();
                let current = self
                    .head(new_record.priority)
                    .current
                    .load(Ordering::Acquire);
                // SAFETY: the file that `current` pointed to when this writer was pinned stays mapped
                // until the pin is dropped.
                let file = unsafe { current.as_ref() };
                let appended = file.and_then(|file| self.append(file, dsn, envelope, info));
                if appended.is_some() {
                    return Ok(Pushed::Stored(evicted));
                }
                current
            };
            let (grown, more) = self.grow(new_record, need, seen)?;
            evicted += more;
            if !grown {
                return Ok(Pushed::Full(evicted));
            }
        }
        Ok(Pushed::Full(evicted))
    }

    /// Appends a record to a file of this process. Returns `None` if it has no space for the record.
    #[inline]
    pub(super) fn append(
        &self,
        file: &QueueFile,
        dsn: &[u8],
        envelope: &[u8],
        info: RecordInfo,
    ) -> Option<u32> {
        if file.is_file() {
            return file.push(dsn, envelope, info);
        }
        self.in_memory_records.fetch_add(1, Ordering::AcqRel);
        let appended = file.push(dsn, envelope, info);
        if appended.is_none() {
            self.in_memory_records.fetch_sub(1, Ordering::AcqRel);
        }
        appended
    }
}
