//! Eviction by entries and by bytes, never of recently used artifacts.

use super::*;

fn used(store: &Store, fixture: &Fixture, key: u64) {
    fixture.advance(2000);
    assert!(store.find(Key(key)).is_some(), "{key} is there");
}

#[test]
fn least_recently_used_goes_when_bytes_exceed_the_limit() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_size = 100;
    let store = fixture.open_with(options);
    for key in 1..=3 {
        put(&store, key, &[0; 30]);
        fixture.advance(1000);
    }
    fixture.advance(LATER);
    for key in [1, 3, 2] {
        used(&store, &fixture, key);
    }
    fixture.advance(LATER);
    put(&store, 4, &[0; 70]);
    assert_eq!(store.find(Key(1)), None);
    assert_eq!(store.find(Key(3)), None);
    assert!(store.find(Key(2)).is_some());
    assert!(store.find(Key(4)).is_some());
    assert_eq!(store.stats().bytes, 100);
    assert_eq!(store.stats().evicted_lru, 2);
    assert_eq!(fixture.files().len(), 6, "{:?}", fixture.files());
}

#[test]
fn least_recently_used_goes_when_the_index_is_full() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_entries = 4;
    let store = fixture.open_with(options);
    for key in 1..=4 {
        put(&store, key, b"binary");
        fixture.advance(1000);
    }
    fixture.advance(LATER);
    used(&store, &fixture, 1);
    fixture.advance(LATER);
    put(&store, 5, b"binary");
    assert_eq!(store.find(Key(2)), None, "it was used least recently");
    assert_eq!(store.entries(10, None).len(), 4);
    assert_eq!(
        store.read_disk(Key(2)).unwrap(),
        None,
        "gone from the disk too"
    );
}

#[test]
fn expired_artifact_is_evicted_first() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_entries = 2;
    let store = fixture.open_with(options);
    put(&store, 1, b"binary");
    fixture.advance(HOUR);
    put_as(
        &store,
        CommitMeta {
            ttl: Duration::from_secs(60),
            ..meta(2)
        },
        b"binary",
    )
    .unwrap();
    fixture.advance(HOUR);
    put(&store, 3, b"binary");
    assert!(store.find(Key(1)).is_some());
    assert_eq!(store.peek(Key(2)), None);
    assert_eq!(store.stats().evicted_expired, 1);
}

#[test]
fn recently_found_artifact_is_not_evicted_beyond_the_limit() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_size = 100;
    let store = fixture.open_with(options);
    put(&store, 1, &[0; 60]);
    fixture.advance(LATER);
    used(&store, &fixture, 1);
    put(&store, 2, &[0; 60]);
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!((report.lru_removed, report.entries_remaining), (0, 2));
    fixture.advance(LATER);
    used(&store, &fixture, 2);
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!((report.lru_removed, report.bytes_freed), (1, 60));
    assert!(store.find(Key(2)).is_some());
}

#[test]
fn full_index_of_recent_records_keeps_their_files() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_entries = 2;
    let store = fixture.open_with(options);
    for key in 1..=3 {
        put(&store, key, b"binary");
    }
    assert_eq!(store.entries(10, None).len(), 2);
    assert!(store.find(Key(3)).is_some(), "the new one is found");
    assert!(
        store.entry(Key(1)).unwrap().is_some(),
        "the oldest stays on disk"
    );
    fixture.advance(LATER);
    store.clean(fixture.now()).unwrap();
    fixture.advance(LATER);
    store.clean(fixture.now()).unwrap();
    assert_eq!(fixture.files().len(), 2 * 3, "{:?}", fixture.files());
}

#[test]
fn artifact_used_after_the_choice_stays() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    fixture.advance(LATER);
    used(&store, &fixture, 1);
    let writer = store.writer().unwrap();
    assert!(!store.evict(&writer, &record, fixture.now()));
    fixture.advance(LATER);
    assert!(store.evict(&writer, &record, fixture.now()));
}

#[test]
fn last_uses_survive_the_index_in_the_export() {
    let fixture = Fixture::new();
    let store = fixture.open();
    put(&store, 1, b"binary");
    fixture.advance(HOUR);
    used(&store, &fixture, 1);
    let accessed_ms = store.peek(Key(1)).unwrap().accessed_ms;
    store.export().unwrap();
    let mut options = fixture.options();
    let elsewhere = tempfile::tempdir().unwrap();
    options.run_dir = elsewhere.path().to_owned();
    let anew = fixture.open_with(options);
    assert_eq!(anew.peek(Key(1)).unwrap().accessed_ms, accessed_ms);
}

const MIB: usize = 1 << 20;

#[test]
fn full_disk_evicts_only_the_least_recently_used() {
    let fixture = Fixture::new();
    let (others, store) = (fixture.open(), fixture.open());
    for key in 1..=4 {
        put(&others, key, &[7; MIB]);
        fixture.advance(1000);
    }
    fixture.advance(LATER);
    used(&store, &fixture, 1);
    // The disk of the test is not full: the freed bytes are counted, two of them and a margin.
    assert!(store.make_space(MIB as u64, EvictScope::Unused));
    let left: Vec<u64> = (1..=4)
        .filter(|key| store.find(Key(*key)).is_some())
        .collect();
    assert_eq!(left, [1, 4]);
    assert_eq!(store.read_disk(Key(2)).unwrap(), None);
}

#[test]
fn full_disk_keeps_recent_commits_of_this_process() {
    let fixture = Fixture::new();
    let (others, store) = (fixture.open(), fixture.open());
    put(&others, 1, &[7; MIB]);
    fixture.advance(1000);
    put(&store, 2, &[7; MIB]);
    fixture.advance(1000);
    let most = u64::MAX / 4;
    assert!(!store.make_space(most, EvictScope::Unused), "all is recent");
    assert!(store.make_space(most, EvictScope::Any));
    assert_eq!(store.find(Key(1)), None);
    assert!(store.find(Key(2)).is_some());
    fixture.advance(LATER);
    assert!(store.make_space(most, EvictScope::Unused));
    assert_eq!(store.find(Key(2)), None);
}

#[test]
fn only_storage_errors_count_as_a_full_disk() {
    use crate::Error;
    let error = |code| Error::io("writing", std::io::Error::from_raw_os_error(code));
    assert!(is_full(&error(libc::ENOSPC)) && is_full(&error(libc::EDQUOT)));
    assert!(!is_full(&error(libc::EROFS)) && !is_full(&Error::State("full".into())));
}
