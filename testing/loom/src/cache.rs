//! The words, blocks and slots of the shared cache, compiled from the engine's files.

#[path = "../../../engine/src/cache/blocks.rs"]
mod blocks;
#[path = "../../../engine/src/cache/class_line.rs"]
mod class_line;
#[path = "../../../engine/src/cache/entry.rs"]
mod entry;
#[path = "../../../engine/src/cache/entry_blocks.rs"]
mod entry_blocks;
#[path = "../../../engine/src/cache/entry_content.rs"]
mod entry_content;
#[path = "../../../engine/src/cache/eviction.rs"]
mod eviction;
#[path = "../../../engine/src/cache/key_lock.rs"]
mod key_lock;
#[path = "../../../engine/src/cache/layout.rs"]
mod layout;
#[path = "../../../engine/src/cache/memory.rs"]
mod memory;
#[path = "../../../engine/src/cache/new_entry.rs"]
mod new_entry;
#[path = "../../../engine/src/cache/occupancy.rs"]
mod occupancy;
#[path = "../../../engine/src/cache/production.rs"]
mod production;
pub mod scenes;
#[path = "../../../engine/src/cache/slabs.rs"]
mod slabs;
#[path = "../../../engine/src/cache/stats.rs"]
mod stats;
#[path = "../../../engine/src/cache/table.rs"]
mod table;
#[path = "../../../engine/src/cache/words.rs"]
mod words;

use entry::MAX_VALUE;

mod patience {
    //! A waiter takes a lock over at any time, as if its holder had been stopped before.

    #[derive(Debug, Default)]
    pub(super) struct Patience {
        _empty: (),
    }

    impl Patience {
        pub(super) fn is_over(&mut self, _: u64) -> bool {
            loom::thread::yield_now();
            true
        }
    }
}
