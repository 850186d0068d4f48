//! The segment of the shared cache with damaged words, in use and opened anew.
#![no_main]

use std::{cell::OnceCell, path::PathBuf};

use arbitrary::Arbitrary;
use pillion_engine::cache::fuzzing::{self, Call};

thread_local!(static DIR: OnceCell<(tempfile::TempDir, PathBuf)> = const { OnceCell::new() });

#[derive(Debug, Arbitrary)]
struct Input {
    /// Calls of the cache: which, its key, its size.
    before: Vec<Call>,
    /// Part of the segment, word in it, new value.
    damage: Vec<(u8, u32, u64)>,
    after: Vec<Call>,
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    DIR.with(|dir| {
        let (_keep, path) = dir.get_or_init(|| {
            let dir = tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .expect("a directory");
            let path = dir.path().join("cache.seg");
            (dir, path)
        });
        let calls = |calls: &[Call]| calls.iter().copied().take(40).collect::<Vec<_>>();
        fuzzing::segment(
            path,
            &calls(&input.before),
            &input.damage,
            &calls(&input.after),
        );
    });
});
