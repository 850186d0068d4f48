//! A Sentry envelope from PHP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_engine::sentry::fuzzing::envelope(bytes));
