//! The index in memory of the model: its reader and its writer are the engine's, its words are loom's,
//! and the file lock is loom's mutex, for a lock orders memory as a mutex does.

#[path = "../../../../engine/src/artifacts/index/group.rs"]
mod group;
#[path = "../../../../engine/src/artifacts/index/header.rs"]
mod header;
#[path = "../../../../engine/src/artifacts/index/layout.rs"]
mod layout;
#[path = "../../../../engine/src/artifacts/index/reader.rs"]
mod reader;
pub mod scenes;
#[path = "../../../../engine/src/artifacts/index/seqlock.rs"]
mod seqlock;
pub mod seqlock_scenes;
#[path = "../../../../engine/src/artifacts/index/slot.rs"]
mod slot;
#[path = "../../../../engine/src/artifacts/index/writer.rs"]
mod writer;

use std::sync::PoisonError;

use self::{
    layout::{Geometry, word},
    lock::Held,
};
use crate::sync::{Mutex, atomic::AtomicU64};
use writer::Writer;

/// See the engine's.
#[derive(Debug)]
pub(super) struct Index {
    segment: Segment,
    geometry: Geometry,
    gate: Mutex<()>,
}

#[derive(Debug)]
struct Segment(Vec<AtomicU64>);

impl Segment {
    fn words(&self) -> &[AtomicU64] {
        &self.0
    }

    fn is_writable(&self) -> bool {
        true
    }
}

mod lock {
    //! See [`super::Index`].

    pub(super) struct Held<'a>(pub(super) loom::sync::MutexGuard<'a, ()>);
}

impl Index {
    /// An empty one with room for one record, which is two groups of seven slots.
    fn new() -> Self {
        let geometry = Geometry::of(1);
        let words = (0..geometry.bytes() / 8).map(|_| AtomicU64::new(0));
        let index = Self {
            segment: Segment(words.collect()),
            geometry,
            gate: Mutex::new(()),
        };
        // Made before threads begin; those between are never used.
        let places =
            (0..=word::EVICTED_LRU).chain(geometry.tags(0)..geometry.tags(geometry.groups));
        for place in places.chain(geometry.slot(0)..geometry.slot(geometry.slots())) {
            index.header(place);
        }
        index
    }

    fn writer(&self) -> Writer<'_> {
        let held = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        Writer {
            index: self,
            _held: Held(held),
        }
    }
}
