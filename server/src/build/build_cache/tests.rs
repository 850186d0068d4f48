//! The cache on a real file system, with a clock that the test sets.

use std::{
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::*;
use pillion_engine::velox::{BuildRequest, Platform, Plugin};

const MINUTE: u64 = 60_000;

struct TestCache {
    dir: tempfile::TempDir,
    cache: BuildCache,
    time: Arc<AtomicU64>,
}

impl TestCache {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, time) = Clock::manual(1_800_000_000_000);
        let cache = BuildCache::open(dir.path(), CacheLimits::default(), clock).unwrap();
        Self { dir, cache, time }
    }

    fn put(&self, configuration: &Configuration, content: &[u8]) -> PathBuf {
        let file = self.dir.path().join("built");
        fs::write(&file, content).unwrap();
        self.cache
            .put(configuration, &file, Duration::from_secs(1))
            .unwrap()
    }

    fn advance(&self, ms: u64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
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
fn a_binary_is_found_under_a_path_with_its_hash() {
    let test = TestCache::new();
    let wanted = configuration("v1.0.0");
    assert_eq!(test.cache.find(&wanted), None);
    let path = test.put(&wanted, b"one");
    assert_eq!(path, test.dir.path().join(wanted.hash()).join("rr"));
    assert_eq!(test.cache.find(&wanted), Some(path.clone()));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o755);
    assert!(meta.nlink() > 1, "one file with the store's");
    assert_eq!(test.cache.find(&configuration("v1.0.1")), None);
}

#[test]
fn a_rebuild_replaces_the_path_and_readers_keep_the_old_file() {
    let test = TestCache::new();
    let wanted = configuration("v1.0.0");
    let path = test.put(&wanted, b"old");
    let mut reader = File::open(&path).unwrap();
    assert_eq!(test.put(&wanted, b"newer"), path);
    assert_eq!(test.put(&wanted, b"newer"), path, "the same bytes again");
    let published = fs::metadata(&path).unwrap().nlink();
    assert!(published > 1, "still one file with the store's");
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "old");
    assert_eq!(fs::read(&path).unwrap(), b"newer");
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        2,
        "no temporary file"
    );
}

#[test]
fn configurations_that_share_a_hash_never_share_a_binary() {
    let test = TestCache::new();
    let (ours, theirs) = (configuration("v1.0.0"), configuration("v1.0.1"));
    let dir = test.put(&theirs, b"theirs").parent().unwrap().to_owned();
    // The other configuration occupies our hash's path.
    let taken = test.dir.path().join(ours.hash());
    fs::rename(dir, &taken).unwrap();
    assert_eq!(test.cache.find(&ours), None);
    let path = test.put(&ours, b"ours");
    assert_ne!(path.parent().unwrap(), taken);
    assert_eq!(test.cache.find(&ours), Some(path.clone()));
    assert_eq!(fs::read(path).unwrap(), b"ours");
    assert_eq!(fs::read(taken.join("rr")).unwrap(), b"theirs");
}

#[test]
fn a_removed_link_is_made_again_and_a_removed_file_is_a_miss() {
    let test = TestCache::new();
    let wanted = configuration("v1.0.0");
    let path = test.put(&wanted, b"whole");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert_eq!(test.cache.find(&wanted), Some(path.clone()));
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    fs::remove_dir_all(test.dir.path().join("store")).unwrap();
    assert_eq!(test.cache.find(&wanted), None);
}

#[test]
fn a_branch_expires_after_half_an_hour_a_version_after_a_week() {
    let test = TestCache::new();
    let (mutable, fixed) = (configuration("master"), configuration("v1.0.0"));
    test.put(&mutable, b"a");
    test.put(&fixed, b"b");
    test.advance(29 * MINUTE);
    assert!(test.cache.find(&mutable).is_some());
    test.advance(2 * MINUTE);
    assert!(test.cache.find(&mutable).is_none() && test.cache.find(&fixed).is_some());
    test.advance(7 * 24 * 60 * MINUTE);
    assert!(test.cache.find(&fixed).is_none());
}

#[test]
fn cleaning_keeps_links_of_expired_binaries_for_their_readers() {
    let test = TestCache::new();
    let (old, young) = (configuration("v1.0.0"), configuration("v1.0.1"));
    let old_path = test.put(&old, b"a");
    test.advance(6 * 24 * 60 * MINUTE);
    let young_path = test.put(&young, b"b");
    test.advance(2 * 24 * 60 * MINUTE);
    test.cache.clean();
    assert_eq!(fs::metadata(&old_path).unwrap().nlink(), 1, "the last link");
    assert!(fs::metadata(&young_path).unwrap().nlink() > 1);
    assert_eq!(test.cache.find(&old), None);

    // A test can't set the link's age, which is the file system's.
    fs::remove_file(&old_path).unwrap();
    test.cache.clean();
    assert!(!old_path.parent().unwrap().exists() && young_path.exists());
}
