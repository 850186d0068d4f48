//! Answers of the server behind the shared cache, and the values in them.
#![no_main]

use pillion_engine::cache::redis::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::value(bytes);
    if let Some((piece, bytes)) = bytes.split_first() {
        fuzzing::answers(bytes, usize::from(*piece));
    }
});
