//! The files of flights: table, progress, request ids and outcomes. Records of the table get valid checksums, which
//! random bytes would never have.
#![no_main]

use std::{cell::OnceCell, fs};

use arbitrary::Arbitrary;

thread_local!(static DIR: OnceCell<tempfile::TempDir> = const { OnceCell::new() });

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    records: Vec<([u8; 56], bool)>,
    attempt: u64,
    progress: &'a [u8],
    ids: &'a [u8],
    outcome: &'a [u8],
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let new = || {
        tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a directory")
    };
    DIR.with(|dir| {
        let dir = dir.get_or_init(new).path();
        let (key, digest, attempt) = (1u64, 2u64, input.attempt | 1);
        let mut table = Vec::new();
        // The first record is the flight that is looked up.
        let mut first = [0; 56];
        first[..8].copy_from_slice(&key.to_le_bytes());
        first[8..16].copy_from_slice(&digest.to_le_bytes());
        first[16..24].copy_from_slice(&attempt.to_le_bytes());
        for (record, good) in [(first, true)]
            .into_iter()
            .chain(input.records.iter().copied().take(300))
        {
            table.extend_from_slice(&record);
            table.extend_from_slice(&(fnv(&record) ^ u64::from(!good)).to_le_bytes());
        }
        let outcome = format!("{key:016x}{digest:016x}-{attempt:016x}.outcome");
        for (name, bytes) in [
            ("table.v1", table.as_slice()),
            ("000.json", input.progress),
            ("001.json", input.progress),
            ("000.ids", input.ids),
            (&outcome, input.outcome),
        ] {
            fs::write(dir.join(name), bytes).expect("written");
        }
        pillion_engine::velox::fuzzing::flights(dir, key, digest);
        pillion_engine::velox::fuzzing::progress(input.progress);
        fs::remove_file(dir.join(&outcome)).expect("removed");
    });
});

/// The checksum of the table's records.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
