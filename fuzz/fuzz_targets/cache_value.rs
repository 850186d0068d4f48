//! Values of the shared cache: bytes in each encoding, JSON, and patterns of keys.
#![no_main]

use pillion_engine::cache::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::json(bytes);
    let Some((encoding, bytes)) = bytes.split_first() else {
        return;
    };
    fuzzing::value(encoding % 9, bytes);
    let (pattern, key) = bytes.split_at(bytes.len() / 3);
    fuzzing::pattern(pattern, key);
});
