//! The change journal of a cache directory. Most inputs get a valid head and valid complements, which random bytes
//! would never have.
#![no_main]

use std::cell::OnceCell;

use arbitrary::Arbitrary;

thread_local!(static DIR: OnceCell<tempfile::TempDir> = const { OnceCell::new() });

#[derive(Debug, Arbitrary)]
struct Input {
    head: Option<u64>,
    keys: Vec<u64>,
    rest: Vec<u8>,
    from: (u64, u16),
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let mut log = Vec::new();
    if let Some(name) = input.head {
        log.extend_from_slice(b"PILLCHG1");
        log.extend_from_slice(&name.to_le_bytes());
    }
    for key in &input.keys {
        log.extend_from_slice(&key.to_le_bytes());
        log.extend_from_slice(&(!key).to_le_bytes());
    }
    log.extend_from_slice(&input.rest);
    let new = || {
        tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a directory")
    };
    DIR.with(|dir| {
        let dir = dir.get_or_init(new).path();
        pillion_engine::artifacts::fuzzing::changes(dir, &log, input.from.0, input.from.1.into());
    });
});
