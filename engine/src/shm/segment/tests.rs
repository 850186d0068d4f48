//! Segments as two openings of one file see them.

use std::{fs, os::unix::fs::PermissionsExt as _, time::SystemTime};

use super::*;
use crate::shm::publish::STALE_TEMP_AGE;

fn create(path: &Path, bytes: usize) -> Segment {
    match Segment::open_or_create(path, bytes, |_| {}).unwrap() {
        Opened::Created(segment) => segment,
        Opened::Existing(_) => panic!("it exists"),
    }
}

#[test]
fn word_stored_through_one_mapping_is_read_through_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    let made = Segment::create(&path, 8192).unwrap();
    made.word(1023).unwrap().store(7, Ordering::Relaxed);
    assert!(made.word(1024).is_none());
    let opened = Segment::open(&path).unwrap().unwrap();
    assert_eq!(opened.bytes(), 8192);
    assert_eq!(opened.word(1023).unwrap().load(Ordering::Relaxed), 7);
    let read_only = Segment::read_only(&path).unwrap().unwrap();
    assert_eq!(read_only.words()[1023].load(Ordering::Relaxed), 7);
    assert!(opened.is_writable() && !read_only.is_writable());
    assert!(Segment::create(&path, 8192).is_err());
}

#[test]
fn second_creator_opens_the_segment_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    let fill = |new: &Segment| new.words()[3].store(7, Ordering::Relaxed);
    let made = Segment::open_or_create(&path, 8192, fill).unwrap();
    assert!(matches!(made, Opened::Created(_)));
    // As after a race: it did not find the file, and is late with its own.
    assert!(Segment::publish(&path, 8192, |_| {}).unwrap().is_none());
    let opened = Segment::open_or_create(&path, 8192, |_| unreachable!()).unwrap();
    assert!(matches!(opened, Opened::Existing(_)));
    let words = opened.into_segment();
    assert_eq!(words.words()[3].load(Ordering::Relaxed), 7);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn pages_of_a_new_segment_are_allocated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    create(&path, 1 << 20);
    assert!(path.metadata().unwrap().blocks() * 512 >= 1 << 20);
}

#[test]
fn leftovers_of_dead_creators_go_and_those_of_living_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, age| {
        let path = dir.path().join(name);
        let made = SystemTime::now() - age;
        File::create(&path).unwrap().set_modified(made).unwrap();
        path
    };
    let dead = [
        file("a.seg.0123456789abcdef.tmp", STALE_TEMP_AGE * 2),
        file("b-v1-0123456789abcdef.tmp", STALE_TEMP_AGE * 2),
    ];
    let alive = [
        file("a.seg.fedcba9876543210.tmp", STALE_TEMP_AGE / 2),
        file("a.seg.1.tmp", STALE_TEMP_AGE * 2),
        file("0123456789abcdef.tmp", STALE_TEMP_AGE * 2),
    ];
    create(&dir.path().join("a.seg"), 8192);
    assert!(dead.iter().all(|path| !path.exists()));
    assert!(alive.iter().all(|path| path.exists()));
    assert_eq!(sweep(dir.path(), SystemTime::now() + STALE_TEMP_AGE), 1);
}

#[test]
fn link_wrong_size_and_file_open_to_everybody_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    create(&path, 8192);
    let error = Segment::open_or_create(&path, 4096, |_| {}).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    let link = dir.path().join("link.seg");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Segment::open(&link).is_err());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(Segment::open(&path).is_err());
    assert!(Segment::open_or_create(&path, 8192, |_| {}).is_err());
    let empty = dir.path().join("empty.seg");
    File::create(&empty).unwrap();
    assert!(Segment::open(&empty).is_err());
    let absent = dir.path().join("absent.seg");
    assert!(Segment::open(&absent).unwrap().is_none());
    assert!(Segment::read_only(&absent).unwrap().is_none());
}

#[test]
fn segment_is_current_until_its_file_is_removed_or_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    let old = create(&path, 8192);
    assert!(old.is_current(&path));
    fs::remove_file(&path).unwrap();
    assert!(!old.is_current(&path));
    assert!(!old.remap(&path, |_| true).unwrap(), "none yet");
    let new = create(&path, 8192);
    assert!(!old.is_current(&path) && new.is_current(&path));
    assert!(!old.remap(&path, |_| false).unwrap(), "not accepted");
    assert!(old.remap(&path, |_| true).unwrap());
    assert!(old.is_current(&path));
    new.words()[5].store(9, Ordering::Relaxed);
    assert_eq!(old.words()[5].load(Ordering::Relaxed), 9);
    let alone = Segment::anonymous(8192).unwrap();
    assert!(!alone.is_current(&path));
}
