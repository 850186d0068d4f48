//! See the crate's page.

#[path = "../../../engine/src/host/fork.rs"]
pub(crate) mod fork;

use std::{io, path::Path, ptr::NonNull};

use crate::sync::atomic::{AtomicU64, Ordering};

/// Memory whose words are loom's. What is copied into it as bytes lies beside them: loom does not watch it,
/// and the words of a slot are published by the same store.
#[derive(Debug)]
pub(crate) struct Segment {
    words: Vec<AtomicU64>,
    bytes: NonNull<u8>,
    length: usize,
}

// SAFETY: loom's threads take turns; what they do with the bytes is the affair of who copies.
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
        let words: Vec<_> = (0..length / 8).map(|_| AtomicU64::new(0)).collect();
        // To loom, making one is a store, which no other thread may meet.
        words.iter().for_each(|word| {
            word.load(Ordering::Relaxed);
        });
        let bytes = Box::leak(vec![0u8; length].into_boxed_slice());
        Ok(Self {
            words,
            bytes: NonNull::from(bytes).cast(),
            length,
        })
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.length
    }

    pub(crate) const fn base(&self) -> NonNull<u8> {
        self.bytes
    }

    pub(crate) fn word(&self, index: usize) -> Option<&AtomicU64> {
        self.words.get(index)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let bytes = NonNull::slice_from_raw_parts(self.bytes, self.length);
        // SAFETY: leaked by `anonymous`, and given back once.
        drop(unsafe { Box::from_raw(bytes.as_ptr()) });
    }
}
