//! A DSN: an argument of PHP's, a setting, or a line of an envelope.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| pillion_engine::sentry::fuzzing::dsn(text));
