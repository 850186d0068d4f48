//! The size classes in use, for the command line: visits all blocks. Any thread.

use std::sync::atomic::Ordering;

use super::{
    Cache, class_line,
    entry::{Head, PART_BYTES},
    layout::{CLASSES, GRANULE, SLAB_BYTES, SLAB_GRANULES, class_granules},
    memory::Memory,
    words::BlockState,
};

/// One size class.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClassStats {
    /// Bytes of its blocks.
    pub bytes: u64,
    /// Its slabs of 64 KB.
    pub slabs: u64,
    /// Bytes of these slabs.
    pub memory: u64,
    /// Entries with their head in a block of it.
    pub entries: u64,
    /// Bytes of its blocks beyond their content.
    pub wasted: u64,
    /// Entries of it that were evicted.
    pub evictions: u64,
}

impl Cache {
    /// The size classes that have memory.
    #[must_use]
    pub fn class_stats(&self) -> Vec<ClassStats> {
        let memory = &self.memory;
        let mut classes: Vec<_> = (0..CLASSES.len())
            .map(|class| ClassStats {
                bytes: (class_granules(class) * GRANULE) as u64,
                slabs: 0,
                memory: 0,
                entries: 0,
                wasted: 0,
                evictions: memory
                    .class_word(class, class_line::EVICTIONS)
                    .load(Ordering::Relaxed),
            })
            .collect();
        for slab in 0..memory.layout.slab_count {
            let Some(class) = memory.load_slab(slab).class() else {
                continue;
            };
            if let Some(figures) = classes.get_mut(class) {
                figures.slabs += 1;
                figures.memory += SLAB_BYTES as u64;
            }
            for block in Memory::slab_blocks(slab, class) {
                if memory.load_block(block).state() == BlockState::First {
                    add_entry(memory, block, &mut classes);
                }
            }
        }
        classes.retain(|class| class.slabs > 0);
        classes
    }
}

fn add_entry(memory: &Memory, block: usize, classes: &mut [ClassStats]) {
    let head = Head::load(memory, block);
    let mut add = |block: usize, entries, content: usize| {
        let class = memory.load_slab(block / SLAB_GRANULES).class();
        if let Some(class) = class.and_then(|class| classes.get_mut(class)) {
            class.entries += entries;
            class.wasted += class.bytes.saturating_sub(content as u64);
        }
    };
    add(block, 1, head.first_bytes());
    // All further blocks but the last one are full.
    if let Some(last) = head.parts().checked_sub(1) {
        let rest = head.payload_bytes() - last * PART_BYTES;
        add(head.part(memory, block, last), 0, rest);
    }
}
