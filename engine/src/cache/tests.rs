//! The cache as two openings of one segment see it.

mod model;

use std::{collections::HashMap, sync::atomic::AtomicBool, thread, time::Duration};

use super::{key_lock::KeyLock, occupancy::Occupancy, words::BlockState, *};

mod producers;

fn open(dir: &Path, bytes: usize) -> Cache {
    Cache::open(&dir.join("cache.seg"), bytes).unwrap()
}

fn value(bytes: &[u8]) -> NewValue<'_> {
    NewValue {
        bytes,
        encoding: 5,
        ttl: Ttl::Forever,
        tags: &[],
    }
}

fn get(cache: &Cache, key: &[u8]) -> Option<Vec<u8>> {
    cache.get(key, |value| value.to_vec())
}

#[test]
fn value_stored_by_one_process_is_read_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), 4 << 20));
    assert_eq!(one.set(b"a", &value(b"first")), Stored::Yes);
    assert_eq!(get(&other, b"a").unwrap(), b"first");
    assert_eq!(other.set(b"a", &value(b"second")), Stored::Yes);
    assert_eq!(get(&one, b"a").unwrap(), b"second");
    assert_eq!(one.add(b"a", &value(b"third")), Stored::No);
    assert!(other.delete(b"a") && !one.delete(b"a") && !one.has(b"a"));
    assert_eq!(one.add(b"a", &value(b"third")), Stored::Yes);
    let stats = one.stats();
    assert_eq!((stats.entries, stats.stores, stats.deletes), (1, 3, 1));
}

#[test]
fn cache_that_is_smaller_than_its_setting_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let one = open(dir.path(), 2 << 20);
    let other = open(dir.path(), 4 << 20);
    assert!(!one.is_smaller() && other.is_smaller());
    assert_eq!(other.bytes(), 2 << 20);
    assert!(!open(dir.path(), MIN_BYTES).is_smaller());
}

#[test]
fn spaces_share_memory_but_neither_keys_nor_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), MIN_BYTES));
    let read = |cache: &Cache, space| {
        let found = cache.get_in(space, b"a", |value| value.to_vec());
        found.map(|(bytes, _)| bytes)
    };
    assert_eq!(one.set(b"a", &value(b"of values")), Stored::Yes);
    assert_eq!(read(&other, Space::Apcu), None);
    let short = NewValue {
        ttl: Ttl::For(Duration::from_secs(90)),
        ..value(b"of apcu")
    };
    assert_eq!(other.add_in(Space::Apcu, b"a", &short), Stored::Yes);
    assert_eq!(other.add_in(Space::Apcu, b"a", &short), Stored::No);
    assert_eq!(read(&one, Space::Apcu).unwrap(), b"of apcu");
    assert_eq!(read(&one, Space::Values).unwrap(), b"of values");
    let info = one.info_in(Space::Apcu, b"a").unwrap();
    assert_eq!(
        (info.key.as_slice(), info.ttl_ms),
        (&b"a"[..], Some(90_000))
    );
    assert_eq!(
        one.peek_in(Space::Apcu, b"a").unwrap(),
        (5, b"of apcu".to_vec())
    );
    let counts = one.counts_in(Space::Apcu);
    let seen = (counts.hits, counts.misses, counts.stores, counts.entries);
    assert_eq!(seen, (1, 1, 1, 1));
    one.change_in(Space::Apcu, b"n", Ttl::Forever, |_| {
        Ok::<_, ()>((3, vec![7]))
    })
    .unwrap();
    // In steps of one entry.
    let (mut keys, mut from) = (Vec::new(), Some(0));
    while let Some(position) = from {
        from = other.scan_in(Space::Apcu, position, |entry| {
            keys.push(entry.key);
            false
        });
    }
    keys.sort();
    assert_eq!(keys, [b"a", b"n"]);
    other.clear();
    assert!(!one.has(b"a") && one.has_in(Space::Apcu, b"a"));
    one.set(b"a", &value(b"again"));
    assert!(other.delete_in(Space::Apcu, b"a") && one.has(b"a"));
    other.clear_in(Space::Apcu);
    assert!(!one.has_in(Space::Apcu, b"n") && one.has(b"a"));
}

#[test]
fn keys_and_values_of_all_sizes_are_binary_safe() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), 32 << 20);
    for key_bytes in [0, 1, 7, 100, 5000, 20_000, MAX_KEY] {
        for value_bytes in [0, 1, 8, 64, 127, 16_300, 16_384, 70_000, 1 << 20, MAX_VALUE] {
            let key: Vec<u8> = (0..key_bytes)
                .map(|n| (n * 7 + value_bytes) as u8)
                .collect();
            let bytes: Vec<u8> = (0..value_bytes)
                .map(|n| (n * 13 + key_bytes) as u8)
                .collect();
            assert_eq!(
                cache.set(&key, &value(&bytes)),
                Stored::Yes,
                "{key_bytes} {value_bytes}"
            );
            assert!(
                get(&cache, &key).unwrap() == bytes,
                "{key_bytes} {value_bytes}"
            );
        }
    }
    assert_eq!(
        cache.set(&vec![0; MAX_KEY + 1], &value(b"")),
        Stored::Refused
    );
    assert_eq!(
        cache.set(b"", &value(&vec![0; MAX_VALUE + 1])),
        Stored::Refused
    );
    assert_eq!(cache.stats().refused, 2);
}

#[test]
fn expired_value_is_a_miss_and_its_place_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let short = NewValue {
        ttl: Ttl::For(Duration::from_millis(20)),
        ..value(b"x")
    };
    cache.set(b"a", &short);
    cache.set(b"b", &short);
    assert!(cache.touch(b"b", Ttl::Forever) && !cache.touch(b"none", Ttl::Forever));
    thread::sleep(Duration::from_millis(60));
    assert_eq!(
        (get(&cache, b"a"), get(&cache, b"b").is_some()),
        (None, true)
    );
    assert_eq!(cache.add(b"a", &value(b"y")), Stored::Yes);
    cache.set(b"c", &short);
    thread::sleep(Duration::from_millis(60));
    cache.prune();
    assert_eq!((cache.stats().entries, cache.stats().expired), (2, 1));
}

#[test]
fn invalidated_tag_makes_its_values_misses() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    // Tags may share a word: two that don't.
    let word = |name: &[u8]| cache.tag_number(name) as usize & (cache.memory.layout.tag_count - 1);
    let posts = (0..9u8)
        .map(|n| [n])
        .find(|name| word(name) != word(b"users"))
        .unwrap();
    let tags = [cache.tag(b"users"), cache.tag(&posts)];
    cache.set(
        b"both",
        &NewValue {
            tags: &tags,
            ..value(b"1")
        },
    );
    cache.set(
        b"one",
        &NewValue {
            tags: &tags[..1],
            ..value(b"2")
        },
    );
    assert!(cache.touch(b"both", Ttl::For(Duration::from_secs(9))));
    cache.invalidate_tag(&posts);
    assert!(!cache.has(b"both") && cache.has(b"one"));
    // A value that was computed before the invalidation stays invalid.
    cache.set(
        b"late",
        &NewValue {
            tags: &tags,
            ..value(b"3")
        },
    );
    assert!(!cache.has(b"late"));
}

#[test]
fn lock_is_held_by_one_owner_until_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), MIN_BYTES));
    let lease = Ttl::For(Duration::from_millis(100));
    let first = one.lock(b"a", b"me", lease).unwrap();
    assert_eq!(other.lock(b"a", b"you", lease), None);
    assert!(!other.unlock(b"a", b"you") && !other.refresh_lock(b"a", b"you", lease));
    assert!(one.refresh_lock(b"a", b"me", lease));
    assert_eq!(other.held_lock(b"a").unwrap().owner, b"me");
    thread::sleep(Duration::from_millis(160));
    assert!(other.lock(b"a", b"you", lease).unwrap() > first);
    assert!(!one.unlock(b"a", b"me") && other.unlock(b"a", b"you"));
    assert_eq!(one.held_lock(b"a"), None);
    assert!(!one.has(b"a"), "locks are no values");
}

#[test]
fn full_cache_keeps_what_is_read_and_never_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let _ = cache.lock(b"lock", b"me", Ttl::For(Duration::from_secs(60)));
    for n in 0..50_000u32 {
        let key = format!("key{n}");
        let size = (n as usize * 37) % 3000;
        assert_eq!(
            cache.set(key.as_bytes(), &value(&vec![n as u8; size])),
            Stored::Yes
        );
        assert!(get(&cache, key.as_bytes()).is_some());
        if n % 4 == 0 {
            cache.set(b"hot", &value(b"hot"));
        }
        assert!(get(&cache, b"hot").is_some(), "{n}");
    }
    assert!(cache.held_lock(b"lock").is_some());
    let stats = cache.stats();
    assert!(stats.evictions > 40_000 && stats.entries > 100);
    assert!(stats.memory_used + stats.memory_free <= stats.memory);
    cache.clear();
    assert_eq!(cache.stats().entries, 1);
    assert_eq!(cache.held_lock(b"lock").unwrap().owner, b"me");
}

#[test]
fn memory_moves_to_the_sizes_that_are_stored_now() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    for n in 0..20_000u32 {
        cache.set(&n.to_le_bytes(), &value(&[1; 50]));
    }
    for n in 0..2000u32 {
        assert_eq!(
            cache.set(&n.to_le_bytes(), &value(&vec![2; 9000])),
            Stored::Yes
        );
    }
    let large = cache
        .class_stats()
        .into_iter()
        .find(|class| class.bytes > 9000)
        .unwrap();
    assert!(large.slabs >= 5, "{:?}", cache.class_stats());
}

#[test]
fn figures_of_the_size_classes_add_up_to_those_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), 4 * MIN_BYTES);
    for n in 0..60u32 {
        cache.set(&n.to_le_bytes(), &value(&vec![1; 37 * n as usize]));
    }
    cache.set(b"large", &value(&vec![1; 100_000]));
    let (stats, classes) = (cache.stats(), cache.class_stats());
    let sum = |figure: fn(&ClassStats) -> u64| classes.iter().map(figure).sum::<u64>();
    assert_eq!(sum(|class| class.entries), 61);
    assert_eq!(sum(|class| class.wasted), stats.memory_wasted);
}

#[test]
fn changes_of_one_value_by_threads_are_all_counted() {
    let dir = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for _ in 1..=4 {
            let cache = open(dir.path(), MIN_BYTES);
            scope.spawn(move || {
                for _ in 0..2000 {
                    let add = |current: Option<(u8, &[u8])>| {
                        let number = current.map_or(0, |(_, bytes)| {
                            u64::from_le_bytes(bytes.try_into().unwrap())
                        });
                        Ok::<_, ()>((3, (number + 1).to_le_bytes().to_vec()))
                    };
                    cache.change(b"n", Ttl::Forever, add).unwrap();
                }
            });
        }
    });
    let cache = open(dir.path(), MIN_BYTES);
    assert_eq!(get(&cache, b"n").unwrap(), 8000u64.to_le_bytes());
}

#[test]
fn add_by_threads_succeeds_once() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..200u32 {
        let won: usize = thread::scope(|scope| {
            let threads: Vec<_> = (1..=3)
                .map(|_| {
                    let cache = open(dir.path(), MIN_BYTES);
                    scope.spawn(move || {
                        usize::from(cache.add(&round.to_le_bytes(), &value(b"x")) == Stored::Yes)
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(won, 1);
    }
}

/// Readers and writers of few keys in a full cache: a value always belongs to its key and is whole.
#[test]
fn values_under_eviction_are_whole_and_belong_to_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for id in 1..=3u64 {
            let cache = open(dir.path(), MIN_BYTES);
            let done = &done;
            scope.spawn(move || {
                let mut random = id;
                for _ in 0..20_000 {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let key = (random >> 33) % 3000;
                    let size = (random >> 20) as usize % 40_000;
                    let fill = (random >> 40) as u8;
                    let mut bytes = vec![fill; 16 + size];
                    bytes[..8].copy_from_slice(&key.to_le_bytes());
                    match random % 7 {
                        0 => drop(cache.delete(&key.to_le_bytes())),
                        1..4 => drop(cache.set(&key.to_le_bytes(), &value(&bytes))),
                        _ => {
                            if let Some(found) = get(&cache, &key.to_le_bytes()) {
                                assert_eq!(found[..8], key.to_le_bytes());
                                assert!(found[8..].iter().all(|byte| *byte == found[8]));
                            }
                        }
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
        }
    });
    let cache = open(dir.path(), MIN_BYTES);
    check(&cache);
}

/// Checks that each block belongs to one entry at most, and that the counts are exact.
fn check(cache: &Cache) {
    let mut owners = HashMap::new();
    let mut entries = 0;
    table::for_each_slot(&cache.memory, 0, |slot, word| {
        let entry = cache.blocks(0).blocks_of(word).unwrap();
        for block in entry.blocks() {
            assert_eq!(owners.insert(block, slot), None);
            assert_eq!(cache.memory.load_block(block).link(), slot);
        }
        entries += 1;
        true
    });
    let stats = cache.stats();
    assert_eq!(stats.entries, entries);
    let in_use = (0..cache.memory.layout.granules())
        .filter(|block| {
            let state = cache.memory.load_block(*block).state();
            matches!(state, BlockState::First | BlockState::Part)
        })
        .count();
    assert_eq!(in_use, owners.len(), "blocks without an entry");
}

#[test]
fn blocks_of_a_dead_process_are_returned() {
    let dir = tempfile::tempdir().unwrap();
    let dead = open(dir.path(), MIN_BYTES);
    let blocks = dead.blocks(0);
    let block = blocks.reserve(3).unwrap();
    let slab = block / layout::SLAB_GRANULES;
    let word = dead.memory.load_slab(slab);
    let own = dead.owners.own();
    assert!(dead.memory.swap_slab(slab, word, word.changing(3, own)));
    let cache = open(dir.path(), MIN_BYTES);
    assert_eq!(cache.recover(), 0, "it is alive");
    // As after a kill: the lock ends, and the word of the owner remains.
    let in_use = dead.memory.layout.owners + own;
    drop(dead);
    let memory = &cache.memory;
    memory.word(in_use).store(1, Ordering::Relaxed);
    assert_eq!(cache.recover(), 1);
    assert!(memory.load_slab(slab).serves(3));
    assert_eq!(memory.load_block(block).state(), BlockState::Free);
    assert_eq!(cache.recover(), 0);
}

#[test]
fn reserved_block_of_a_dead_process_is_always_returned() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let done = AtomicBool::new(false);
    let used = |cache: &Cache| cache.stats().memory_used;
    thread::scope(|scope| {
        let busy = open(dir.path(), MIN_BYTES);
        let slot = {
            busy.set(b"a", &value(b"x"));
            let key = busy.hashed(Kind::Value, b"a");
            table::find(&busy.memory, key).unwrap().slot
        };
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                busy.set(b"a", &value(b"x"));
            }
            busy.clear();
        });
        for round in 0..200 {
            let dead = open(dir.path(), MIN_BYTES);
            let block = dead.blocks(0).reserve(0).unwrap();
            if round % 2 == 0 {
                dead.blocks(0).set_slot(block, slot);
            }
            let in_use = dead.memory.layout.owners + dead.owners.own();
            drop(dead);
            cache.memory.word(in_use).store(1, Ordering::Relaxed);
            assert_eq!(cache.recover(), 1);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(used(&cache), 0);
}

#[test]
fn sums_of_a_killed_process_are_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), 4 * MIN_BYTES);
    for n in 0..40u32 {
        cache.set(&n.to_le_bytes(), &value(&vec![1; n as usize * 500]));
    }
    let counted = || Occupancy::counted(&cache.memory);
    let exact = Occupancy::of_blocks(&cache.memory);
    assert_eq!((counted(), exact.entries), (exact, 40));
    let dead = open(dir.path(), MIN_BYTES);
    // A store that was not counted, a removal that was not, and a count that was not ended.
    let blocks = dead.blocks(0);
    let name = 1u32.to_le_bytes();
    let key = dead.hashed(Kind::Value, &name);
    let found = table::find(&dead.memory, key).unwrap();
    let entry = blocks.blocks_of(found.word).unwrap();
    assert!(
        dead.memory
            .swap_slot(found.slot, found.word, found.word.emptied())
    );
    blocks.free_entry(&entry, None);
    Occupancy {
        entries: -7,
        granules: -1000,
        bytes: 5,
    }
    .count(&dead.memory, 3);
    let own = dead.owners.own();
    dead.memory
        .word(header::RECOUNTING)
        .store(own as u64, Ordering::Relaxed);
    drop(dead);
    cache
        .memory
        .word(cache.memory.layout.owners + own)
        .store(1, Ordering::Relaxed);
    let stats = cache.stats();
    assert!(stats.entries < 39 && stats.memory_used + stats.memory_free <= stats.memory);
    assert_eq!(cache.recover(), 1);
    assert_eq!(counted(), Occupancy::of_blocks(&cache.memory));
    assert_eq!(cache.stats().entries, 39);
}

#[test]
fn lock_of_a_stopped_process_is_taken_over_and_its_store_fails() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let hash = cache.hashed(Kind::Value, b"a").hash;
    let stopped = KeyLock::acquire(&cache.memory, hash);
    let (slot, word) = stopped.slot_for_new(0).unwrap();
    assert_eq!(cache.set(b"a", &value(b"x")), Stored::Yes);
    assert!(!stopped.is_held());
    assert!(!cache.memory.swap_slot(slot, word, word.next(9, hash)));
    drop(stopped);
    assert_eq!(get(&cache, b"a").unwrap(), b"x");
}

#[test]
fn content_beyond_a_damaged_segment_reads_as_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let last = cache.memory.layout.granules() - 1;
    let mut bytes = vec![0xaa; MAX_VALUE];
    // SAFETY: the bytes of the vector.
    unsafe {
        cache
            .memory
            .copy_out(last, 0, bytes.as_mut_ptr(), bytes.len())
    };
    assert!(bytes.iter().all(|byte| *byte == 0));
}

#[test]
fn damaged_file_and_one_of_an_earlier_boot_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.seg");
    std::fs::create_dir(&path).unwrap();
    assert!(Cache::open(&path, MIN_BYTES).is_err());
    std::fs::remove_dir(&path).unwrap();
    for damaged in [vec![], vec![7; MIN_BYTES]] {
        std::fs::write(&path, damaged).unwrap();
        assert!(Cache::open(&path, MIN_BYTES).is_ok());
    }
    let cache = open(dir.path(), MIN_BYTES);
    cache.set(b"a", &value(b"x"));
    cache.memory.word(header::BOOT).store(1, Ordering::Relaxed);
    let new = open(dir.path(), MIN_BYTES);
    assert!(!new.has(b"a") && !cache.is_file_at(&path) && new.is_file_at(&path));
}

#[test]
fn value_of_the_second_tier_replaces_none() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    cache.set(b"a", &value(b"new"));
    let fill = |key, guard| cache.fill(key, &value(b"old"), guard);
    assert_eq!(fill(b"a", cache.fill_guard(b"a")), Stored::No);
    let before = cache.fill_guard(b"a");
    cache.remove_fenced(b"a");
    assert_eq!(fill(b"a", before), Stored::No);
    assert_eq!(fill(b"a", cache.fill_guard(b"a")), Stored::Yes);
}

#[test]
fn keys_are_listed_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    for n in 0..500 {
        cache.set(format!("k{n}").as_bytes(), &value(b"x"));
    }
    let (mut after, mut seen) = (None, std::collections::HashSet::new());
    loop {
        let mut page = Vec::new();
        cache.for_each_key(after.as_deref(), |key| {
            page.push(key);
            page.len() < 64
        });
        after = page.last().cloned();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen.len(), 500);
}

#[test]
fn value_of_the_server_replaces_no_later_change() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), MIN_BYTES));
    one.set(b"a", &value(b"first"));
    let guard = one.fill_guard(b"a");
    assert_eq!(
        one.set_sent(b"a", &value(b"second"), None, guard),
        Stored::Yes
    );
    let guard = one.fill_guard(b"a");
    other.set(b"a", &value(b"third"));
    assert_eq!(
        one.set_sent(b"a", &value(b"fourth"), None, guard),
        Stored::No
    );
    assert_eq!(get(&one, b"a").unwrap(), b"third");
    let guard = one.fill_guard(b"a");
    other.remove_fenced(b"a");
    assert_eq!(
        one.set_sent(b"a", &value(b"fifth"), None, guard),
        Stored::No
    );
}
