//! Envelopes: parsing, writing, rejection.

use super::*;
use crate::sentry::protocol::category::Priority;
use proptest::prelude::*;

const EVENT: &[u8] = b"{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"sent_at\":\"2020-01-01T00:00:00Z\",\"x\":1.50,\"sdk\":{\"name\":\"a\\/b\"}}\n{\"type\":\"event\"}\n{\"message\":\"hi\"}\n{\"type\":\"attachment\",\"length\":5,\"filename\":\"a\"}\na\nb\nc\n";

#[test]
fn unchanged_parts_keep_their_bytes_and_sent_at_is_replaced() {
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

const DSN: &str = "{\"dsn\":\"https:\\/\\/k@h\\/1\"}";

fn with_header(header: &str) -> String {
    format!("{header}\n{{\"type\":\"event\"}}\n{{}}")
}

fn dsn_in(header: &str) -> Option<String> {
    let bytes = with_header(header);
    peek(bytes.as_bytes()).unwrap().dsn()
}

#[test]
fn priority_is_that_of_the_most_important_item() {
    let priority = |text: &str| peek(text.as_bytes()).unwrap().priority;
    for (items, expected) in [
        ("{\"type\": \"replay_event\"}\n{}", Some(Priority::Lowest)),
        ("{\"type\":\"client_report\"}\n{}", Some(Priority::Medium)),
        (
            "{\"type\":\"attachment\",\"length\":3}\na\nb\n{\"type\":\"event\"}\n{}",
            Some(Priority::Critical),
        ),
        (
            "{\"filename\":\"type\",\"x\":{\"type\":\"log\"},\"type\":\"event\"}\n{}",
            Some(Priority::Critical),
        ),
        ("", None),
    ] {
        assert_eq!(priority(&format!("{{}}\n{items}")), expected, "{items}");
    }
}

#[test]
fn dsn_of_the_first_level_counts_only() {
    let two = Some("http://two@h/2".to_owned());
    for header in [
        r#"{"trace":{"environment":"dsn","public_key":"two"},"dsn":"http://two@h/2"}"#,
        r#"{"environment":"dsn","dsn":"http://two@h/2","x":{"dsn":"http://one@h/1"}}"#,
        r#"{"x":"\"dsn\":\"http:\/\/one@h\/1\"","d\u0073n":"http:\/\/two@h\/2"}"#,
        r#"{"x":[{"dsn":"http://one@h/1"}], "dsn" : "http://two@h/2" }"#,
        r#"{"dsn":"http://one@h/1","dsn":"http://two@h/2"}"#,
    ] {
        assert_eq!(dsn_in(header), two, "{header}");
        let bytes = with_header(header);
        assert_eq!(Envelope::parse(bytes.as_bytes()).unwrap().text("dsn"), two);
    }
    for header in [
        r#"{"trace":{"dsn":"http://one@h/1"}}"#,
        r#"{"sdk":"dsn"}"#,
        r#"{"dsn":null}"#,
        r#"{"dsn":5}"#,
        "{}",
    ] {
        assert_eq!(dsn_in(header), None, "{header}");
    }
    assert_eq!(dsn_in(DSN).as_deref(), Some("https://k@h/1"));
    assert_eq!(dsn_in(r#"{"dsn":""}"#).as_deref(), Some(""));
}

/// The full examples of the documentation, Relay's own tests, and further forms that its parser accepts.
#[test]
fn documented_and_relay_envelopes_are_accepted() {
    let id = "{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"dsn\":\"https://e12d836b15bb49d7bbf99e64295d995b:@sentry.io/42\"}";
    let two = "{\"type\":\"attachment\",\"length\":10,\"content_type\":\"text/plain\",\"filename\":\"hello.txt\"}\n\u{feff}Hello\r\n\n{\"type\":\"event\",\"length\":41,\"content_type\":\"application/json\",\"filename\":\"application.log\"}\n{\"message\":\"hello world\",\"level\":\"error\"}";
    let bom = &b"\xef\xbb\xbfHello\r\n"[..];
    let event = &b"{\"message\":\"hello world\",\"level\":\"error\"}"[..];
    for (rest, payloads) in [
        (String::new(), &[][..]),
        ("\n".into(), &[]),
        (format!("\n{two}\n"), &[bom, event]),
        (format!("\n{two}"), &[bom, event]),
        ("\n{\"type\":\"attachment\",\"length\":0}\n\n{\"type\":\"attachment\",\"length\":0}\n\n".into(), &[b"", b""]),
        ("\n{\"type\":\"attachment\",\"length\":0}\n\n{\"type\":\"attachment\",\"length\":0}\n".into(), &[b"", b""]),
        ("\n{\"type\":\"attachment\",\"length\":0}\n\n{\"type\":\"attachment\",\"length\":0}".into(), &[b"", b""]),
        ("\n{\"type\":\"attachment\"}".into(), &[b""]),
        ("\n{\"type\":\"attachment\"}\n\n{\"type\":\"attachment\"}\n\n".into(), &[b"", b""]),
        ("\n{\"type\":\"attachment\"}\nhelloworld\n".into(), &[b"helloworld"]),
        ("\n{\"type\":\"attachment\"}\nhelloworld".into(), &[b"helloworld"]),
        ("\n{\"type\":\"invalid_unknown\",\"length\":null}\nhelloworld\n".into(), &[b"helloworld"]),
        ("\n{\"length\":2,\"type\":\"a\"}\n{}\n\n\n{\"type\":\"b\"}\n{}\n\n".into(), &[b"{}", b"{}"]),
        ("\n{\n \"length\": 2,\n \"type\": \"a\"\n}\n{}".into(), &[b"{}"]),
    ] {
        let bytes = format!("{id}{rest}");
        let summary = peek(bytes.as_bytes()).unwrap();
        assert_eq!(summary.priority.is_none(), payloads.is_empty(), "{rest:?}");
        let found = Envelope::parse(bytes.as_bytes()).unwrap();
        let read: Vec<&[u8]> = found.items.iter().map(|item| &*item.payload).collect();
        assert_eq!(read, payloads, "{rest:?}");
        let written = found.write(None);
        let again = Envelope::parse(&written).unwrap();
        let read: Vec<&[u8]> = again.items.iter().map(|item| &*item.payload).collect();
        assert_eq!(read, payloads, "{rest:?}");
        assert!(again.items.iter().all(|item| !item.head.contains(&b'\n')));
    }
}

#[test]
fn invalid_envelopes_are_rejected_by_peek_and_parse() {
    for (text, why) in [
        ("", "header"),
        ("x\n{\"type\":\"event\"}\n{}", "header"),
        ("[]\n{\"type\":\"event\"}\n{}", "header"),
        ("{\"\\ud800\":5}\n{\"type\":\"event\"}\n{}", "header"),
        ("{\"a\":{\"b\"}}\n{\"type\":\"event\"}\n{}", "header"),
        ("{} {}\n{\"type\":\"event\"}\n{}", "trailing"),
        ("{}\n[]\n", "item header"),
        ("{}\n[\"event\",2,null]\n{}", "item header"),
        ("{}\n{}\n{}", "type"),
        ("{}\n{\"type\":5}\n{}", "item header"),
        (
            "{}\n{\"type\":\"event\",\"length\":1000000000}\n{}",
            "shorter",
        ),
        ("{}\n{\"type\":\"event\",\"length\":1}", "shorter"),
        ("{}\n{\"type\":\"event\",\"length\":1}\n{}", "longer"),
        ("{}\n{\"type\":\"event\",\"length\":-1}\n{}", "item header"),
        (
            "{}\n{\"type\":\"event\",\"length\":18446744073709551615}\n{}",
            "shorter",
        ),
        ("{}\n{\"length\":1}\n{}", "type"),
        ("{}\n\0\n{}", "item header"),
        ("{}\n{\"type\":\"event\"}\n{}\nrest", "item header"),
    ] {
        let error = Envelope::parse(text.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
        assert_eq!(peek(text.as_bytes()).unwrap_err(), error);
    }
    assert!(peek(b"{\"a\":\"\xff\"}\n{\"type\":\"event\"}\n{}").is_err());
    let many = format!(
        "{{}}\n{}",
        "{\"type\":\"event\"}\n{}\n".repeat(grammar::MAX_ITEMS + 1)
    );
    assert!(
        Envelope::parse(many.as_bytes())
            .unwrap_err()
            .contains("more than")
    );
    // A carriage return belongs to the payload before it.
    let crlf = Envelope::parse(b"{}\r\n{\"type\":\"event\"}\r\n{}\r\n").unwrap();
    assert_eq!(&*crlf.items[0].payload, b"{}\r");
}

proptest! {
    #[test]
    fn written_envelope_parses_back(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..5),
    ) {
        let items = payloads.iter().map(|payload| Item::new("attachment", payload.clone())).collect();
        let bytes = Envelope::new(Some("00000000000000000000000000000000"), items).write(None);
        let again = Envelope::parse(&bytes).unwrap();
        let found: Vec<_> = again.items.iter().map(|item| item.payload.to_vec()).collect();
        prop_assert_eq!(found, payloads);
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "[{}\\n\\r\\\\\":,a-e0-9]{0,80}") {
        let parsed = Envelope::parse(text.as_bytes());
        prop_assert_eq!(peek(text.as_bytes()).is_ok(), parsed.is_ok());
    }

    #[test]
    fn peek_accepts_what_parse_accepts(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "{}", "\n", "{\"type\":\"event\"}", "{\"dsn\":\"a\"}", "{\"type\":\"log\",\"length\":2}", "[]",
                "{\"dsn\":1}", "\r\n", " ", "{\"type\":\"x\",\"length\":0}", "{\"a\":{\"type\":\"b\"}}", "x", "\"",
            ]),
            0..12,
        ),
    ) {
        let text = parts.concat();
        let (summary, parsed) = (peek(text.as_bytes()), Envelope::parse(text.as_bytes()));
        prop_assert_eq!(summary.as_ref().map(|summary| summary.priority.is_some()), parsed.as_ref().map(|parsed| !parsed.items.is_empty()));
        if let (Ok(summary), Ok(parsed)) = (summary, parsed) {
            prop_assert_eq!(summary.dsn(), parsed.text("dsn"));
            let written = parsed.write(Some("2026-11-21T00:00:00Z"));
            prop_assert_eq!(Envelope::parse(&written).unwrap().items.len(), parsed.items.len());
        }
    }
}
