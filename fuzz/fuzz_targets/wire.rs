//! Arbitrary bytes from a server, read by the real client over a real connection.
#![no_main]

use std::cell::OnceCell;

use pillion_engine::velox::fuzzing::Wire;

thread_local!(static WIRE: OnceCell<Wire> = const { OnceCell::new() });

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    WIRE.with(|wire| {
        wire.get_or_init(|| Wire::new().expect("a listener"))
            .exchange(bytes)
    });
});
