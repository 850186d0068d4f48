//! Several indexes of one directory: of processes with another capacity, in other containers.

use super::*;

fn elsewhere(fixture: &Fixture, capacity: u32) -> (TempDir, Store) {
    let run = tempfile::tempdir().unwrap();
    let mut options = fixture.options();
    options.max_entries = capacity;
    options.run_dir = run.path().to_owned();
    let store = fixture.open_with(options);
    (run, store)
}

#[test]
fn changes_of_one_index_reach_the_other_at_preparation() {
    let fixture = Fixture::new();
    let one = fixture.open();
    let (_run, two) = elsewhere(&fixture, 128);
    let record = put(&one, 1, b"binary");
    assert_eq!(two.find(Key(1)), None);
    two.prepare().unwrap();
    assert_eq!(two.find(Key(1)), Some(record));
    let new = put_as(&two, replacing(1), b"newer").unwrap();
    put(&two, 2, b"binary");
    one.prepare().unwrap();
    assert_eq!(one.find(Key(1)), Some(new));
    assert!(one.find(Key(2)).is_some());
    one.forget(Key(2)).unwrap();
    two.prepare().unwrap();
    assert_eq!(two.find(Key(2)), None);
}

#[test]
fn own_changes_are_skipped_and_others_between_them_applied() {
    let fixture = Fixture::new();
    let one = fixture.open();
    let (_run, two) = elsewhere(&fixture, 64);
    put(&one, 1, b"binary");
    two.prepare().unwrap();
    let followed = one.index.position();
    put(&one, 2, b"binary");
    assert_eq!(one.index.position().offset, followed.offset + 16);
    put(&two, 3, b"binary");
    put(&one, 4, b"binary");
    assert_eq!(
        one.index.position().offset,
        followed.offset + 16,
        "3 is still to be read"
    );
    one.prepare().unwrap();
    assert!(one.find(Key(3)).is_some());
    assert_eq!(one.index.position().offset, followed.offset + 48);
}

#[test]
fn reading_the_disk_updates_the_index() {
    let fixture = Fixture::new();
    let one = fixture.open();
    let (_run, two) = elsewhere(&fixture, 128);
    let record = put(&one, 1, b"binary");
    assert_eq!(two.read_disk(Key(1)).unwrap(), Some(record));
    assert_eq!(two.find(Key(1)), Some(record));
    one.forget(Key(1)).unwrap();
    assert!(two.find(Key(1)).is_some(), "it has not looked yet");
    assert_eq!(two.read_disk(Key(1)).unwrap(), None);
    assert_eq!(two.find(Key(1)), None);
}

#[test]
fn commit_that_finds_another_artifact_updates_the_index() {
    let fixture = Fixture::new();
    let one = fixture.open();
    let (_run, two) = elsewhere(&fixture, 128);
    let first = put(&one, 1, b"first");
    assert_eq!(put(&two, 1, b"second"), first);
    assert_eq!(two.find(Key(1)), Some(first));
}

#[test]
fn artifacts_removed_by_hand_leave_a_rebuilt_index() {
    let fixture = Fixture::new();
    let store = fixture.open();
    for key in 1..=3 {
        put(&store, key << 56, b"binary");
    }
    fs::remove_dir_all(shard_path(&fixture, Key(2 << 56))).unwrap();
    assert_eq!(store.rebuild().unwrap(), 2);
    assert_eq!(store.find(Key(2 << 56)), None);
    assert!(store.find(Key(1 << 56)).is_some());
    assert_eq!(store.stats().bytes, 12);
}

#[test]
fn torn_slot_is_a_miss_and_is_restored_from_disk() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let path = store.stats().index_path.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(8)
        .position(|word| word == &record.sha256[..8])
        .unwrap();
    bytes[at] ^= 0x10;
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes[at..=at], at as u64).unwrap();
    assert_eq!(store.find(Key(1)), None);
    assert!(store.needs_preparation());
    store.prepare().unwrap();
    assert!(!store.needs_preparation());
    assert_eq!(store.find(Key(1)), Some(record));
    assert_eq!((store.stats().entries, store.stats().bytes), (1, 6));
}

#[test]
fn commit_without_the_lock_is_on_disk_and_indexed_later() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let held = store.index.writer(Duration::ZERO).unwrap();
    let record = put(&store, 1, b"binary");
    assert_eq!(store.find(Key(1)), None);
    assert!(store.needs_preparation());
    drop(held);
    store.prepare().unwrap();
    assert_eq!(store.find(Key(1)), Some(record));
}

#[test]
fn locked_index_misses_and_is_filled_once_it_is_free() {
    let fixture = Fixture::new();
    let record = put(&fixture.open(), 1, b"binary");
    let run = tempfile::tempdir().unwrap();
    let mut options = fixture.options();
    options.run_dir = run.path().to_owned();
    let store = Store::attach(options, fixture.clock.clone()).unwrap();
    let held = store.index.writer(Duration::ZERO).unwrap();
    store.prepare().unwrap();
    assert_eq!(store.find(Key(1)), None);
    assert!(store.needs_preparation());
    assert!(matches!(store.rebuild(), Err(crate::Error::Timeout(_))));
    drop(held);
    store.prepare().unwrap();
    assert_eq!(store.find(Key(1)), Some(record));
}

#[test]
fn lookup_sees_an_index_that_others_made_anew() {
    let fixture = Fixture::new();
    let reader = fixture.open();
    put(&reader, 1, b"binary");
    let path = reader.stats().index_path.unwrap();
    fs::remove_file(&path).unwrap();
    // Without another one the mapped file is as good as before.
    fixture.advance(5000);
    assert!(reader.find(Key(1)).is_some());
    let other = fixture.open();
    let record = put(&other, 2, b"binary");
    fixture.advance(1000);
    assert_eq!(reader.find(Key(2)), None, "not compared at each lookup");
    fixture.advance(5000);
    assert_eq!(reader.find(Key(2)).unwrap().sha256, record.sha256);
    assert!(reader.find(Key(1)).is_some());
    let record = put(&reader, 3, b"binary");
    assert_eq!(other.find(Key(3)), Some(record), "both use one file again");
}

#[test]
fn foreign_file_does_not_take_the_place_of_an_index() {
    let fixture = Fixture::new();
    let reader = fixture.open();
    put(&reader, 1, b"binary");
    let path = reader.stats().index_path.unwrap();
    let size = fs::metadata(&path).unwrap().len();
    fs::remove_file(&path).unwrap();
    for bytes in [0, size] {
        let file = fs::File::create(&path).unwrap();
        file.set_len(bytes).unwrap();
        fixture.advance(5000);
        assert!(reader.find(Key(1)).is_some());
        assert!(!reader.remap_index());
    }
}

#[test]
fn index_is_replaced_under_readers_and_writers() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let path = store.stats().index_path.unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for key in 1..20 {
                        let found = store.find(Key(key));
                        assert!(found.is_none_or(|record| record.key == Key(key)));
                    }
                }
            });
        }
        let writing = scope.spawn(|| {
            for key in 1..20 {
                put(&store, key, b"binary");
            }
        });
        while !writing.is_finished() {
            fs::remove_file(&path).unwrap();
            drop(fixture.open());
            store.remap_index();
        }
        done.store(true, Ordering::Relaxed);
    });
    store.remap_index();
    store.prepare().unwrap();
    assert_eq!(
        (1..20)
            .filter(|key| store.find(Key(*key)).is_some())
            .count(),
        19
    );
}
