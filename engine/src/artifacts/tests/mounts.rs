//! Real file systems that are full, to the page and to the inode, or mounted anew for reading only. Each
//! test is a process in a mount namespace of its own; where none can be had, it fails.

use std::{ffi::CString, path::Path};

use super::{child::mounted, *};
use crate::Error;

const PAGE: u64 = 4096;
/// Of the binaries that are put in: some pages.
static BINARY: [u8; 40_000] = [7; 40_000];

/// Fills a file system, and frees a part of it again.
struct Filler(fs::File, std::path::PathBuf);

impl Filler {
    fn new(dir: &Path) -> Self {
        let path = dir.join("filler");
        Self(fs::File::create(&path).unwrap(), path)
    }

    /// Leaves that many bytes.
    fn leave(&mut self, bytes: u64) {
        self.0.set_len(0).unwrap();
        let free = crate::host::dirs::free_space(&self.1);
        let taken = free.saturating_sub(bytes);
        rustix::fs::fallocate(
            &self.0,
            rustix::fs::FallocateFlags::empty(),
            0,
            taken.max(1),
        )
        .unwrap();
    }

    fn go(&mut self) {
        self.0.set_len(0).unwrap();
    }
}

fn count_temp_files(store: &Store) -> usize {
    fs::read_dir(store.cache_dir.temp_path()).map_or(0, Iterator::count)
}

/// Checks that a commit left all of an artifact, or nothing. Returns whether it was all.
fn all_or_nothing(
    store: &Store,
    key: u64,
    outcome: crate::Result<IndexRecord>,
    what: &str,
) -> bool {
    assert_eq!(count_temp_files(store), 0, "{what}");
    let on_disk = store.read_disk(Key(key)).unwrap();
    match outcome {
        Ok(record) => {
            assert_eq!(
                on_disk.map(|found| found.sha256),
                Some(record.sha256),
                "{what}"
            );
            assert!(store.verify(&record).unwrap(), "{what}");
            true
        }
        Err(error) => {
            assert!(matches!(error, Error::Io { .. }), "{what}: {error:?}");
            let told = error.to_string();
            let place = store.dir().to_str().unwrap();
            assert!(
                told.contains(place) || told.starts_with("staging"),
                "{what}: {told}"
            );
            assert_eq!((store.find(Key(key)), on_disk), (None, None), "{what}");
            let folder = store.cache_dir.open_shard(Key(key)).unwrap();
            let left: Vec<_> = folder
                .iter()
                .flat_map(|folder| folder.names().unwrap())
                .flatten()
                .collect();
            assert!(left.is_empty(), "{what}: {left:?}");
            false
        }
    }
}

/// Puts in with 0, 1, 2 pages left, and so on.
pub(super) fn bytes(options: &StoreOptions) {
    let store = Store::open(options.clone()).unwrap();
    let first = put(&store, 1, &BINARY);
    let source = options.run_dir.join("source");
    fs::write(&source, BINARY).unwrap();
    let source = fs::File::open(source).unwrap();
    let mut filler = Filler::new(store.dir());
    let (mut failed, mut kept) = (0, 0);
    for pages in 0..24 {
        let key = (pages + 2) << 48;
        let what = format!("{pages} pages left");
        filler.leave(pages * PAGE);
        let outcome = put_as(&store, meta(key), &BINARY);
        if all_or_nothing(&store, key, outcome, &what) {
            kept += 1;
        } else {
            failed += 1;
        }
        filler.leave(pages * PAGE);
        let copied = store
            .stage()
            .and_then(|mut staging| staging.copy_from(&source, BINARY.len() as u64, || false));
        assert!(matches!(copied, Ok(_) | Err(Error::Io { .. })), "{what}");
        // Replacing an artifact leaves the old one or the new one.
        filler.leave(pages * PAGE);
        let _ = put_as(&store, replacing(1), &[pages as u8; 50_000]);
        assert_eq!(count_temp_files(&store), 0, "{what}");
        let stands = store.read_disk(Key(1)).unwrap().unwrap();
        assert!(store.verify(&stands).unwrap(), "{what}");
        assert_eq!(
            store.find(Key(1)).map(|found| found.sha256),
            Some(stands.sha256),
            "{what}"
        );
        filler.leave(pages * PAGE);
        let _ = store.export();
        let _ = store.rebuild();
        let _ = store.clean(Clock::System.now_ms());
        assert!(
            store.find(Key(1)).is_some() && count_temp_files(&store) == 0,
            "{what}"
        );
        filler.go();
        put_as(&store, replacing(key), &BINARY).unwrap();
        assert!(
            store.find(Key(key)).is_some(),
            "{what}: there is room again"
        );
        store.forget(Key(key)).unwrap();
    }
    assert!(failed >= 5 && kept >= 5, "{failed} failed, {kept} kept");
    store.export().unwrap();
    assert_ne!(first.sha256, [0; 32]);
    let late = Store::open(options.clone()).unwrap();
    assert!(late.verify(&late.find(Key(1)).unwrap()).unwrap());
}

/// The same with ever more names that can be made.
pub(super) fn inodes(options: &StoreOptions) {
    let store = Store::open(options.clone()).unwrap();
    put(&store, 1, &BINARY);
    let taken = |number: usize| store.dir().join(format!("taken-{number}"));
    let (mut failed, mut kept) = (0, 0);
    for left in 0..9 {
        let mut made = 0;
        while fs::write(taken(made), "").is_ok() {
            made += 1;
        }
        for number in made - left..made {
            fs::remove_file(taken(number)).unwrap();
        }
        let key = (left as u64 + 2) << 48;
        let what = format!("{left} inodes left");
        let outcome = put_as(&store, meta(key), &BINARY);
        if all_or_nothing(&store, key, outcome, &what) {
            kept += 1;
        } else {
            failed += 1;
        }
        for number in 0..made - left {
            fs::remove_file(taken(number)).unwrap();
        }
        put(&store, key, &BINARY);
        assert!(
            store.find(Key(key)).is_some(),
            "{what}: there is room again"
        );
        store.forget(Key(key)).unwrap();
    }
    assert!(failed >= 3 && kept >= 3, "{failed} failed, {kept} kept");
}

/// Opens the index with ever more free space.
pub(super) fn run(options: &StoreOptions) {
    let size = {
        let store = Store::open(options.clone()).unwrap();
        put(&store, 1, &BINARY);
        store.stats().index_bytes as u64
    };
    let mut filler = Filler::new(&options.run_dir);
    let names = || {
        let names = fs::read_dir(&options.run_dir).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name != "filler").collect::<Vec<_>>()
    };
    let (mut shared, mut own) = (0, 0);
    for pages in (0..(size + (2 << 20)) / PAGE).step_by(17) {
        for name in names() {
            fs::remove_file(options.run_dir.join(name)).unwrap();
        }
        filler.leave(pages * PAGE);
        let store = Store::open(options.clone()).unwrap();
        assert!(store.find(Key(1)).is_some(), "{pages} pages left");
        // Every page of it is there to be written to: no SIGBUS.
        filler.leave(0);
        let record = put_as(&store, replacing(2), &BINARY).unwrap();
        assert_eq!(store.find(Key(2)), Some(record), "{pages} pages left");
        store.rebuild().unwrap();
        store.clean(Clock::System.now_ms()).unwrap();
        assert_eq!(store.stats().entries, 2);
        if store.stats().index_path.is_some() {
            shared += 1;
        } else {
            own += 1;
        }
        assert!(
            !names().iter().any(|name| name.ends_with(".tmp")),
            "{:?}",
            names()
        );
    }
    assert!(
        shared >= 3 && own >= 3,
        "{shared} shared, {own} of this process alone"
    );
}

fn remount(dir: &Path, read_only: bool) {
    let path = CString::new(dir.to_str().unwrap()).unwrap();
    let flags = libc::MS_REMOUNT | if read_only { libc::MS_RDONLY } else { 0 };
    let nothing = std::ptr::null();
    // SAFETY: a path that ends with NUL; a remount reads no other pointer.
    let done = unsafe { libc::mount(nothing, path.as_ptr(), nothing, flags, nothing.cast()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// A cache that is read-only for a while, and a run directory that is.
pub(super) fn frozen(options: &StoreOptions) {
    let store = Store::open(options.clone()).unwrap();
    let record = put(&store, 1, &BINARY);
    assert!(store.is_writable());
    remount(&options.dir, true);
    assert!(!store.is_writable());
    assert_eq!(store.find(Key(1)), Some(record));
    assert!(store.verify(&record).unwrap());
    for outcome in [
        put_as(&store, meta(2), &BINARY).map(drop),
        store.export(),
        store.forget(Key(1)).map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("Read-only"), "{error}");
    }
    let _ = store.clean(Clock::System.now_ms());
    store.prepare().unwrap();
    assert!(
        store.find(Key(1)).is_some(),
        "what could not be removed is still there"
    );
    let late = Store::open(options.clone()).unwrap();
    assert!(!late.is_writable() && late.find(Key(1)).is_some());
    remount(&options.dir, false);
    assert!(store.is_writable() && late.is_writable());
    let second = put(&late, 2, &BINARY);
    assert_eq!(store.find(Key(2)), Some(second));
    drop((store, late));

    remount(&options.run_dir, true);
    let reader = Store::open(options.clone()).unwrap();
    assert!(reader.find(Key(1)).is_some());
    let third = put(&reader, 3, &BINARY);
    assert!(reader.verify(&third).unwrap());
    assert_eq!(reader.read_disk(Key(3)).unwrap(), Some(third));
    drop(reader);
    remount(&options.run_dir, false);
    let writer = Store::open(options.clone()).unwrap();
    assert!(
        writer.find(Key(3)).is_some(),
        "it was learned from the log of changes"
    );
}

fn plays(role: &str, cache: &str, run: &str) {
    let fixture = Fixture::new();
    let output = mounted(&fixture, role, cache, run).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{role}: {:?} {told}",
        output.status
    );
}

#[test]
fn disk_full_to_the_page_stores_an_artifact_whole_or_not() {
    plays("bytes", "size=2m", "size=4m");
}

#[test]
fn disk_without_inodes_stores_an_artifact_whole_or_not() {
    plays("inodes", "size=8m,nr_inodes=60", "size=4m");
}

#[test]
fn run_directory_full_to_the_page_never_causes_a_fault() {
    plays("run", "size=8m", "size=4m");
}

#[test]
fn read_only_disk_is_read_and_later_written_again() {
    plays("frozen", "size=8m", "size=4m");
}
