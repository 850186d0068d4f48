//! Read-only caches, removed directories, files in place of directories.

use std::os::unix::fs::PermissionsExt as _;

use super::{child::command, *};
use crate::Error;

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A user that may read the cache and write nowhere.
pub(super) fn stranger(options: StoreOptions) {
    // SAFETY: numbers only; root becomes nobody, anybody else stays what they are.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setresgid(65534, 65534, 65534), 0);
            assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
        }
    }
    let store = Store::open(options.clone()).unwrap();
    assert!(!store.is_writable());
    assert!(
        store.stats().index_path.is_none(),
        "the segment belongs to another user"
    );
    let record = store.find(Key(7)).unwrap();
    assert!(store.verify(&record).unwrap());
    assert_eq!(store.config(&record).unwrap(), meta(7).config);
    let error = store.stage().unwrap_err().to_string();
    assert!(error.contains(store.dir().to_str().unwrap()), "{error}");
    assert!(store.export().is_err());
    assert!(store.forget(Key(7)).is_err());
    assert!(store.entry(Key(7)).unwrap().is_some());

    let mut nowhere = options;
    nowhere.dir = nowhere.dir.join("below");
    let error = Store::open(nowhere).unwrap_err().to_string();
    assert!(error.contains("below"), "{error}");
}

#[test]
fn read_only_cache_is_still_read() {
    let fixture = Fixture::new();
    let options = fixture.options();
    let store = fixture.open();
    put(&store, 7, b"binary");
    let [outer, inner] = Key(7).shard_names();
    for below in ["", ".pillion", &outer, &format!("{outer}/{inner}")] {
        mode(&fixture.dir.path().join(below), 0o555);
    }
    mode(fixture.run.path(), 0o700);
    let status = command(&fixture, "stranger", &options).status().unwrap();
    for below in ["", ".pillion", &outer, &format!("{outer}/{inner}")] {
        mode(&fixture.dir.path().join(below), 0o755);
    }
    assert!(status.success());
    assert!(store.find(Key(7)).is_some());
}

#[test]
fn removed_directory_comes_back_with_the_next_artifact() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let gone = put(&store, 7, b"binary");
    fs::remove_dir_all(fixture.dir.path()).unwrap();
    assert!(store.open_binary(&gone).unwrap().is_none());
    assert_eq!(store.find(Key(7)), None);
    assert_eq!(store.read_disk(Key(7)).unwrap(), None);
    let record = put(&store, 8, b"binary");
    assert_eq!(store.find(Key(8)), Some(record));
    assert!(store.verify(&record).unwrap());
    store.prepare().unwrap();
    assert_eq!(store.stats().entries, 1);
    assert_eq!(fixture.open().find(Key(8)), Some(record));
}

#[test]
fn directory_removed_before_the_commit_is_an_error_or_a_commit() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let mut staging = store.stage().unwrap();
    staging.write_all(b"binary").unwrap();
    fs::remove_dir_all(fixture.dir.path()).unwrap();
    let error = store.commit(staging, meta(7)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert_eq!(store.find(Key(7)), None);
    assert!(fixture.files().is_empty(), "{:?}", fixture.files());
    put(&store, 7, b"binary");
}

#[test]
fn files_where_folders_should_be_are_clear_errors() {
    let fixture = Fixture::new();
    fs::write(fixture.dir.path().join(".pillion"), "").unwrap();
    let store = fixture.open();
    let error = store.stage().unwrap_err().to_string();
    assert!(error.contains(".pillion/tmp"), "{error}");
    let file = fixture.run.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(StoreOptions::new(&file, fixture.run.path())).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
