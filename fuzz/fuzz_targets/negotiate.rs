//! The body of a negotiation with a gateway of remote artifacts, and the texts in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| pillion_engine::remote::fuzzing::negotiate(body));
