//! An envelope as PHP gives it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_engine::sentry::fuzzing::envelope(bytes));
