//! Headers and tickets of a client of the delivery server: the size of a file in decimal, a line break, six lines of
//! headers (Range, If-Range, If-Match, …), and behind a zero byte a text in the place of a ticket.
#![no_main]

use std::cell::OnceCell;

use pillion_engine::host::secret::Secret;
use pillion_server::delivery::fuzzing;

thread_local!(static SECRET: OnceCell<Secret> = const { OnceCell::new() });

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (size, rest) = split(input, b'\n');
    let size = str::from_utf8(size).ok().and_then(|text| text.parse().ok());
    let size = size.unwrap_or(input.len() as u64);
    let (lines, text) = split(rest, 0);
    fuzzing::headers(size, lines);
    SECRET.with(|secret| {
        let secret = secret.get_or_init(|| {
            let dir = tempfile::tempdir().expect("a directory");
            Secret::of_host(dir.path()).expect("a secret")
        });
        if let Ok(text) = str::from_utf8(text) {
            fuzzing::ticket(secret, size, text);
        }
    });
});

fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == at);
    let end = end.unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
