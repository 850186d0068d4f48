//! Putting in, finding, taking out.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;
use crate::artifacts::record::hex;
use sha2::{Digest as _, Sha256};

#[test]
fn what_was_committed_is_found_and_stands_where_its_path_says() {
    let house = House::new();
    let store = house.open();
    let record = put(&store, 0xab01, b"binary");
    assert_eq!(store.find(Key(0xab01)), Some(record));
    assert_eq!(record.sha256_hex(), hex(&Sha256::digest(b"binary")));
    let path = store.path(&record);
    assert_eq!(std::fs::read(&path).unwrap(), b"binary");
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
}

#[test]
fn another_store_finds_it_at_once_and_a_later_one_after_the_index_was_lost() {
    let house = House::new();
    let (one, two) = (house.open(), house.open());
    let record = put(&one, 7, b"binary");
    assert_eq!(two.find(Key(7)), Some(record));
    let elsewhere = tempfile::tempdir().unwrap();
    let mut options = house.options();
    options.run_dir = elsewhere.path().to_owned();
    let three = house.open_with(options);
    assert_eq!(three.find(Key(7)), Some(record));
}
