//! `index.json` of the old plugin, in both shapes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_engine::artifacts::fuzzing::old_index(bytes));
