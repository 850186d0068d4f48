//! A DSN: an argument, a setting, or the header of an envelope.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| pillion_engine::sentry::fuzzing::dsn(text));
