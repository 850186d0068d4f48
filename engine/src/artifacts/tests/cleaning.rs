//! Removals of a cleaning, files that it leaves alone, and its end.

use std::time::Instant;

use super::*;

#[test]
fn expired_artifacts_are_removed_with_all_their_files() {
    let fixture = Fixture::new();
    let store = fixture.open();
    put(&store, 1, b"binary");
    fixture.advance(7 * 24 * HOUR);
    put(&store, 2, b"binary");
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!((report.expired_removed, report.lru_removed), (1, 0));
    assert_eq!((report.bytes_freed, report.entries_remaining), (6, 1));
    assert!(report.complete);
    assert_eq!(fixture.files().len(), 3, "{:?}", fixture.files());
    assert_eq!(store.clean(fixture.now()).unwrap().expired_removed, 0);
}

#[test]
fn temporary_file_is_removed_only_if_its_writer_is_dead() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let mut staging = store.stage().unwrap();
    staging.write_all(b"half").unwrap();
    let dead = store.cache_dir.temp_path().join(format!("{:032x}.tmp", 1));
    fs::write(&dead, "half").unwrap();
    let others = store.cache_dir.temp_path().join("somebody-elses");
    fs::write(&others, "").unwrap();
    fixture.advance(400 * 24 * HOUR);
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!((report.temporaries_removed, report.bytes_freed), (1, 4));
    assert!(!dead.exists());
    assert!(others.exists());
    staging.write_all(b" and half").unwrap();
    let record = store.commit(staging, meta(1)).unwrap();
    assert_eq!(fs::read(store.path(&record)).unwrap(), b"half and half");
}

#[test]
fn half_made_index_is_removed_while_the_whole_one_is_used() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let index = store.stats().index_path.unwrap();
    let half = |name: &str, age: u64| {
        let path = index.with_extension(format!("seg.{name}.tmp"));
        let file = fs::File::create(&path).unwrap();
        let made = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        file.set_modified(made).unwrap();
        path
    };
    let (dead, living) = (half("0123456789abcdef", 3600), half("fedcba9876543210", 0));
    assert_eq!(store.clean(fixture.now()).unwrap().temporaries_removed, 1);
    assert!(!dead.exists() && living.exists() && index.exists());
}

#[test]
fn cleaning_reports_a_locked_index_as_incomplete() {
    let fixture = Fixture::new();
    let (store, stopped) = (fixture.open(), fixture.open());
    // Past this index, by a process that has another one.
    let mut options = fixture.options();
    options.max_entries = 32;
    put(&fixture.open_with(options), 1, b"binary");
    let held = stopped.writer().unwrap();
    assert!(!store.clean(fixture.now()).unwrap().complete);
    drop(held);
    assert!(store.clean(fixture.now()).unwrap().complete);
    assert!(store.find(Key(1)).is_some());
}

#[test]
fn foreign_directories_below_the_metadata_directory_stay() {
    let fixture = Fixture::new();
    let store = fixture.open();
    put(&store, 1, b"binary");
    for name in ["flights", "slots"] {
        let folder = fixture.dir.path().join(".pillion").join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("00000000000000ff.json"), "").unwrap();
    }
    fixture.advance(400 * 24 * HOUR);
    store.clean(fixture.now()).unwrap();
    let files = fixture.files();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[test]
fn orphans_are_removed_after_a_grace_and_unknown_files_stay() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let folder = store.path(&record).parent().unwrap().to_owned();
    let strays = [
        "0000000000000001.00000000.bin",
        "0000000000000002.json",
        "0000000000000003.12345678.bin",
        "0123456789abcdef0123456789abcdef.tmp",
    ];
    let others = ["README", "0000000000000001.bin.bak", "core"];
    for name in strays.iter().chain(&others) {
        fs::write(folder.join(name), "x").unwrap();
    }
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!(report.orphans_removed, 0, "they are too young");
    fixture.advance(LATER);
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!((report.orphans_removed, report.bytes_freed), (4, 4));
    for name in strays {
        assert!(!folder.join(name).exists(), "{name}");
    }
    for name in others {
        assert!(folder.join(name).exists(), "{name}");
    }
    assert!(store.verify(&record).unwrap());
}

#[test]
fn metadata_of_another_version_and_its_binary_stay() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let entry = store.path(&record).with_file_name("0000000000000001.json");
    let newer = fs::read_to_string(&entry)
        .unwrap()
        .replace("\"version\": 1", "\"version\": 2");
    fs::write(&entry, newer).unwrap();
    fixture.advance(LATER);
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!(report.orphans_removed, 0);
    assert_eq!(fixture.files().len(), 3);
    assert_eq!(store.read_disk(Key(1)).unwrap(), None);
}

#[test]
fn plugin_binaries_stay_until_their_lifetime_is_over() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let folder = store.path(&record).parent().unwrap().to_owned();
    let old = folder.join("00000000000000aa.bin");
    let half = folder.join("00000000000000ab.bin.tmp");
    for path in [&old, &half] {
        fs::write(path, "old").unwrap();
    }
    fixture.advance(LATER);
    store.clean(fixture.now()).unwrap();
    assert!(old.exists() && half.exists());
    fixture.advance(2 * 24 * HOUR);
    store.clean(fixture.now()).unwrap();
    assert!(old.exists() && !half.exists());
    fixture.advance(7 * 24 * HOUR);
    store.clean(fixture.now()).unwrap();
    assert!(!old.exists());
}

#[test]
fn artifact_absent_from_the_index_is_found_by_the_scan() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let writer = store.writer().unwrap();
    writer.remove(Key(1));
    drop(writer);
    assert_eq!(store.find(Key(1)), None);
    store.clean(fixture.now()).unwrap();
    assert_eq!(store.find(Key(1)), Some(record));
}

#[test]
fn ten_thousand_strays_are_cleaned_in_bounded_time() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let folder = store.path(&record).parent().unwrap().to_owned();
    let start = Instant::now();
    for n in 0..10_000u64 {
        fs::write(folder.join(format!("{:016x}.{n:08x}.bin", n + 2)), "").unwrap();
    }
    let made = start.elapsed();
    fixture.advance(LATER);
    let start = Instant::now();
    let report = store.clean(fixture.now()).unwrap();
    assert_eq!(report.orphans_removed, 10_000);
    assert_eq!(fixture.files().len(), 3);
    let bound = made * 20 + Duration::from_secs(1);
    assert!(
        start.elapsed() < bound,
        "{:?}, made in {made:?}",
        start.elapsed()
    );
}
