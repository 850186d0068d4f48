//! Odd files in place of the cache's own: contradictory metadata, pipes, sockets, links, directories.

use std::{
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    time::Instant,
};

use super::*;
use crate::{Error, host::files};

/// Makes something odd at a path.
type Make = fn(&Path);

const ODD: [(&str, Make); 5] = [
    ("directory", |path| fs::create_dir(path).unwrap()),
    ("full directory", |path| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("file"), "").unwrap();
    }),
    ("pipe", |path| {
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a path that ends with NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }),
    ("socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("link", |path| symlink("/etc/passwd", path).unwrap()),
];

fn take_away(path: &Path) {
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        fs::remove_dir_all(path).unwrap();
    } else {
        let _ = fs::remove_file(path);
    }
}

#[test]
fn odd_file_is_a_miss_or_an_error_and_never_blocks() {
    let begun = Instant::now();
    let passwd = fs::read("/etc/passwd").unwrap();
    for (kind, make) in ODD {
        for place in [
            "entry",
            "binary",
            "link",
            "index.json",
            ".pillion/changes",
            ".pillion/imported",
        ] {
            let what = format!("{kind} for {place}");
            let fixture = Fixture::in_memory();
            let store = fixture.open();
            let record = put(&store, 1 << 56, b"binary");
            let other = put(&store, 2 << 56, b"another");
            let at = match place {
                "entry" => store
                    .path(&record)
                    .with_file_name(format!("{}.json", record.key)),
                "binary" => store.path(&record),
                "link" => store
                    .path(&record)
                    .with_file_name(format!("{}.bin", record.key)),
                place => fixture.dir.path().join(place),
            };
            take_away(&at);
            make(&at);

            let opened = store.open_binary(&record);
            assert!(
                place != "binary" || !matches!(opened, Ok(Some(_))),
                "{what}"
            );
            let replaced = put_as(&store, replacing(1 << 56), b"binary");
            match &replaced {
                Ok(record) => assert!(store.verify(record).unwrap(), "{what}"),
                Err(error) => assert!(matches!(error, Error::Io { .. }), "{what}: {error:?}"),
            }
            fixture.advance(LATER);
            for _ in 0..2 {
                store.prepare().unwrap();
                let report = store.clean(fixture.now());
                assert!(report.is_ok(), "{what}: {report:?}");
                let _ = store.export();
            }
            assert!(store.verify(&other).unwrap(), "{what}");
            let next = put(&store, 3 << 56, b"next");
            assert_eq!(store.find(Key(3 << 56)), Some(next), "{what}");
            let late = fixture.open();
            assert!(late.find(Key(2 << 56)).is_some(), "{what}");
            let temporaries = fs::read_dir(store.cache_dir.temp_path()).unwrap().count();
            assert_eq!(temporaries, 0, "{what}");
            take_away(&at);
            put_as(&store, replacing(1 << 56), b"binary").unwrap();
            assert!(
                store.verify(&store.find(Key(1 << 56)).unwrap()).unwrap(),
                "{what}"
            );
        }
    }
    assert_eq!(fs::read("/etc/passwd").unwrap(), passwd);
    assert!(begun.elapsed() < Duration::from_secs(120));
}

#[test]
fn odd_file_in_place_of_the_index_leaves_a_working_index() {
    for (kind, make) in ODD {
        for name in ["seg", "lock"] {
            let fixture = Fixture::in_memory();
            let path = {
                let store = fixture.open();
                put(&store, 1, b"binary");
                store.stats().index_path.unwrap().with_extension(name)
            };
            take_away(&path);
            make(&path);
            let store = fixture.open();
            let record = put(&store, 2, b"another");
            assert!(store.verify(&record).unwrap(), "{kind} for {name}");
            // Without its lock it learns nothing until there is one.
            if name == "seg" {
                assert!(
                    store.find(Key(1)).is_some() && store.find(Key(2)).is_some(),
                    "{kind}"
                );
            }
            take_away(&path);
            store.prepare().unwrap();
            assert!(store.find(Key(2)).is_some(), "{kind} for {name}");
        }
    }
}

#[test]
fn contradictory_metadata_is_a_miss() {
    let fixture = Fixture::in_memory();
    let store = fixture.open();
    let record = put(&store, 1, b"binary");
    let path = store
        .path(&record)
        .with_file_name(format!("{}.json", record.key));
    let honest = fs::read_to_string(&path).unwrap();
    let lies = [
        (r#""size": 6"#, r#""size": 7"#),
        (r#""size": 6"#, r#""size": 18446744073709551615"#),
        (r#""size": 6"#, r#""size": -1"#),
        (r#""size": 6"#, r#""size": 6.5"#),
        ("0000000000000001", "0000000000000002"),
        (r#""version": 1"#, r#""version": 2"#),
        (r#""version": 1"#, r#""version": "1""#),
    ];
    for (truth, lie) in lies {
        assert!(honest.contains(truth), "{truth}");
        fs::write(&path, honest.replacen(truth, lie, 1)).unwrap();
        assert_eq!(store.read_disk(Key(1)).unwrap(), None, "{lie}");
        assert_eq!(store.find(Key(1)), None, "{lie}");
        assert_eq!(fixture.open().find(Key(1)), None, "{lie}");
        assert!(store.rebuild().is_ok(), "{lie}");
        fs::write(&path, &honest).unwrap();
        assert_eq!(
            store.read_disk(Key(1)).unwrap().map(|found| found.sha256),
            Some(record.sha256)
        );
    }
}

#[test]
fn binary_or_metadata_alone_is_a_miss_until_the_next_build() {
    for gone in ["json", "bin"] {
        let fixture = Fixture::in_memory();
        let store = fixture.open();
        let record = put(&store, 1, b"binary");
        let path = match gone {
            "json" => store
                .path(&record)
                .with_file_name(format!("{}.json", record.key)),
            _ => store.path(&record),
        };
        fs::remove_file(&path).unwrap();
        assert_eq!(store.read_disk(Key(1)).unwrap(), None, "{gone}");
        assert_eq!(fixture.open().find(Key(1)), None, "{gone}");
        let anew = put(&store, 1, b"binary");
        assert!(store.verify(&anew).unwrap(), "{gone}");
        assert_eq!(store.find(Key(1)), Some(anew), "{gone}");
        fixture.advance(HOUR);
        store.clean(fixture.now()).unwrap();
        assert_eq!(fixture.files().len(), 3, "{gone}: {:?}", fixture.files());
    }
}

#[test]
fn replaced_directory_is_another_cache_for_all_processes() {
    let fixture = Fixture::in_memory();
    let above = tempfile::tempdir().unwrap();
    let mut options = fixture.options();
    options.dir = above.path().join("cache");
    let old = fixture.open_with(options.clone());
    put(&old, 1, b"binary");
    old.prepare().unwrap();
    let segment = old.stats().index_path.unwrap();
    assert!(!old.has_changes());
    fs::rename(&options.dir, above.path().join("away")).unwrap();
    fs::create_dir(&options.dir).unwrap();
    assert!(old.has_changes(), "the log of changes is gone");
    let new = fixture.open_with(options.clone());
    assert_eq!(new.find(Key(1)), None);
    old.prepare().unwrap();
    assert_eq!(old.find(Key(1)), None);
    assert!(!old.has_changes());
    assert!(!segment.exists(), "nobody will open that index again");
    put(&new, 2, b"binary");
    assert!(old.has_changes());
    old.prepare().unwrap();
    assert!(old.find(Key(2)).is_some());
    put(&old, 3, b"binary");
    assert!(new.has_changes());
    new.prepare().unwrap();
    assert!(new.find(Key(3)).is_some());
    assert!(!old.has_changes() && !new.has_changes());
    let segments = fs::read_dir(fixture.run.path()).unwrap().flatten();
    let segments = segments.filter(|entry| entry.path().extension().unwrap() == "seg");
    assert_eq!(segments.count(), 1);
    // And back: the old directory again, with its artifacts.
    fs::remove_dir_all(&options.dir).unwrap();
    fs::rename(above.path().join("away"), &options.dir).unwrap();
    for store in [&old, &new] {
        assert!(store.has_changes());
        store.prepare().unwrap();
        assert!(store.find(Key(1)).is_some() && store.find(Key(2)).is_none());
    }
}

#[test]
fn changes_reach_each_index_once() {
    let fixture = Fixture::in_memory();
    let (one, same) = (fixture.open(), fixture.open());
    let mut options = fixture.options();
    options.max_entries = 128;
    let apart = fixture.open_with(options);
    assert!(!one.has_changes() && !same.has_changes() && !apart.has_changes());
    // The first change creates a journal, which no process has read yet.
    put(&one, 1, b"binary");
    for store in [&one, &same, &apart] {
        store.prepare().unwrap();
    }
    put(&one, 2, b"binary");
    assert!(
        !one.has_changes() && !same.has_changes(),
        "their index has it"
    );
    assert!(apart.has_changes());
    apart.prepare().unwrap();
    assert!(!apart.has_changes() && apart.find(Key(2)).is_some());
    put(&apart, 3, b"binary");
    assert!(one.has_changes());
    one.prepare().unwrap();
    assert!(!same.has_changes() && same.find(Key(3)).is_some());
}

#[test]
fn all_files_of_a_cache_in_a_groups_directory_are_the_groups() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let above = tempfile::tempdir().unwrap();
    fs::set_permissions(above.path(), fs::Permissions::from_mode(0o2770)).unwrap();
    let fixture = Fixture::in_memory();
    let mut options = fixture.options();
    options.dir = above.path().join("cache");
    let store = fixture.open_with(options.clone());
    let record = put(&store, 1, b"binary");
    store.export().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    let place = store.path(&record).parent().unwrap().to_owned();
    let tmp = store.cache_dir.temp_path();
    for dir in [
        &options.dir,
        &place,
        place.parent().unwrap(),
        &tmp,
        tmp.parent().unwrap(),
    ] {
        assert_eq!(mode(dir), 0o2770, "{}", dir.display());
    }
    assert_eq!(mode(&options.dir.join(".pillion/changes")), 0o664);
    assert_eq!(mode(&store.path(&record)), 0o755);
    assert_eq!(files::inherited_mode(0o2770), 0o2770);
}
