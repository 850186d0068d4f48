//! Parsers of keys, checksums, file names and times.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| pillion_engine::artifacts::fuzzing::names(text));
