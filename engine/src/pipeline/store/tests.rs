use std::{
    fs,
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::Arc,
};

use tempfile::tempdir;

use super::*;

fn key(text: &str) -> ArtifactKey {
    ArtifactKey::parse(text).unwrap()
}

fn put(store: &Store, name: &str, content: &str) -> Stored {
    let write = |file: &mut File| {
        file.write_all(content.as_bytes())
            .map_err(|e| Error::io("", e))
    };
    store.put(&key(name), write).unwrap()
}

fn content(stored: &Stored) -> String {
    let mut bytes = vec![0; stored.size as usize];
    stored.file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// All files below a directory.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn archive_is_found_by_every_store_of_the_directory() {
    let dir = tempdir().unwrap();
    let (one, two) = (
        Store::open(dir.path(), 0).unwrap(),
        Store::open(dir.path(), 0).unwrap(),
    );
    assert!(one.get(&key("a")).is_none());
    let stored = put(&one, "a", "outputs");
    assert!(stored.is_new && content(&stored) == "outputs");
    let found = two.get(&key("a")).unwrap();
    assert!(!found.is_new && content(&found) == "outputs" && found.sha256 == stored.sha256);
    assert!(two.get(&key("b")).is_none());
}

#[test]
fn first_writer_wins() {
    let dir = tempdir().unwrap();
    for round in 0..20 {
        let name = format!("key-{round}");
        let stored: Vec<Stored> = std::thread::scope(|scope| {
            let writers = (0..8).map(|writer| {
                let (name, dir) = (&name, dir.path());
                scope.spawn(move || {
                    put(
                        &Store::open(dir, 0).unwrap(),
                        name,
                        &format!("content of {writer}"),
                    )
                })
            });
            let writers: Vec<_> = writers.collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        assert_eq!(stored.iter().filter(|stored| stored.is_new).count(), 1);
        let first = content(stored.iter().find(|stored| stored.is_new).unwrap());
        assert!(stored.iter().all(|stored| content(stored) == first));
    }
}

#[test]
fn failed_writer_leaves_nothing() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path(), 0).unwrap();
    let failed = store.put(&key("a"), |file| {
        file.write_all(b"half").unwrap();
        Err(Error::Cancelled("stopped".into()))
    });
    assert!(matches!(failed, Err(Error::Cancelled(_))));
    assert!(store.get(&key("a")).is_none() && files(dir.path()).is_empty());
}

#[test]
fn damaged_archive_is_a_miss_and_is_written_again() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path(), 0).unwrap();
    for damage in [
        |file: &File| file.write_all_at(b"X", 3).unwrap(),
        |file: &File| file.set_len(4).unwrap(),
        |file: &File| file.set_len(0).unwrap(),
    ] {
        put(&store, "a", "outputs of a task");
        let [path] = files(dir.path()).try_into().unwrap();
        damage(&File::options().write(true).open(path).unwrap());
        assert!(store.get(&key("a")).is_none() && files(dir.path()).is_empty());
    }
    assert!(put(&store, "a", "outputs").is_new);
}

#[test]
fn beyond_its_size_those_unused_longest_go() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path(), 10_000).unwrap();
    let age = |name: &str, hours: u64| {
        let file = store.get(&key(name)).unwrap().file;
        let time = SystemTime::now() - Duration::from_secs(hours * 3600);
        file.set_modified(time).unwrap();
    };
    let text = "x".repeat(2000);
    for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        put(&store, name, &text);
        age(name, 10 - at as u64);
    }
    // A use keeps the oldest.
    assert!(store.get(&key("a")).is_some());
    put(&store, "e", &text);
    let left = ["a", "b", "c", "d", "e"].map(|name| store.get(&key(name)).is_some());
    assert_eq!(left, [true, false, true, true, true]);
    let total: u64 = files(dir.path())
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(total <= 10_000, "{total}");
}

#[test]
fn archive_larger_than_the_store_is_not_kept() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path(), 1000).unwrap();
    put(&store, "small", "small");
    let stored = put(&store, "large", &"x".repeat(1001));
    assert_eq!(content(&stored).len(), 1001);
    assert!(store.get(&key("large")).is_none() && store.get(&key("small")).is_some());
}

#[test]
fn archives_of_outputs_pass_through_the_store() {
    use crate::pipeline::archive::{Limits, pack, restore};
    let (from, to, dir) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    fs::create_dir(from.path().join("dist")).unwrap();
    fs::write(from.path().join("dist/app"), "binary").unwrap();
    let store = Arc::new(Store::open(dir.path(), 1 << 30).unwrap());
    let write = |file: &mut File| pack(from.path(), &["dist"], file).map(drop);
    store.put(&key("a"), write).unwrap();
    let mut stored = store.get(&key("a")).unwrap();
    restore(&stored.file, to.path(), Limits::default()).unwrap();
    assert_eq!(fs::read(to.path().join("dist/app")).unwrap(), b"binary");
    // The file has its record behind the archive.
    let mut all = Vec::new();
    stored.file.rewind().unwrap();
    stored.file.read_to_end(&mut all).unwrap();
    assert!(all.len() as u64 > stored.size);
}
