//! All bytes of a client's connection to a server of ours: request lines, headers, bodies, and the frames of HTTP/2.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pillion_server::http::fuzzing::connection(bytes));
