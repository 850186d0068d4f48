//! The file `velocity.yml`, and patterns.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| pillion_engine::pipeline::fuzzing::velocity(text));
