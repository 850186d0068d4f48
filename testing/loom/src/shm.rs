//! The engine's mechanisms over shared words, and memory of the model in place of its mapped files.

#[path = "../../../engine/src/shm/checksum.rs"]
pub(crate) mod checksum;
#[path = "../../../engine/src/shm/counters.rs"]
pub(crate) mod counters;
pub mod counters_scenes;
#[path = "../../../engine/src/shm/epoch.rs"]
pub(crate) mod epoch;
#[path = "../../../engine/src/shm/groups.rs"]
pub(crate) mod groups;
#[path = "../../../engine/src/shm/owner_slots.rs"]
pub(crate) mod owner_slots;
pub mod owner_slots_scenes;
#[path = "../../../engine/src/shm/seqlock.rs"]
pub(crate) mod seqlock;
pub mod seqlock_scenes;
#[path = "../../../engine/src/shm/word.rs"]
pub(crate) mod word;

use std::{io, path::Path, ptr::NonNull};

use crate::sync::atomic::{AtomicU64, Ordering};

/// Memory with words of loom. Bytes that are copied into it are stored beside the words: loom does not check them, and
/// a store to a word publishes them.
#[derive(Debug)]
pub(crate) struct Segment {
    words: Vec<AtomicU64>,
    bytes: NonNull<u8>,
    length: usize,
}

// SAFETY: loom's threads take turns; access to the bytes is up to the code that copies them.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

impl Segment {
    pub(crate) fn create(_: &Path, _: usize) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn open(_: &Path) -> io::Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn anonymous(length: usize) -> io::Result<Self> {
        let segment = Self::untouched(length);
        // To loom, creation of a word is a store, which must not race with another thread.
        for word in &segment.words {
            word.load(Ordering::Relaxed);
        }
        Ok(segment)
    }

    /// Like [`Segment::anonymous`]; a scene loads each word that it uses before its threads begin.
    pub(crate) fn untouched(length: usize) -> Self {
        let bytes = Box::leak(vec![0u8; length].into_boxed_slice());
        Self {
            words: (0..length / 8).map(|_| AtomicU64::new(0)).collect(),
            bytes: NonNull::from(bytes).cast(),
            length,
        }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.length
    }

    pub(crate) const fn base(&self) -> NonNull<u8> {
        self.bytes
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        &self.words
    }

    pub(crate) fn word(&self, index: usize) -> Option<&AtomicU64> {
        self.words.get(index)
    }

    pub(crate) const fn is_writable(&self) -> bool {
        true
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The result of [`Segment::open_or_create`], which the model never has.
#[derive(Debug)]
pub(crate) enum Opened {}

impl Opened {
    pub(crate) const fn into_segment(self) -> Segment {
        match self {}
    }
}

impl Segment {
    pub(crate) fn open_or_create(_: &Path, _: usize, _: impl Fn(&Self)) -> io::Result<Opened> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) const fn is_current(&self, _: &Path) -> bool {
        true
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let bytes = NonNull::slice_from_raw_parts(self.bytes, self.length);
        // SAFETY: leaked by `untouched`, and freed once.
        drop(unsafe { Box::from_raw(bytes.as_ptr()) });
    }
}
