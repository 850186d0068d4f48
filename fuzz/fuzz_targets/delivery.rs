//! Headers and tickets of a client of the delivery server.
#![no_main]

use std::cell::OnceCell;

use pillion_engine::host::secret::Secret;
use pillion_server::delivery::fuzzing;

thread_local!(static SECRET: OnceCell<Secret> = const { OnceCell::new() });

libfuzzer_sys::fuzz_target!(|input: (u64, &[u8], &str)| {
    let (size, lines, text) = input;
    fuzzing::headers(size, lines);
    SECRET.with(|secret| {
        let secret = secret.get_or_init(|| {
            let dir = tempfile::tempdir().expect("a directory");
            Secret::of_host(dir.path()).expect("a secret")
        });
        fuzzing::ticket(secret, size, text);
    });
});
