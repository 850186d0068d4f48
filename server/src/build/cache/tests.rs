//! The store on a real file system, with a clock that the test owns.

use std::{
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::*;
use crate::build::rpc::protocol::{BuildRequest, Platform, Plugin};

const MINUTE: u64 = 60_000;

struct Shelf {
    dir: tempfile::TempDir,
    keep: BuildCache,
    hand: Arc<AtomicU64>,
}

impl Shelf {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::manual(1_800_000_000_000);
        let keep = BuildCache::open(dir.path(), KeepLimits::default(), clock).unwrap();
        Self { dir, keep, hand }
    }

    fn put(&self, configuration: &Configuration, content: &[u8]) -> PathBuf {
        let file = self.dir.path().join("built");
        fs::write(&file, content).unwrap();
        self.keep
            .put(configuration, &file, Duration::from_secs(1))
            .unwrap()
    }

    fn wait(&self, ms: u64) {
        self.hand.fetch_add(ms, Ordering::Relaxed);
    }
}

fn configuration(tag: &str) -> Configuration {
    let request = BuildRequest {
        rr_version: "v2025.1.9".into(),
        plugins: vec![Plugin {
            module_name: "a.b/c".into(),
            tag: tag.into(),
        }],
        ..BuildRequest::default()
    };
    let host = Platform {
        os: "linux".into(),
        arch: "amd64".into(),
    };
    Configuration::new(request, &host)
}

#[test]
fn a_binary_is_found_by_its_configuration_under_a_path_with_its_hash() {
    let shelf = Shelf::new();
    let wanted = configuration("v1.0.0");
    assert_eq!(shelf.keep.find(&wanted), None);
    let path = shelf.put(&wanted, b"one");
    assert_eq!(path, shelf.dir.path().join(wanted.hash()).join("rr"));
    assert_eq!(shelf.keep.find(&wanted), Some(path.clone()));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o755);
    assert!(meta.nlink() > 1, "one file with the store's own");
    assert_eq!(shelf.keep.find(&configuration("v1.0.1")), None);
}

#[test]
fn building_again_replaces_the_binary_at_the_same_path_and_readers_keep_the_old_one() {
    let shelf = Shelf::new();
    let wanted = configuration("v1.0.0");
    let path = shelf.put(&wanted, b"old");
    let mut reader = File::open(&path).unwrap();
    assert_eq!(shelf.put(&wanted, b"newer"), path);
    assert_eq!(shelf.put(&wanted, b"newer"), path, "the same bytes again");
    let published = fs::metadata(&path).unwrap().nlink();
    assert!(published > 1, "still one file with the store's own");
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "old");
    assert_eq!(fs::read(&path).unwrap(), b"newer");
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        2,
        "nothing is left over"
    );
}

#[test]
fn configurations_that_share_a_hash_never_share_a_binary() {
    let shelf = Shelf::new();
    let (ours, theirs) = (configuration("v1.0.0"), configuration("v1.0.1"));
    let dir = shelf.put(&theirs, b"theirs").parent().unwrap().to_owned();
    // As if the other configuration had our hash.
    let taken = shelf.dir.path().join(ours.hash());
    fs::rename(dir, &taken).unwrap();
    assert_eq!(shelf.keep.find(&ours), None);
    let path = shelf.put(&ours, b"ours");
    assert_ne!(path.parent().unwrap(), taken);
    assert_eq!(shelf.keep.find(&ours), Some(path.clone()));
    assert_eq!(fs::read(path).unwrap(), b"ours");
    assert_eq!(fs::read(taken.join("rr")).unwrap(), b"theirs");
}

#[test]
fn a_link_that_somebody_removed_is_made_again_and_a_stored_file_that_is_gone_is_a_miss() {
    let shelf = Shelf::new();
    let wanted = configuration("v1.0.0");
    let path = shelf.put(&wanted, b"whole");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert_eq!(shelf.keep.find(&wanted), Some(path.clone()));
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    fs::remove_dir_all(shelf.dir.path().join("store")).unwrap();
    assert_eq!(shelf.keep.find(&wanted), None);
}

#[test]
fn what_a_branch_named_is_asked_anew_after_half_an_hour_and_a_version_after_a_week() {
    let shelf = Shelf::new();
    let (moving, fixed) = (configuration("master"), configuration("v1.0.0"));
    shelf.put(&moving, b"a");
    shelf.put(&fixed, b"b");
    shelf.wait(29 * MINUTE);
    assert!(shelf.keep.find(&moving).is_some());
    shelf.wait(2 * MINUTE);
    assert!(shelf.keep.find(&moving).is_none() && shelf.keep.find(&fixed).is_some());
    shelf.wait(7 * 24 * 60 * MINUTE);
    assert!(shelf.keep.find(&fixed).is_none());
}

#[test]
fn cleaning_takes_the_old_out_of_the_store_and_leaves_their_links_to_who_may_be_copying() {
    let shelf = Shelf::new();
    let (old, young) = (configuration("v1.0.0"), configuration("v1.0.1"));
    let old_path = shelf.put(&old, b"a");
    shelf.wait(6 * 24 * 60 * MINUTE);
    let young_path = shelf.put(&young, b"b");
    shelf.wait(2 * 24 * 60 * MINUTE);
    shelf.keep.clean();
    assert_eq!(fs::metadata(&old_path).unwrap().nlink(), 1, "the last name");
    assert!(fs::metadata(&young_path).unwrap().nlink() > 1);
    assert_eq!(shelf.keep.find(&old), None);

    // The link's age is the file system's, which no test can turn back.
    fs::remove_file(&old_path).unwrap();
    shelf.keep.clean();
    assert!(!old_path.parent().unwrap().exists() && young_path.exists());
}
