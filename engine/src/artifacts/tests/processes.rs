//! Several processes at once in one directory.

use std::process::Child;

use super::{child::command, *};

const OWN: u64 = 30;
const SHARED: u64 = 8;

/// Puts in keys of its own, and replaces those that all processes share.
pub(super) fn many(store: &Store, number: u64) {
    for n in 0..OWN {
        let key = (number + 1) << 32 | n;
        let bytes = key.to_le_bytes();
        let record = put(store, key, &bytes);
        assert_eq!(store.find(Key(key)), Some(record));
        let shared = n % SHARED;
        put_as(store, replacing(shared), &[number as u8; 16]).unwrap();
        if n % 10 == 9 {
            store.clean(Clock::System.now_ms()).unwrap();
        }
    }
}

#[test]
fn concurrent_commits_and_cleanings_keep_the_index_right() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_entries = 256;
    let store = fixture.open_with(options.clone());
    let children: Vec<Child> = (0..3)
        .map(|number| {
            command(&fixture, "many", &options)
                .env("PILLION_NUMBER", number.to_string())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let records = store.entries(1000, None);
    assert_eq!(records.len() as u64, 3 * OWN + SHARED);
    for record in &records {
        assert_eq!(
            store
                .cache_dir
                .read_record(record.key)
                .unwrap()
                .map(|r| r.sha256),
            Some(record.sha256)
        );
        assert!(store.verify(record).unwrap());
        assert!(store.find(record.key).is_some());
    }
    assert_eq!(store.stats().entries, records.len() as u64);
    assert_eq!(
        store.stats().bytes,
        records.iter().map(|record| record.size).sum::<u64>()
    );
    assert!(!store.needs_preparation());
    let position = store.index.position();
    store.prepare().unwrap();
    assert_eq!(
        store.index.position(),
        position,
        "all changes went through this index"
    );
}

#[test]
fn forked_child_uses_the_store_of_its_parent() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    // SAFETY: the child uses the store only, can't outlive its alarm, and ends without cleaning up
    // after its parent.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe { libc::alarm(20) };
        let found = store.find(Key(1)) == Some(record);
        let kept = put_as(&store, meta(2), b"from the child").is_ok();
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!(found && kept))) };
    }
    let mut status = 0;
    // SAFETY: `child` is our child, `status` is valid for the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(store.find(Key(2)).unwrap().size, 14);
    assert!(store.find(Key(1)).is_some());
    assert_eq!(put(&store, 3, b"binary").size, 6);
}
