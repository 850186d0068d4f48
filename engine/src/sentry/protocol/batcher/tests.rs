use super::*;
use crate::sentry::{
    outbox::{Capacity, Outbox},
    protocol::category::Priority,
};

fn claim() -> Claim {
    let capacity = Capacity {
        bytes: 1 << 20,
        records: 10,
    };
    let (outbox, _) = Outbox::open(None, capacity);
    outbox.push(Priority::Low, b"", b"x", 0).unwrap();
    outbox.claim(Priority::Low).unwrap()
}

fn logs(from: usize, count: usize, header: &str) -> Vec<u8> {
    let items: Vec<String> = (from..from + count)
        .map(|n| format!("{{\"body\":\"{n}\"}}"))
        .collect();
    let payload = format!(
        "{{\"version\":2,\"items\":[{}],\"ingest_settings\":{{\"a\":1.0}}}}",
        items.join(",")
    );
    format!("{header}\n{{\"type\":\"log\",\"item_count\":{count},\"content_type\":\"application/vnd.sentry.items.log+json\"}}\n{payload}").into_bytes()
}

fn counts(batch: &Batch) -> Vec<u64> {
    batch
        .envelopes
        .iter()
        .map(|bytes| {
            let envelope = Envelope::parse(bytes).unwrap();
            let item = &envelope.items[0];
            let payload: serde_json::Value = serde_json::from_slice(&item.payload).unwrap();
            assert_eq!(payload["ingest_settings"]["a"], 1.0);
            assert_eq!(payload["version"], 2);
            assert_eq!(
                payload["items"].as_array().unwrap().len() as u64,
                item.count.unwrap()
            );
            item.count.unwrap()
        })
        .collect()
}

#[test]
fn equal_containers_are_merged_and_large_ones_split() {
    let now = Instant::now();
    let mut batcher = Batcher::default();
    for (from, count) in [(0, 3), (3, 4)] {
        let bytes = logs(from, count, "{\"sdk\":{\"name\":\"x\"}}");
        // A wrong count is corrected.
        let text = String::from_utf8(bytes).unwrap();
        let bytes = text.replace("\"item_count\":3", "\"item_count\":7");
        let bytes = bytes.into_bytes();
        assert!(batcher.add(&claim(), &Envelope::parse(&bytes).unwrap(), now));
    }
    assert!(batcher.take_due(10, Duration::from_secs(5), now).is_empty());
    assert_eq!(
        batcher.next_due(Duration::from_secs(5)),
        Some(now + Duration::from_secs(5))
    );
    let due = batcher.take_due(7, Duration::from_secs(5), now);
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].claims.len(), counts(&due[0])), (2, vec![7]));
    let bytes = logs(0, 1000, "{}");
    batcher.add(&claim(), &Envelope::parse(&bytes).unwrap(), now);
    let due = batcher.take_due(1000, Duration::ZERO, now);
    assert_eq!(counts(&due[0]), [100; 10]);
    assert!(batcher.next_due(Duration::ZERO).is_none());
}

#[test]
fn traces_and_events_are_not_merged() {
    let now = Instant::now();
    let mut batcher = Batcher::default();
    for header in [
        "{\"trace\":{\"trace_id\":\"1\"}}",
        "{\"trace\":{\"trace_id\":\"2\"}}",
    ] {
        let bytes = logs(0, 1, header);
        assert!(batcher.add(&claim(), &Envelope::parse(&bytes).unwrap(), now));
    }
    assert_eq!(batcher.take_due(1, Duration::ZERO, now).len(), 2);
    for other in [
        &b"{}\n{\"type\":\"event\"}\n{}"[..],
        b"{}\n{\"type\":\"log\"}\n{\"items\":[]}",
        b"{}\n{\"type\":\"log\",\"item_count\":1}\nnonsense",
        b"{}\n{\"type\":\"transaction\"}\n{}\n{\"type\":\"span\",\"item_count\":1}\n{\"items\":[1]}",
    ] {
        assert!(!batcher.add(&claim(), &Envelope::parse(other).unwrap(), now));
    }
}
