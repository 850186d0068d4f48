//! `index.json` of the Velox plugin, in both of its formats.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_engine::artifacts::fuzzing::old_index(bytes));
