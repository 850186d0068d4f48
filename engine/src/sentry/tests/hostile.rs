//! Malicious envelopes: each is rejected at once; one in an adopted outbox is dropped and reported. Later envelopes
//! arrive, and nothing takes long.

use super::*;
use crate::{
    host::clock,
    sentry::{outbox::Pushed, protocol::category::Priority},
};

#[test]
fn malicious_envelopes_are_rejected_and_harm_no_other() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    let items = |count: usize| format!("{{}}\n{}", "{\"type\":\"event\"}\n{}\n".repeat(count));
    let nested = format!("{{\"a\":{}", "[".repeat(200_000));
    let hostile: [(&str, String); 9] = [
        (
            "a length of a gigabyte",
            "{}\n{\"type\":\"event\",\"length\":1073741824}\n{}".into(),
        ),
        (
            "a length beyond memory",
            "{}\n{\"type\":\"event\",\"length\":18446744073709551615}\n{}".into(),
        ),
        (
            "NULs",
            "{}\n{\"type\":\"event\",\"\0\":\"\0\"}\n\0\0\0".into(),
        ),
        (
            "NULs after an item",
            "{}\n{\"type\":\"event\"}\n{}\n\0\0\0".into(),
        ),
        ("a million items", items(1_000_000)),
        (
            "a header that is no JSON",
            "{\"dsn\":}\n{\"type\":\"event\"}\n{}".into(),
        ),
        (
            "deep nesting",
            format!("{nested}}}\n{{\"type\":\"event\"}}\n{{}}"),
        ),
        (
            "keys without end",
            format!(
                "{{{}\"z\":1}}\n{{\"type\":\"event\"}}\n{{}}",
                "\"a\":1,".repeat(100_000)
            ) + "\nx",
        ),
        (
            "a length that is no number",
            "{}\n{\"type\":\"event\",\"length\":\"9\"}\n{}".into(),
        ),
    ];
    let others = ["", "\n\n", "\0", "{}\n\0", "[]\n{\"type\":\"event\"}\n{}"];
    let others = others.map(|text| (text, text.to_owned()));
    for (name, envelope) in hostile.iter().chain(&others) {
        let begun = Instant::now();
        let sent = process.sentry.send(envelope.as_bytes(), None);
        assert!(
            matches!(sent, Err(crate::Error::InvalidRequest(_))),
            "{name}: {sent:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
    }
    // An adopted outbox may hold anything.
    let dsn = server.dsn(1);
    for (_, envelope) in &hostile {
        let pushed = process.sentry.outbox.push(
            Priority::Critical,
            dsn.as_bytes(),
            envelope.as_bytes(),
            clock::unix_ms(),
        );
        assert!(matches!(pushed, Ok(Pushed::Stored(0))));
    }
    let accepted = hostile.len() as u64;
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    assert_eq!(server.ids(), [id(1)]);
    assert_eq!(process.count(Count::Failed), accepted);
    assert_eq!(server.counts().invalid, 0, "none of them was sent");
    assert_eq!(
        reports(&server),
        losses(&[("internal_sdk_error", "error", accepted)])
    );
}
