//! A queue file of a dead process. It gets a valid magic and size, which random bytes would hardly ever have.
#![no_main]

use std::cell::OnceCell;

use arbitrary::Arbitrary;

thread_local!(static DIR: OnceCell<tempfile::TempDir> = const { OnceCell::new() });

#[derive(Debug, Arbitrary)]
struct Input {
    words: Vec<u64>,
    rest: Vec<u8>,
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let new = || {
        tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a directory")
    };
    DIR.with(|dir| {
        let dir = dir.get_or_init(new).path().join("outbox");
        pillion_engine::sentry::fuzzing::outbox(&dir, &input.words, &input.rest);
    });
});
