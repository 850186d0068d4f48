//! The index in memory of the model: reader and writer are the engine's, the words are loom's, and the file lock is
//! loom's mutex, because both order memory alike.

#[path = "../../../../engine/src/artifacts/index/header.rs"]
mod header;
#[path = "../../../../engine/src/artifacts/index/layout.rs"]
mod layout;
#[path = "../../../../engine/src/artifacts/index/reader.rs"]
mod reader;
pub mod scenes;
#[path = "../../../../engine/src/artifacts/index/slot.rs"]
mod slot;
#[path = "../../../../engine/src/artifacts/index/writer.rs"]
mod writer;

use std::sync::PoisonError;

use self::{
    layout::{Geometry, word},
    lock::WriterGuard,
};
use crate::{shm::Segment, sync::Mutex};
use writer::Writer;

/// The engine's index without its files.
#[derive(Debug)]
pub(super) struct Index {
    segment: Segment,
    geometry: Geometry,
    lock: Mutex<()>,
}

mod lock {
    //! The writer lock of [`super::Index`].

    pub(super) struct WriterGuard<'a>(pub(super) loom::sync::MutexGuard<'a, ()>);
}

impl Index {
    /// An empty index for one record, which is two groups of seven slots.
    fn new() -> Self {
        let geometry = Geometry::of(1);
        let index = Self {
            segment: Segment::untouched(geometry.bytes()),
            geometry,
            lock: Mutex::new(()),
        };
        // Creates the words that scenes use, before their threads begin.
        let used = (0..=word::EVICTED_LRU).chain(geometry.tags(0)..geometry.tags(geometry.groups));
        for at in used.chain(geometry.slot(0)..geometry.slot(geometry.slots())) {
            index.header(at);
        }
        index
    }

    fn writer(&self) -> Writer<'_> {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        Writer {
            index: self,
            _guard: WriterGuard(guard),
        }
    }
}
