//! The mapped index with damaged words. A valid index is created first, because random bytes fail the checksums.
#![no_main]

use std::{cell::OnceCell, path::PathBuf};

use arbitrary::Arbitrary;
use pillion_engine::artifacts::{ConfigDigest, IndexRecord, Key, fuzzing};

thread_local!(static DIR: OnceCell<(tempfile::TempDir, PathBuf)> = const { OnceCell::new() });

#[derive(Debug, Arbitrary)]
struct Input {
    /// Key and time of each record; keys may be equal or collide.
    records: Vec<(u64, u32)>,
    /// Index and new value of a word; the header is first, tags follow at 512.
    damage: Vec<(u32, u64)>,
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let records: Vec<IndexRecord> = input.records.iter().take(40).map(record).collect();
    DIR.with(|dir| {
        let (_keep, path) = dir.get_or_init(|| {
            let dir = tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .expect("a directory");
            let path = dir.path().join("run");
            (dir, path)
        });
        fuzzing::index(path, &records, &input.damage);
    });
});

fn record((key, time): &(u64, u32)) -> IndexRecord {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&key.to_be_bytes());
    IndexRecord {
        key: Key(*key),
        sha256,
        size: u64::from(*time) << (key % 33),
        created_ms: u64::from(*time),
        expires_ms: u64::MAX - (key & 1),
        accessed_ms: u64::from(*time),
        build_ms: *time,
        digest: ConfigDigest(!key),
    }
}
