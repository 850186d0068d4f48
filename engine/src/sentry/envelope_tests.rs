//! Envelopes: what is read, what is written, what is refused.

use super::*;
use proptest::prelude::*;

const EVENT: &[u8] = b"{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"sent_at\":\"2020-01-01T00:00:00Z\",\"x\":1.50,\"sdk\":{\"name\":\"a\\/b\"}}\n{\"type\":\"event\"}\n{\"message\":\"hi\"}\n{\"type\":\"attachment\",\"length\":5,\"filename\":\"a\"}\na\nb\nc\n";

#[test]
fn what_is_not_changed_keeps_its_bytes_and_sent_at_is_written_once() {
    let envelope = Envelope::parse(EVENT).unwrap();
    assert_eq!(envelope.items.len(), 2);
    assert_eq!(&*envelope.items[1].payload, b"a\nb\nc");
    let text = String::from_utf8(envelope.write(Some("2026-11-21T00:00:00Z"))).unwrap();
    assert!(text.starts_with("{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"x\":1.50,\"sdk\":{\"name\":\"a\\/b\"},\"sent_at\":\"2026-11-21T00:00:00Z\"}\n{\"type\":\"event\"}\n"));
    assert_eq!(text.matches("sent_at").count(), 1);
    let again = Envelope::parse(text.as_bytes()).unwrap();
    assert_eq!(
        again.text("event_id").as_deref(),
        Some("9ec79c33ec9942ab8353589fcb2e04dc")
    );
    assert_eq!(again.items.len(), 2);
}

#[test]
fn a_glance_tells_class_and_dsn() {
    let at = |text: &'static str| glance(text.as_bytes());
    let found = at("{\"dsn\":\"https:\\/\\/k@h\\/1\"}\n{\"type\": \"replay_event\"}\n{}").unwrap();
    assert_eq!(found.class, Class::Lowest);
    assert_eq!(found.dsn, Some(&b"https:\\/\\/k@h\\/1"[..]));
    assert_eq!(
        at("{}\n{\"type\":\"client_report\"}\n{}").unwrap().class,
        Class::Medium
    );
    assert_eq!(at("{}\n{\"type\":\"event\"}").unwrap().dsn, None);
    for wrong in [
        "",
        "{}",
        "{}\n",
        "{}\n\n",
        "x\n{\"type\":\"event\"}\n{}",
        "{}\n[]\n",
        "{}\n{}\n{}",
    ] {
        assert!(at(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn hostile_envelopes_are_told() {
    for (text, why) in [
        (
            "{}\n{\"type\":\"event\",\"length\":1000000000}\n{}",
            "ends before",
        ),
        ("{}\n{\"type\":\"event\",\"length\":1}\n{}", "longer"),
        ("{}\n{\"type\":\"event\",\"length\":-1}\n{}", "item header"),
        (
            "{}\n{\"type\":\"event\",\"length\":18446744073709551615}\n{}",
            "ends before",
        ),
        ("{}\n{\"length\":1}\n{}", "type"),
        ("[]\n{\"type\":\"event\"}\n{}", "header"),
        ("{}\n\0\n{}", "item header"),
    ] {
        let error = Envelope::parse(text.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    let many = format!(
        "{{}}\n{}",
        "{\"type\":\"event\"}\n{}\n".repeat(MOST_ITEMS + 1)
    );
    assert!(
        Envelope::parse(many.as_bytes())
            .unwrap_err()
            .contains("more than")
    );
    // A carriage return belongs to what precedes it.
    let crlf = Envelope::parse(b"{}\r\n{\"type\":\"event\"}\r\n{}\r\n").unwrap();
    assert_eq!(&*crlf.items[0].payload, b"{}\r");
}

proptest! {
    #[test]
    fn what_was_written_reads_back(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..5),
    ) {
        let items = payloads.iter().map(|payload| Item::new("attachment", payload.clone())).collect();
        let bytes = Envelope::new(Some("00000000000000000000000000000000"), items).write(None);
        let again = Envelope::parse(&bytes).unwrap();
        let found: Vec<_> = again.items.iter().map(|item| item.payload.to_vec()).collect();
        prop_assert_eq!(found, payloads);
    }

    #[test]
    fn no_bytes_make_it_panic(text in "[{}\\n\\r\\\\\":,a-e0-9]{0,80}") {
        let _ = glance(text.as_bytes());
        let _ = Envelope::parse(text.as_bytes());
    }
}
