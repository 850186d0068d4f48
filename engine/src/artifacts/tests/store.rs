//! Putting in, finding, taking out.

use std::{
    fs::File,
    io::Read as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{Error, artifacts::key::hex, failpoint};

#[test]
fn committed_artifact_is_found_at_its_path() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 0xab01, b"binary");
    assert_eq!(store.find(Key(0xab01)), Some(record));
    assert_eq!(record.sha256_hex(), hex(&Sha256::digest(b"binary")));
    assert_eq!((record.size, record.build_ms), (6, 1500));
    assert_eq!(record.expires_ms, fixture.now() + 7 * 24 * HOUR);
    let path = store.path(&record);
    assert_eq!(fs::read(&path).unwrap(), b"binary");
    assert_eq!(
        path.metadata().unwrap().permissions().mode() & 0o7777,
        0o755
    );
    let link = path.with_file_name("000000000000ab01.bin");
    assert_eq!(
        link.metadata().unwrap().ino(),
        path.metadata().unwrap().ino()
    );
    assert_eq!(store.config(&record).unwrap(), meta(0xab01).config);
    assert_eq!(store.read_disk(Key(0xab01)).unwrap(), Some(record));
    assert!(store.verify(&record).unwrap());
    assert_eq!(fixture.files().len(), 3);
}

#[test]
fn commit_is_found_by_other_stores_and_after_losing_the_index() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.open(), fixture.open());
    let record = put(&one, 7, b"binary");
    assert_eq!(two.find(Key(7)), Some(record));
    let mut options = fixture.options();
    let elsewhere = tempfile::tempdir().unwrap();
    options.run_dir = elsewhere.path().to_owned();
    let three = fixture.open_with(options);
    assert_eq!(three.find(Key(7)), Some(record));
}

#[test]
fn lookup_of_another_configuration_is_a_miss() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 7, b"binary");
    assert_eq!(store.find_exact(Key(7), meta(7).digest), Some(record));
    assert_eq!(store.find_exact(Key(7), meta(8).digest), None);
    assert_eq!(store.find(Key(8)), None);
}

#[test]
fn expired_artifact_is_a_miss_that_peek_explains() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 7, b"binary");
    fixture.advance(7 * 24 * HOUR - 1);
    assert!(store.find(Key(7)).is_some());
    fixture.advance(1);
    assert_eq!(store.find(Key(7)), None);
    assert_eq!(store.peek(Key(7)).unwrap().sha256, record.sha256);
    assert!(store.entries(10, None).is_empty());
}

#[test]
fn first_of_two_equal_builds_stays_unless_replaced() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let first = put(&store, 7, b"first");
    assert_eq!(put(&store, 7, b"second"), first);
    assert_eq!(fixture.files().len(), 3, "{:?}", fixture.files());
    let third = put_as(&store, replacing(7), b"third").unwrap();
    assert_eq!(store.find(Key(7)), Some(third));
    assert!(store.verify(&third).unwrap());
    assert_eq!(store.stats().entries, 1);
    assert_eq!(store.stats().bytes, 5);
}

#[test]
fn overtaken_commit_uses_the_first_and_leaves_no_binary() {
    let fixture = Fixture::new();
    let (slow, fast) = (fixture.open(), fixture.open());
    failpoint::tests::set(move |at| {
        if at == "commit.written" {
            put(&fast, 7, b"fast");
        }
    });
    let record = put(&slow, 7, b"slow");
    failpoint::tests::clear();
    assert_eq!(record.size, 4);
    assert_eq!(fs::read(slow.path(&record)).unwrap(), b"fast");
    assert_eq!(slow.find(Key(7)), Some(record));
    assert_eq!(fixture.files().len(), 3, "{:?}", fixture.files());
}

#[test]
fn expired_artifact_is_replaced_without_replace() {
    let fixture = Fixture::new();
    let store = fixture.open();
    put(&store, 7, b"first");
    fixture.advance(8 * 24 * HOUR);
    let second = put(&store, 7, b"second");
    assert_eq!(store.find(Key(7)), Some(second));
}

#[test]
fn key_of_another_configuration_is_refused() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let first = put(&store, 7, b"first");
    let other = CommitMeta {
        key: Key(7),
        ..meta(8)
    };
    let refused = put_as(&store, other, b"second");
    assert!(matches!(refused, Err(Error::State(_))), "{refused:?}");
    assert_eq!(store.find(Key(7)), Some(first));
    assert!(store.verify(&first).unwrap());
}

#[test]
fn replaced_binary_stays_until_the_grace_is_over() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let old = put(&store, 7, b"old");
    let new = put_as(&store, replacing(7), b"new").unwrap();
    store.clean(fixture.now()).unwrap();
    assert_eq!(fs::read(store.path(&old)).unwrap(), b"old");
    fixture.advance(LATER);
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!(report.orphans_removed, 1);
    assert!(!store.path(&old).exists());
    assert_eq!(fs::read(store.path(&new)).unwrap(), b"new");
    assert!(store.config(&old).is_ok(), "the configuration is the same");
}

#[test]
fn forgotten_artifact_is_gone_from_index_and_disk() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 7, b"binary");
    let mut reader = store.open_binary(&record).unwrap().unwrap();
    assert!(store.forget(Key(7)).unwrap());
    assert!(!store.forget(Key(7)).unwrap());
    assert_eq!(store.peek(Key(7)), None);
    assert_eq!(store.read_disk(Key(7)).unwrap(), None);
    assert!(fixture.files().is_empty(), "{:?}", fixture.files());
    assert!(store.config(&record).is_err());
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"binary", "who has it open reads on");
}

#[test]
fn removed_or_cut_binary_is_a_miss_from_then_on() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let gone = put(&store, 7, b"binary");
    fs::remove_file(store.path(&gone)).unwrap();
    assert!(store.open_binary(&gone).unwrap().is_none());
    assert_eq!(store.find(Key(7)), None);
    let short = put(&store, 8, b"binary");
    fs::write(store.path(&short), "bin").unwrap();
    assert!(store.open_binary(&short).unwrap().is_none());
    assert_eq!(store.find(Key(8)), None);
    assert!(!store.verify(&short).unwrap());
}

#[test]
fn verify_detects_changed_bytes_of_the_same_size() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 7, b"binary");
    fs::write(store.path(&record), "BINARY").unwrap();
    assert!(!store.verify(&record).unwrap());
}

#[test]
fn large_file_is_copied_and_hashed_at_once() {
    let fixture = Fixture::new();
    let store = fixture.open();
    for size in [0, 1, 1 << 20, (9 << 20) + 17] {
        let bytes: Vec<u8> = (0..size).map(|n| ((n * 31) >> 3) as u8).collect();
        let source = fixture.run.path().join("source");
        fs::write(&source, &bytes).unwrap();
        let mut staging = store.stage().unwrap();
        staging.write_all(b"head").unwrap();
        let source = File::open(&source).unwrap();
        staging.copy_from(&source, size as u64, || false).unwrap();
        staging.write_all(b"tail").unwrap();
        let record = store.commit(staging, replacing(7)).unwrap();
        let whole = [b"head", bytes.as_slice(), b"tail"].concat();
        assert_eq!(
            record.sha256,
            <[u8; 32]>::from(Sha256::digest(&whole)),
            "{size} bytes"
        );
        assert_eq!(
            fs::read(store.path(&record)).unwrap(),
            whole,
            "{size} bytes"
        );
    }
}

#[test]
fn cancelled_copy_leaves_no_file() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let source = fixture.run.path().join("source");
    File::create(&source).unwrap().set_len(64 << 20).unwrap();
    let mut staging = store.stage().unwrap();
    let mut asked = 0;
    let cancelled = staging.copy_from(&File::open(&source).unwrap(), 64 << 20, || {
        asked += 1;
        asked == 3
    });
    assert!(
        matches!(cancelled, Err(Error::Cancelled(_))),
        "{cancelled:?}"
    );
    assert_eq!(asked, 3);
    drop(staging);
    assert!(fixture.files().is_empty());
}

#[test]
fn short_source_is_an_error_with_its_length() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let source = fixture.run.path().join("source");
    fs::write(&source, vec![1; 3 << 20]).unwrap();
    let mut staging = store.stage().unwrap();
    let error = staging.copy_from(&File::open(&source).unwrap(), 4 << 20, || false);
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("after 3145728 of 4194304 bytes"),
        "{message}"
    );
}

#[test]
fn oversized_binary_is_refused_before_it_fills_the_disk() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.max_size = 100;
    let store = fixture.open_with(options);
    let mut staging = store.stage().unwrap();
    staging.write_all(&[0; 100]).unwrap();
    let error = staging.write_all(&[0]).unwrap_err();
    assert!(error.to_string().contains("100 bytes"), "{error}");
    let mut staging = store.stage().unwrap().limited(10);
    assert!(staging.write_all(&[0; 11]).is_err());
    let source = File::open("/dev/zero").unwrap();
    assert!(staging.copy_from(&source, 11, || false).is_err());
}

#[test]
fn entries_are_paged_in_the_order_of_keys() {
    let fixture = Fixture::new();
    let store = fixture.open();
    for key in [5, 1, 9, 3, 7] {
        put(&store, key << 56, b"binary");
    }
    let keys = |limit, after: Option<u64>| -> Vec<u64> {
        let page = store.entries(limit, after.map(|key| Key(key << 56)));
        page.iter().map(|record| record.key.0 >> 56).collect()
    };
    assert_eq!(keys(2, None), [1, 3]);
    assert_eq!(keys(2, Some(3)), [5, 7]);
    assert_eq!(keys(2, Some(7)), [9]);
    assert_eq!(keys(2, Some(9)), [0; 0]);
    assert_eq!(keys(100, Some(4)), [5, 7, 9]);
}

#[test]
fn attach_creates_the_directory_for_this_user_only() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.dir = fixture.dir.path().join("not/yet");
    assert!(!options.dir.exists());
    let store = fixture.open_with(options);
    assert!(store.is_writable());
    assert_eq!(store.dir().metadata().unwrap().mode() & 0o007, 0);
    put(&store, 7, b"binary");
    assert!(store.find(Key(7)).is_some());
}
