//! The archive of a task's outputs: the tar inside, and the frame around it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_engine::pipeline::fuzzing::archive(bytes));
