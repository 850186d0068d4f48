//! One slab with four blocks, and the slots of two keys.

#![allow(clippy::unwrap_used, reason = "a scene is a test")]

use std::sync::Arc;

use loom::thread;

use super::{
    blocks::Blocks,
    entry::{HEAD_WORDS, HashedKey, Head, Kind},
    key_lock::KeyLock,
    layout::{CLASSES, LINE_WORDS, SLAB_BYTES, STRIPE_WORDS, header},
    memory::Memory,
    new_entry::NewEntry,
    table,
    words::BlockState,
};
use crate::{
    shm::Segment,
    sync::atomic::{AtomicU64, Ordering},
};

/// The class of the largest blocks.
const CLASS: usize = CLASSES.len() - 1;
/// Such that an entry takes a block of the largest class.
const VALUE_BYTES: usize = 14_000;

/// A cache with one slab, which is divided into blocks, and an entry with the key 0.
fn memory() -> Arc<Memory> {
    let segment = Segment::untouched(3 * SLAB_BYTES - 4096);
    let memory = Memory::new(segment);
    assert_eq!(memory.layout.slab_count, 1);
    touch(&memory);
    assert!(store(&memory, 0, 0, 1));
    Arc::new(memory)
}

/// Loads each word that the scenes use.
fn touch(memory: &Memory) {
    let load = |word: &AtomicU64| {
        word.load(Ordering::Relaxed);
    };
    (0..header::WORDS).for_each(|word| load(memory.word(word)));
    (0..LINE_WORDS).for_each(|word| load(memory.class_word(CLASS, word)));
    for stripe in 0..3 {
        (0..STRIPE_WORDS).for_each(|counter| load(memory.counter(stripe, counter)));
    }
    load(memory.word(memory.layout.slabs));
    for number in 0..2 {
        for bucket in table::buckets(memory, key(&number).hash) {
            load(memory.bucket_lock(bucket));
            table::slots(bucket).for_each(|slot| load(memory.slot(slot)));
        }
    }
    for block in Memory::slab_blocks(0, CLASS) {
        load(memory.block(block));
        (0..=HEAD_WORDS).for_each(|word| load(memory.content(block, word)));
    }
}

fn blocks(memory: &Memory, owner: usize) -> Blocks<'_> {
    Blocks::new(memory, owner, owner, 0)
}

/// Keys have hashes in the same buckets, and with the same tag.
fn key(number: &u64) -> HashedKey<'_> {
    // SAFETY: a number is eight bytes.
    let bytes = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(number).cast(), 8) };
    HashedKey {
        kind: Kind::Value,
        hash: 7 + (*number << 12),
        bytes,
    }
}

/// Stores an entry as `Cache::store` does. Returns whether it is stored.
fn store(memory: &Memory, owner: usize, number: u64, version: u64) -> bool {
    let (blocks, key) = (blocks(memory, owner), key(&number));
    let entry = NewEntry {
        kind: key.kind,
        hash: key.hash,
        key: key.bytes,
        value: &[0; VALUE_BYTES],
        encoding: 0,
        tags: &[],
        expires: version,
        created: version,
        extra: 0,
    };
    let plan = entry.plan().unwrap();
    let Some((first, _)) = blocks.reserve_entry(&plan) else {
        return false;
    };
    entry.fill(memory, first, &[]);
    loop {
        let lock = KeyLock::acquire(memory, key.hash);
        loop {
            let found = table::find(memory, key);
            let place = found.map(|found| (found.slot, found.word));
            let place = place.or_else(|| lock.slot_for_new(0));
            if !lock.is_held() {
                break;
            }
            let (slot, old) = place.unwrap();
            let replaced = blocks.blocks_of(old);
            let word = blocks.set_slot(first, slot);
            if !memory.swap_slot(slot, old, old.next(first, key.hash)) {
                continue;
            }
            drop(lock);
            blocks.publish(first, word, BlockState::First);
            if let Some(replaced) = replaced {
                blocks.free_entry(&replaced, None);
            }
            return true;
        }
    }
}

/// An entry is removed, and its block gets another one of the same key, during a read. The reader is the later thread:
/// loom keeps one access of a word, and a writer that has loaded it would hide a load of the reader before.
pub fn reader_of_an_entry_sees_no_part_of_its_successor() {
    let memory = memory();
    let shared = Arc::clone(&memory);
    let reader = thread::spawn(move || {
        let read = table::read(&shared, key(&0), |found| {
            (found.head.expires, found.head.created)
        });
        assert!(
            read.is_none_or(|read| read == (1, 1) || read == (2, 2)),
            "parts of two entries were read as one"
        );
    });
    let found = table::find(&memory, key(&0)).unwrap();
    assert!(blocks(&memory, 2).remove(found.slot, found.word));
    assert!(store(&memory, 2, 0, 2));
    reader.join().unwrap();
    let head = table::find(&memory, key(&0)).unwrap().head;
    assert_eq!(head.created, 2);
}

/// Two processes take blocks from the free list and return them.
pub fn block_is_reserved_by_one_process() {
    let memory = memory();
    let shared = Arc::clone(&memory);
    let other = thread::spawn(move || {
        let blocks = blocks(&shared, 2);
        let one = blocks.reserve(CLASS).unwrap();
        blocks.free_reserved([one]);
        blocks.reserve(CLASS).unwrap()
    });
    let own = blocks(&memory, 1).reserve(CLASS).unwrap();
    assert_ne!(own, other.join().unwrap());
    assert_eq!(memory.load_block(own).state(), BlockState::Reserved);
    assert_eq!(memory.load_block(own).owner(), 1);
}

/// Two processes store a new key; each may take the lock of the other over at any moment.
pub fn key_has_one_slot_though_its_lock_is_taken_over() {
    let memory = memory();
    let shared = Arc::clone(&memory);
    let other = thread::spawn(move || assert!(store(&shared, 2, 1, 1)));
    assert!(store(&memory, 1, 1, 2));
    let _ = other.join();
    let mut slots = 0;
    table::for_each_slot(&memory, 0, |_, word| {
        let head = Head::load(&memory, word.block().unwrap());
        slots += usize::from(head.hash == key(&1).hash);
        true
    });
    assert_eq!(slots, 1);
}
