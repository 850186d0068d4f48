//! The records of a file: append, claim, evict, settle. A writer reserves slot and space with one compare-and-swap of
//! the head, copies, and publishes with one store of the state. The position of a slot does not depend on other
//! writers, so a writer that dies half-way leaves one empty slot and nothing else. PHP's threads append; the runtime
//! does the rest, and PHP's threads evict where the outbox is full.

use super::{
    QueueFile,
    format::{
        ATTEMPTS_SHIFT, CHECKSUM, HEAD_WORD, HEADER, ORIGIN, POSITION, PROJECT_SHIFT, Record,
        RecordInfo, RecordState, SEALED, SLOT, STATE, padded,
    },
};
use crate::{
    failpoint::failpoint,
    shm::checksum,
    sync::atomic::{AtomicU64, Ordering},
};

impl QueueFile {
    /// Appends a record. Returns its index, or `None` if it does not fit or the file is sealed.
    #[inline]
    pub(in crate::sentry::outbox) fn push(
        &self,
        dsn: &[u8],
        envelope: &[u8],
        info: impl Into<RecordInfo>,
    ) -> Option<u32> {
        let info = info.into();
        let length = dsn.len() + envelope.len();
        let (index, offset) = self.reserve(padded(length))?;
        failpoint!("outbox.reserved");
        // SAFETY: `reserve` gave these bytes to this call alone, inside of the mapping and below the
        // slots; no thread reads them before the state is published.
        unsafe {
            let data = self.segment.base().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(dsn.as_ptr(), data, dsn.len());
            std::ptr::copy_nonoverlapping(envelope.as_ptr(), data.add(dsn.len()), envelope.len());
        }
        let position = (offset as u64) << 32 | length as u64;
        let origin = (dsn.len() as u64) << 48 | info.accepted_ms & 0xffff_ffff_ffff;
        let state = u64::from(info.project) << PROJECT_SHIFT
            | u64::from(info.attempts) << ATTEMPTS_SHIFT
            | RecordState::Ready as u64;
        self.slot(index, POSITION)?
            .store(position.to_le(), Ordering::Relaxed);
        self.slot(index, ORIGIN)?
            .store(origin.to_le(), Ordering::Relaxed);
        let checksum = match self.has_checksums {
            true => checksum::of_parts(dsn, envelope),
            false => 0,
        };
        self.slot(index, CHECKSUM)?
            .store(checksum.to_le(), Ordering::Relaxed);
        failpoint!("outbox.copied");
        self.slot(index, STATE)?
            .store(state.to_le(), Ordering::Release);
        failpoint!("outbox.committed");
        Some(index)
    }

    /// Reserves a slot and `bytes` of data. Returns the index of the slot and the offset of the data.
    #[inline]
    pub(super) fn reserve(&self, bytes: usize) -> Option<(u32, usize)> {
        let head = self.segment.word(HEAD_WORD)?;
        let mut seen = head.load(Ordering::Relaxed);
        loop {
            let value = u64::from_le(seen);
            let (slots, end) = ((value >> 32) as u32, (value & 0xffff_ffff) as usize);
            let next = end.checked_add(bytes)?;
            let floor = self
                .segment
                .bytes()
                .checked_sub((slots as usize + 1).checked_mul(SLOT)?)?;
            if value & SEALED != 0 || floor < next.max(self.slots_from) {
                return None;
            }
            let moved = (u64::from(slots) + 1) << 32 | next as u64;
            match head.compare_exchange_weak(
                seen,
                moved.to_le(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((slots, end)),
                Err(now) => seen = now,
            }
        }
    }

    #[inline]
    pub(super) fn slot(&self, index: u32, word: usize) -> Option<&AtomicU64> {
        let from_end = (index as usize + 1).checked_mul(SLOT)?;
        let at = self.segment.bytes().checked_sub(from_end)? / 8;
        self.segment.word(at + word)
    }

    fn value(&self, index: u32, word: usize) -> u64 {
        self.slot(index, word)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    /// The state of a record.
    pub(in crate::sentry::outbox) fn state(&self, index: u32) -> RecordState {
        RecordState::of(self.value(index, STATE))
    }

    /// The project tag of a record.
    pub(in crate::sentry::outbox) fn project(&self, index: u32) -> u32 {
        (self.value(index, STATE) >> PROJECT_SHIFT) as u32
    }

    /// The bytes that a record takes in a file, including its slot.
    pub(in crate::sentry::outbox) fn record_bytes(&self, index: u32) -> usize {
        let length = (self.value(index, POSITION) & 0xffff_ffff) as usize;
        SLOT + padded(length.min(self.segment.bytes()))
    }

    /// Claims the oldest ready record. One that is still being written is skipped and found by a later call.
    pub(in crate::sentry::outbox) fn claim(&self) -> Option<u32> {
        let slots = self.slots();
        let first = self.scanned.load(Ordering::Acquire);
        let mut gapless = true;
        for index in first..slots {
            let word = self.slot(index, STATE)?;
            let seen = word.load(Ordering::Acquire);
            let state = RecordState::of(u64::from_le(seen));
            let claimed =
                state == RecordState::Ready && self.change(index, state, RecordState::Claimed);
            gapless &= claimed || !matches!(state, RecordState::Empty | RecordState::Ready);
            if gapless {
                self.scanned.fetch_max(index + 1, Ordering::AcqRel);
            }
            if claimed {
                return Some(index);
            }
        }
        None
    }

    /// Evicts the oldest record of a project that is not being sent. Not concurrently with itself or with
    /// [`QueueFile::defer`].
    pub(in crate::sentry::outbox) fn evict_oldest(&self, project: u32) -> Option<u32> {
        let first = self.first_evictable.load(Ordering::Acquire);
        let (mut gapless, mut next, mut found) = (true, first, None);
        for index in first..self.slots() {
            let evicted = self.project(index) == project && self.evict(index);
            // A claimed record may become evictable again: `defer` moves `first_evictable` back.
            gapless &= evicted
                || matches!(
                    self.state(index),
                    RecordState::Claimed | RecordState::Evicted | RecordState::Done
                );
            if gapless {
                next = index + 1;
            }
            if evicted {
                found = Some(index);
                break;
            }
        }
        let _ =
            self.first_evictable
                .compare_exchange(first, next, Ordering::AcqRel, Ordering::Relaxed);
        found
    }

    /// Evicts a record. Returns `false` if it is being sent, or is not there.
    pub(in crate::sentry::outbox) fn evict(&self, index: u32) -> bool {
        [RecordState::Ready, RecordState::Deferred]
            .into_iter()
            .any(|state| self.change(index, state, RecordState::Evicted))
    }

    /// Defers a claimed record. It may be evicted from now on.
    pub(in crate::sentry::outbox) fn defer(&self, index: u32) {
        self.change(index, RecordState::Claimed, RecordState::Deferred);
        self.first_evictable.fetch_min(index, Ordering::AcqRel);
    }

    /// Claims a deferred record again. Returns `false` if it was evicted.
    pub(in crate::sentry::outbox) fn resume(&self, index: u32) -> bool {
        self.change(index, RecordState::Deferred, RecordState::Claimed)
    }

    /// Changes the state of a record and keeps its attempts and project. Returns `false` if it was not in state `from`.
    fn change(&self, index: u32, from: RecordState, to: RecordState) -> bool {
        let Some(word) = self.slot(index, STATE) else {
            return false;
        };
        let seen = word.load(Ordering::Acquire);
        let value = u64::from_le(seen);
        let changed = value & !0xff | to as u64;
        RecordState::of(value) == from
            && word
                .compare_exchange(seen, changed.to_le(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Copies a record out. Returns `None` if it is torn.
    pub(in crate::sentry::outbox) fn read(&self, index: u32) -> Option<Record> {
        let (position, origin) = (self.value(index, POSITION), self.value(index, ORIGIN));
        let (offset, length) = ((position >> 32) as usize, (position & 0xffff_ffff) as usize);
        let dsn_length = (origin >> 48) as usize;
        let end = offset.checked_add(length)?;
        if offset < HEADER || end > self.segment.bytes() || dsn_length > length {
            return None;
        }
        let mut dsn = vec![0; length];
        // SAFETY: the range was just checked against the mapping. Writers no longer touch a published
        // record; bytes from another process are copied before they are read.
        unsafe {
            let data = self.segment.base().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(data, dsn.as_mut_ptr(), length);
        }
        let envelope = dsn.split_off(dsn_length);
        let is_whole = !self.has_checksums
            || checksum::of_parts(&dsn, &envelope) == self.value(index, CHECKSUM);
        is_whole.then(|| Record {
            dsn,
            envelope,
            accepted_ms: origin & 0xffff_ffff_ffff,
            attempts: (self.value(index, STATE) >> ATTEMPTS_SHIFT) as u32,
        })
    }

    /// Counts a failed attempt, also for the process that may adopt the record.
    pub(in crate::sentry::outbox) fn count_attempt(&self, index: u32) {
        if let Some(word) = self.slot(index, STATE) {
            // Only the runtime that has claimed the record changes its state, so no compare-and-swap. It wraps because
            // a file from another process may hold any number.
            let value =
                u64::from_le(word.load(Ordering::Acquire)).wrapping_add(1 << ATTEMPTS_SHIFT);
            word.store(value.to_le(), Ordering::Release);
        }
    }

    /// Marks a record as done: sent, or dropped and reported.
    pub(in crate::sentry::outbox) fn settle(&self, index: u32) {
        if let Some(word) = self.slot(index, STATE) {
            let before = word.swap((RecordState::Done as u64).to_le(), Ordering::AcqRel);
            if RecordState::of(u64::from_le(before)) != RecordState::Done {
                self.settled.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}
