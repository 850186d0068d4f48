//! The store on a real file system, with a clock that the test owns.

use super::*;
use crate::builder::protocol::{BuildRequest, Platform, Plugin};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Shelf {
    dir: tempfile::TempDir,
    keep: Keep,
    now: SystemTime,
}

impl Shelf {
    fn new(max_bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::new(
            dir.path(),
            KeepLimits {
                max_age: 7 * DAY,
                max_bytes,
            },
        );
        Self {
            dir,
            keep,
            now: SystemTime::UNIX_EPOCH + 20_000 * DAY,
        }
    }

    fn put(&self, configuration: &Configuration, content: &[u8]) -> PathBuf {
        let file = self.dir.path().join("built");
        fs::write(&file, content).unwrap();
        self.keep.put(configuration, &file, self.now).unwrap()
    }

    fn find(&self, configuration: &Configuration) -> Option<PathBuf> {
        self.keep.find(configuration, self.now)
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
    Configuration::new(
        request,
        &Platform {
            os: "linux".into(),
            arch: "amd64".into(),
        },
    )
}

#[test]
fn a_binary_is_found_by_its_configuration_under_a_path_with_its_hash() {
    let shelf = Shelf::new(1 << 20);
    let wanted = configuration("v1.0.0");
    assert_eq!(shelf.find(&wanted), None);
    let path = shelf.put(&wanted, b"one");
    assert_eq!(path, shelf.dir.path().join(wanted.hash()).join("rr"));
    assert_eq!(shelf.find(&wanted), Some(path.clone()));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o755
    );
    assert_eq!(shelf.find(&configuration("v1.0.1")), None);
}

#[test]
fn building_again_replaces_the_binary_at_the_same_path_and_readers_keep_the_old_one() {
    let shelf = Shelf::new(1 << 20);
    let wanted = configuration("v1.0.0");
    let path = shelf.put(&wanted, b"old");
    let mut reader = File::open(&path).unwrap();
    assert_eq!(shelf.put(&wanted, b"newer"), path);
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert_eq!(
        (seen.as_str(), fs::read(&path).unwrap().as_slice()),
        ("old", b"newer".as_slice())
    );
}

#[test]
fn configurations_that_share_a_hash_never_share_a_binary() {
    let shelf = Shelf::new(1 << 20);
    let (ours, theirs) = (configuration("v1.0.0"), configuration("v1.0.1"));
    let dir = shelf.put(&theirs, b"theirs").parent().unwrap().to_owned();
    // As if the other configuration had our hash.
    fs::rename(dir, shelf.dir.path().join(ours.hash())).unwrap();
    assert_eq!(shelf.find(&ours), None);
    let path = shelf.put(&ours, b"ours");
    assert_eq!(shelf.find(&ours), Some(path.clone()));
    assert_eq!(fs::read(path).unwrap(), b"ours");
    assert_eq!(
        fs::read(shelf.dir.path().join(ours.hash()).join("rr")).unwrap(),
        b"theirs"
    );
}

#[test]
fn a_binary_that_is_gone_or_cut_is_no_hit() {
    let shelf = Shelf::new(1 << 20);
    let wanted = configuration("v1.0.0");
    let path = shelf.put(&wanted, b"whole");
    fs::write(&path, b"cut").unwrap();
    assert_eq!(shelf.find(&wanted), None);
    fs::remove_file(&path).unwrap();
    assert_eq!(shelf.find(&wanted), None);
}

#[test]
fn what_a_branch_named_is_asked_anew_after_half_an_hour() {
    let mut shelf = Shelf::new(1 << 20);
    let (moving, fixed) = (configuration("master"), configuration("v1.0.0"));
    shelf.put(&moving, b"a");
    shelf.put(&fixed, b"b");
    shelf.now += Duration::from_secs(29 * 60);
    assert!(shelf.find(&moving).is_some());
    shelf.now += Duration::from_secs(2 * 60);
    assert!(shelf.find(&moving).is_none() && shelf.find(&fixed).is_some());
}

#[test]
fn the_unused_and_then_the_longest_unused_are_removed_but_nothing_that_was_just_handed_out() {
    let mut shelf = Shelf::new(10);
    let all: Vec<Configuration> = ["v1.0.0", "v1.0.1", "v1.0.2"].map(configuration).into();
    for one in &all {
        shelf.put(one, b"12345");
        shelf.now += Duration::from_secs(3600);
    }
    let kept = |shelf: &Shelf| -> Vec<bool> {
        all.iter()
            .map(|one| shelf.dir.path().join(one.hash()).join("rr").exists())
            .collect()
    };
    // The oldest is used again: the second is now the longest unused.
    shelf.find(&all[0]).unwrap();
    shelf.keep.clean(shelf.now);
    assert_eq!(kept(&shelf), [true, false, true]);

    shelf.put(&all[1], b"12345678901234567890");
    shelf.keep.clean(shelf.now);
    assert!(
        kept(&shelf)[1],
        "too large for the shelf, and yet a client may be copying it"
    );

    shelf.now += 8 * DAY;
    shelf.keep.clean(shelf.now);
    assert_eq!(kept(&shelf), [false, false, false]);
}
