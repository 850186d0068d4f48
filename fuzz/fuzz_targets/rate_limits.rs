//! `Retry-After` and any number of `X-Sentry-Rate-Limits`, one on each line.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let status = if first.starts_with('4') { 429 } else { 200 };
    let after = lines.next().filter(|line| !line.is_empty());
    let headers: Vec<&str> = lines.collect();
    for now in [0, 784_111_777, u64::MAX] {
        pillion_engine::sentry::fuzzing::headers(status, &headers, after, now);
    }
});
