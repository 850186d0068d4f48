//! Tests of the directory of artifacts, on real files.

use std::sync::Barrier;

use super::*;
use crate::remote::{
    object::Space,
    protocol::{Checksum, Key, Namespace},
};

fn name(key: &str) -> ObjectName {
    ObjectName {
        namespace: Namespace::trusted(),
        space: Space::Velocity,
        key: Key::parse(key).unwrap(),
    }
}

fn spool(store: &LocalStore, content: &[u8]) -> (Spool, Metadata) {
    let mut spool = store.spool().unwrap();
    spool.write(content).unwrap();
    let metadata = Metadata {
        sha256: spool.checksum(),
        size: spool.size(),
        tag: None,
        duration_ms: None,
        signature: None,
    };
    (spool, metadata)
}

fn put(store: &LocalStore, key: &str, content: &[u8]) -> bool {
    let (spool, metadata) = spool(store, content);
    store.publish(&name(key), &spool, &metadata).unwrap()
}

fn content(store: &LocalStore, key: &str) -> Option<Vec<u8>> {
    let object = store.find(&name(key)).unwrap()?;
    let mut bytes = vec![0; object.metadata.size as usize];
    object.file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(
        Checksum(Sha256::digest(&bytes).into()),
        object.metadata.sha256
    );
    Some(bytes)
}

#[test]
fn one_of_many_writers_of_a_key_wins() {
    const WRITERS: usize = 32;
    const KEYS: usize = 30;
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    let start = Barrier::new(WRITERS);
    let wins: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    let wins = |key: &usize| put(store, &key.to_string(), &[writer as u8; 99]);
                    (0..KEYS).filter(wins).collect()
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    for key in 0..KEYS {
        let winners: Vec<usize> = (0..WRITERS)
            .filter(|writer| wins[*writer].contains(&key))
            .collect();
        let [winner] = winners[..] else {
            panic!("{key}: {winners:?}");
        };
        assert_eq!(
            content(&store, &key.to_string()),
            Some(vec![winner as u8; 99])
        );
    }
}

#[test]
fn unfinished_upload_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    drop(spool(&store, b"half"));
    assert_eq!(fs::read_dir(dir.path().join(TEMPORARY)).unwrap().count(), 0);
    assert_eq!(content(&store, "a"), None);
}

#[test]
fn damaged_file_is_a_miss_and_replaced() {
    for (cut, append) in [(1, ""), (0, "x"), (60, "")] {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(dir.path()).unwrap();
        assert!(put(&store, "a", &[7; 100]));
        let path = store.path(&name("a"));
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - cut);
        bytes.extend_from_slice(append.as_bytes());
        fs::write(&path, bytes).unwrap();
        assert_eq!(content(&store, "a"), None);
        assert!(put(&store, "a", b"new"));
        assert_eq!(content(&store, "a"), Some(b"new".to_vec()));
    }
}

#[test]
fn cleaning_spares_what_was_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    let now = SystemTime::now();
    let old = now - Duration::from_secs(8 * 86_400);
    for key in ["used", "unused"] {
        assert!(put(&store, key, b"content"));
        let file = OpenOptions::new()
            .write(true)
            .open(store.path(&name(key)))
            .unwrap();
        file.set_modified(old).unwrap();
    }
    let used = store.find(&name("used")).unwrap().unwrap();
    assert!(used.is_touch_due());
    used.touch();
    assert!(!store.find(&name("used")).unwrap().unwrap().is_touch_due());
    let limits = Limits {
        retention: Duration::from_secs(7 * 86_400),
        max_bytes: 0,
    };
    let cleaned = store.clean(limits, now).unwrap();
    assert_eq!((cleaned.expired, cleaned.lru), (1, 0));
    assert!(content(&store, "used").is_some() && content(&store, "unused").is_none());
    let small = Limits {
        max_bytes: 1,
        ..limits
    };
    let cleaned = store.clean(small, now).unwrap();
    assert_eq!((cleaned.lru, cleaned.bytes), (1, 0));
}

#[test]
fn cleaning_spares_files_of_other_programs() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    assert!(put(&store, "a", b"content"));
    let path = store.path(&name("a"));
    let others = [
        "a/b/c/d",
        "trusted/v1/zz/a",
        "trusted/v1/file",
        "trusted/v2/ca/a",
        "README",
        "lost+found/#1",
    ];
    for other in others {
        let other = dir.path().join(other);
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(&other, b"content").unwrap();
    }
    fs::create_dir_all(dir.path().join("empty/v1/ca")).unwrap();
    let later = SystemTime::now() + Duration::from_secs(86_400);
    let limits = Limits {
        retention: Duration::from_secs(3600),
        max_bytes: 1,
    };
    let cleaned = store.clean(limits, later).unwrap();
    assert_eq!((cleaned.expired, cleaned.lru, cleaned.bytes), (1, 0, 0));
    assert!(!path.exists() && !path.parent().unwrap().exists());
    for other in others.into_iter().chain(["empty/v1/ca"]) {
        assert!(dir.path().join(other).exists(), "{other}");
    }
}

#[test]
fn upload_and_cleaning_of_a_directory_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    let limits = Limits {
        retention: Duration::from_secs(1),
        max_bytes: 0,
    };
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                let later = SystemTime::now() + Duration::from_secs(60);
                store.clean(limits, later).unwrap();
            }
        });
        let stored = (0..300).filter(|number| put(&store, &number.to_string(), b"content"));
        let stored = stored.count();
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(stored, 300);
    });
}

#[test]
fn artifact_is_removed_only_while_it_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    assert!(put(&store, "a", b"first"));
    let first = store.find(&name("a")).unwrap().unwrap();
    store.remove(&name("a"), &first);
    assert!(put(&store, "a", b"second"));
    store.remove(&name("a"), &first);
    assert_eq!(content(&store, "a"), Some(b"second".to_vec()));
}

#[test]
fn file_without_a_name_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::create_unnamed(dir.path()).unwrap();
    spool.write(b"bytes").unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn lookup_without_a_wait_finds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    assert!(put(&store, "a", &[7; 100_000]));
    // Where it takes a wait, or the system can't say, the other lookup follows.
    if let Ok(found) = store.find_now(&name("a")) {
        let same = store.find(&name("a")).unwrap().unwrap();
        assert_eq!(found.unwrap().metadata, same.metadata);
    }
    assert!(!matches!(store.find_now(&name("b")), Ok(Some(_))));
    fs::write(store.path(&name("a")), b"damaged").unwrap();
    assert!(store.find_now(&name("a")).is_err());
    assert!(store.find(&name("a")).unwrap().is_none());
}

#[test]
fn directory_of_unfinished_uploads_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    fs::remove_dir(dir.path().join(TEMPORARY)).unwrap();
    let limits = Limits {
        retention: Duration::ZERO,
        max_bytes: 1,
    };
    store.clean(limits, SystemTime::now()).unwrap();
    assert!(put(&store, "a", b"content"));
    // The root may be a disk that is not mounted now.
    fs::remove_dir_all(dir.path()).unwrap();
    assert!(store.spool().is_err() && !dir.path().exists());
}

#[test]
fn removal_by_many_spares_the_next_artifact() {
    const WRITERS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    assert!(put(&store, "a", b"old"));
    for round in 0..50_u8 {
        let start = Barrier::new(WRITERS);
        let stored = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    let (store, start) = (&store, &start);
                    scope.spawn(move || {
                        let old = store.find(&name("a")).unwrap().unwrap();
                        start.wait();
                        store.remove(&name("a"), &old);
                        put(store, "a", &[round])
                    })
                })
                .collect();
            let stored = writers.into_iter().map(|writer| writer.join().unwrap());
            stored.filter(|stored| *stored).count()
        });
        assert_eq!(stored, 1, "round {round}");
        assert_eq!(content(&store, "a"), Some(vec![round]));
    }
}
