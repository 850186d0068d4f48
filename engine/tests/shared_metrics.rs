//! Metrics in the segment of a directory. A program of its own, because a process counts in one segment.

use std::{fs, os::unix::fs::MetadataExt as _};

use pillion_engine::metrics::{Reading, after_fork, is_lost, share, snapshot, velox};

#[test]
fn counts_follow_the_segment_through_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let count = || (velox::CACHE_HITS.get(), velox::ERRORS.get_for(&["timeout"]));
    assert!(!is_lost());
    velox::CACHE_HITS.add(3);
    velox::ERRORS.inc_for(&["timeout"]);

    // A file that is no segment: counts stay in memory.
    let path = dir.path().join("metrics-v1.seg");
    fs::write(&path, "text").unwrap();
    share(dir.path()).unwrap_err();
    assert_eq!(count(), (3, 1));
    fs::remove_file(&path).unwrap();

    share(dir.path()).unwrap();
    let found = path.metadata().unwrap();
    assert!(found.blocks() * 512 >= found.len(), "allocated");
    velox::CACHE_HITS.inc();
    share(dir.path()).unwrap();
    assert_eq!((count(), is_lost()), ((4, 1), false));

    // As another process: it starts at zero, and finds the counts of the first one.
    after_fork();
    assert_eq!(count(), (0, 0));
    velox::CACHE_HITS.inc();
    share(dir.path()).unwrap();
    assert_eq!(count(), (5, 1));

    fs::remove_file(&path).unwrap();
    assert!(is_lost());
    share(dir.path()).unwrap();
    assert_eq!((count(), is_lost()), ((5, 1), false));

    // Another directory has numbers of its own.
    let other = tempfile::tempdir().unwrap();
    share(other.path()).unwrap();
    assert_eq!(count(), (0, 0));
    share(dir.path()).unwrap();
    assert_eq!(count(), (5, 1));
}

#[test]
fn all_series_exist_from_the_start() {
    let families = snapshot(&[]);
    let of = |name: &str| {
        let family = families.iter().find(|family| family.name == name);
        family.unwrap().samples.clone()
    };
    for (name, count) in [
        ("sentry_lost_items_total", 7 * 20),
        ("sentry_queue_length", 1),
        ("velox_builds_total", 3 * 2),
        ("velox_build_duration_seconds", 4 * 7),
        ("velox_cache_evictions_total", 2),
        ("pillion_workers", 6 * 2),
        ("pillion_worker_memory_bytes", 0),
    ] {
        let samples = of(name);
        assert_eq!(samples.len(), count, "{name}");
        for sample in samples {
            match sample.reading {
                Reading::Number(number) => assert!(number >= 0.0),
                Reading::Buckets { below, .. } => assert_eq!(below.len(), 7),
                Reading::Total { .. } => panic!("a summary"),
            }
        }
    }
}
