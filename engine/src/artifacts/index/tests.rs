//! The index against a model of it, against its own writers at once, and against broken bytes.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;
use crate::artifacts::{IndexRecord, Key, record::tests::sample};

fn open(dir: &TempDir, capacity: u32) -> Index {
    Index::open(dir.path(), 1, capacity).unwrap()
}

fn store(index: &Index, record: &IndexRecord) -> Stored {
    index.writer(LOCK_TIMEOUT).unwrap().store(record)
}

#[test]
fn stored_records_are_found_by_another_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(&dir, 100), open(&dir, 100));
    for seed in 0..100 {
        assert_eq!(store(&one, &sample(seed)), Stored::Done);
    }
    assert_eq!(store(&one, &sample(100)), Stored::Full);
    for seed in 0..100 {
        assert_eq!(two.get(sample(seed).key), Some(sample(seed)));
    }
    assert_eq!(two.get(sample(100).key), None);
    assert_eq!(two.len(), 100);
    assert_eq!(two.total_size(), (0..100).map(|n| 1000 + n).sum::<u64>());
}

#[test]
fn record_stored_again_keeps_the_later_use() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, 8);
    let old = sample(1);
    store(&index, &old);
    index.record_use(old.key, old.accessed_ms + 50);
    let new = IndexRecord { size: 9, ..old };
    store(&index, &new);
    let accessed_ms = old.accessed_ms + 50;
    assert_eq!(index.get(old.key), Some(IndexRecord { accessed_ms, ..new }));
    assert_eq!((index.len(), index.total_size()), (1, 9));
}

#[test]
fn use_is_recorded_once_a_second_if_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, 8);
    let record = sample(1);
    store(&index, &record);
    let used = |index: &Index| index.get(record.key).unwrap().accessed_ms;
    assert!(
        index
            .find(record.key, record.accessed_ms + 999, |_| true)
            .is_some()
    );
    assert_eq!(used(&index), record.accessed_ms);
    assert!(
        index
            .find(record.key, record.accessed_ms + 5000, |_| false)
            .is_none()
    );
    assert_eq!(used(&index), record.accessed_ms);
    assert!(
        index
            .find(record.key, record.accessed_ms + 1000, |_| true)
            .is_some()
    );
    assert_eq!(used(&index), record.accessed_ms + 1000);
    assert!(
        index
            .find(record.key, record.expires_ms, |_| true)
            .is_none()
    );
}

#[test]
fn index_without_a_file_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("missing");
    let index = Index::open(&nowhere, 1, 8).unwrap();
    assert!(index.path().is_none());
    store(&index, &sample(1));
    assert_eq!(index.get(sample(1).key), Some(sample(1)));
}

#[test]
fn capacities_and_directories_have_indexes_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, 8);
    store(&index, &sample(1));
    assert_eq!(open(&dir, 9).len(), 0);
    assert_eq!(Index::open(dir.path(), 2, 8).unwrap().len(), 0);
    assert_eq!(open(&dir, 8).len(), 1);
}

/// Records with parts that show whether they belong together.
fn version(key: Key, n: u32) -> IndexRecord {
    IndexRecord {
        key,
        sha256: Sha256::digest(n.to_le_bytes()).into(),
        size: n.into(),
        build_ms: n,
        ..sample(0)
    }
}

#[test]
fn readers_never_see_parts_of_two_records() {
    const VERSIONS: usize = 64;
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, 8);
    let keys: Vec<Key> = (0..4).map(|n| Key(n << 40)).collect();
    let records: Vec<Vec<IndexRecord>> = keys
        .iter()
        .map(|key| (0..VERSIONS).map(|n| version(*key, n as u32)).collect())
        .collect();
    let (done, hits) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for versions in &records {
                        if let Some(found) = index.get(versions[0].key) {
                            assert_eq!(Some(&found), versions.get(found.build_ms as usize));
                            hits.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        for first in 0..2 {
            let (index, records, done) = (&index, &records, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let changes = index.writer(Duration::from_secs(60)).unwrap();
                    for step in 0..1000 {
                        let versions = &records[step % records.len()];
                        changes.store(&versions[(first + step * 2) % VERSIONS]);
                        if step % 37 == 0 {
                            changes.remove(versions[0].key);
                        }
                    }
                }
            });
        }
        thread::sleep(Duration::from_millis(1500));
        done.store(true, Ordering::Relaxed);
    });
    assert!(hits.load(Ordering::Relaxed) > 10_000);
}

#[test]
fn million_lookups_of_absent_keys_find_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, 1000);
    for seed in 0..1000 {
        store(&index, &sample(seed));
    }
    for n in 0..1_000_000u64 {
        assert_eq!(
            index.get(Key(sample(n % 1000).key.0 ^ (1 + n / 1000) << 3)),
            None
        );
    }
}

#[derive(Debug, Clone)]
enum Step {
    Store(u8, u32),
    Remove(u8),
    Find(u8),
    Reindex,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (any::<u8>(), any::<u32>()).prop_map(|(key, n)| Step::Store(key, n)),
        4 => any::<u8>().prop_map(Step::Remove),
        2 => any::<u8>().prop_map(Step::Find),
        1 => Just(Step::Reindex),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Few groups, so that records live far from home and groups run full and empty again.
    #[test]
    fn index_agrees_with_a_map(steps in proptest::collection::vec(step(), 1..600)) {
        let dir = tempfile::tempdir().unwrap();
        let index = open(&dir, 40);
        let writer = index.writer(LOCK_TIMEOUT).unwrap();
        let mut model: HashMap<Key, IndexRecord> = HashMap::new();
        let key = |n: u8| Key(u64::from(n % 64) << 32 | 7);
        for step in steps {
            match step {
                Step::Store(n, v) => {
                    let record = version(key(n), v);
                    let fits = model.contains_key(&key(n)) || model.len() < 40;
                    prop_assert_eq!(writer.store(&record) == Stored::Done, fits);
                    if fits {
                        model.insert(key(n), record);
                    }
                }
                Step::Remove(n) => prop_assert_eq!(writer.remove(key(n)), model.remove(&key(n))),
                Step::Find(n) => prop_assert_eq!(index.get(key(n)), model.get(&key(n)).copied()),
                Step::Reindex => writer.reindex(),
            }
            prop_assert_eq!(index.len(), model.len() as u64);
        }
        for n in 0..64 {
            prop_assert_eq!(index.get(key(n)), model.get(&key(n)).copied());
        }
        prop_assert_eq!(index.total_size(), model.values().map(|record| record.size).sum::<u64>());
        let tags = (0..index.geometry.groups).map(|group| index.tags(group).unwrap().0);
        let tags: Vec<u64> = tags.collect();
        writer.reindex();
        for (group, before) in tags.into_iter().enumerate() {
            prop_assert_eq!(index.tags(group).unwrap().0, before, "counts of group {}", group);
        }
    }

    #[test]
    fn flipped_bits_cause_misses_and_never_other_records(
        flips in proptest::collection::vec((any::<u32>(), 0u8..8), 1..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let index = open(&dir, 40);
        for seed in 0..40 {
            store(&index, &sample(seed));
        }
        let words = index.segment.words();
        for (at, bit) in flips {
            let word = &words[at as usize / 8 % words.len()];
            word.fetch_xor(1 << (u32::from(bit) + at % 8 * 8), Ordering::Relaxed);
        }
        let right = |index: &Index| (0..40).filter(|seed| {
            index.get(sample(*seed).key).is_some_and(|found| {
                assert_eq!(found, IndexRecord { accessed_ms: found.accessed_ms, ..sample(*seed) });
                true
            })
        }).count() as u64;
        let found = right(&index);
        let writer = index.writer(LOCK_TIMEOUT).unwrap();
        writer.reindex();
        prop_assert!(right(&index) >= found);
        prop_assert_eq!(index.len(), right(&index));
        for seed in 0..40 {
            prop_assert_eq!(writer.store(&sample(seed)), Stored::Done);
        }
        prop_assert_eq!(right(&index), 40);
    }
}
