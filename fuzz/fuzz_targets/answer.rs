//! Status, `Location` and body of a response of a build server.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (u16, Option<&str>, &[u8])| {
    let (status, location, body) = input;
    pillion_engine::velox::fuzzing::answer(status % 600, location, body);
    pillion_engine::velox::fuzzing::progress(body);
});
