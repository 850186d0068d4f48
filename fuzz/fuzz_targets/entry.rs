//! The metadata file `<key>.json` of an artifact.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_engine::artifacts::fuzzing::entry(bytes));
