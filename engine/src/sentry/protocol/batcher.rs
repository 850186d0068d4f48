//! Containers: the one way in which Sentry's protocol lets several things share an envelope. Logs,
//! metrics and spans that differ in nothing but their items are open, within the numbers that SDKs
//! must not exceed; what is too large is split; all keys beside `items` are kept. Events are never
//! merged. On the runtime.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use super::envelope::Envelope;
use crate::sentry::outbox::Claim;

/// Bytes of one container; relay takes 12 MiB, and a receiver of events often less.
const MAX_CONTAINER_BYTES: usize = 1 << 20;

/// What makes two containers one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BatchKey {
    kind: String,
    item_headers: String,
    beside: String,
    headers: String,
}

#[derive(Debug)]
struct OpenBatch {
    since: Instant,
    claims: Vec<Claim>,
    items: Vec<Box<RawValue>>,
}

/// What waits for company, of one project.
#[derive(Debug, Default)]
pub struct Batcher(HashMap<BatchKey, OpenBatch>);

/// Records that became envelopes together.
#[derive(Debug)]
pub struct Batch {
    /// Whose items they are.
    pub claims: Vec<Claim>,
    /// Without `sent_at`.
    pub envelopes: Vec<Vec<u8>>,
}

/// The most items of an envelope (DOC telemetry-processor).
fn max_items(kind: &str) -> Option<usize> {
    match kind {
        "log" | "trace_metric" => Some(100),
        "span" => Some(1000),
        _ => None,
    }
}

impl Batcher {
    /// Gathers an envelope. `false`: it is none that could have company.
    pub fn add(&mut self, claim: &Claim, envelope: &Envelope<'_>, now: Instant) -> bool {
        let Some((key, items)) = open(envelope) else {
            return false;
        };
        let open = self.0.entry(key).or_insert_with(|| OpenBatch {
            since: now,
            claims: Vec::new(),
            items: Vec::new(),
        });
        open.claims.push(claim.clone());
        open.items.extend(items);
        true
    }

    /// When the first one has waited long enough.
    #[must_use]
    pub fn next_due(&self, timeout: Duration) -> Option<Instant> {
        self.0.values().map(|open| open.since + timeout).min()
    }

    /// Those that are large enough or have waited long enough.
    pub fn take_due(&mut self, size: usize, timeout: Duration, now: Instant) -> Vec<Batch> {
        let take_due: Vec<BatchKey> = self
            .0
            .iter()
            .filter(|(_, open)| open.items.len() >= size || now >= open.since + timeout)
            .map(|(key, _)| key.clone())
            .collect();
        take_due
            .into_iter()
            .filter_map(|key| {
                let open = self.0.remove(&key)?;
                Some(Batch {
                    envelopes: write(&key, &open.items),
                    claims: open.claims,
                })
            })
            .collect()
    }
}

/// The parts of an envelope that is one container and nothing else.
fn open(envelope: &Envelope<'_>) -> Option<(BatchKey, Vec<Box<RawValue>>)> {
    let [item] = envelope.items.as_slice() else {
        return None;
    };
    max_items(&item.kind)?;
    item.count?;
    let payload = Envelope::parse_object(&item.payload).ok()?;
    let items: Vec<Box<RawValue>> = serde_json::from_str(payload.raw("items")?).ok()?;
    let headers = Envelope::parse_object(&item.head).ok()?;
    let key = BatchKey {
        kind: item.kind.clone(),
        item_headers: headers.header_line(&["length", "item_count"]),
        beside: payload.header_line(&["items"]),
        headers: envelope.header_line(&["event_id"]),
    };
    Some((key, items))
}

fn write(key: &BatchKey, items: &[Box<RawValue>]) -> Vec<Vec<u8>> {
    let most = max_items(&key.kind).unwrap_or(1);
    let mut envelopes = Vec::new();
    let mut part: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let text = item.get();
        if part.len() >= most || (!part.is_empty() && bytes + text.len() > MAX_CONTAINER_BYTES) {
            envelopes.push(container(key, &part));
            part.clear();
            bytes = 0;
        }
        bytes += text.len() + 1;
        part.push(text);
    }
    if !part.is_empty() {
        envelopes.push(container(key, &part));
    }
    envelopes
}

fn container(key: &BatchKey, items: &[&str]) -> Vec<u8> {
    let payload = with(&key.beside, &format!("\"items\":[{}]", items.join(",")));
    let counts = format!(
        "\"item_count\":{},\"length\":{}",
        items.len(),
        payload.len()
    );
    let head = with(&key.item_headers, &counts);
    format!("{}\n{head}\n{payload}\n", key.headers).into_bytes()
}

/// A JSON object's text with more members.
fn with(object: &str, members: &str) -> String {
    match object.strip_suffix('}') {
        Some("{") | None => format!("{{{members}}}"),
        Some(rest) => format!("{rest},{members}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentry::{
        outbox::{Capacity, Outbox},
        protocol::category::Priority,
    };

    fn claim() -> Claim {
        let room = Capacity {
            bytes: 1 << 20,
            records: 10,
        };
        let (outbox, _) = Outbox::open(None, room);
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
    fn alike_containers_become_one_and_too_large_ones_are_split() {
        let now = Instant::now();
        let mut batches = Batcher::default();
        for (from, count) in [(0, 3), (3, 4)] {
            let bytes = logs(from, count, "{\"sdk\":{\"name\":\"x\"}}");
            assert!(batches.add(&claim(), &Envelope::parse(&bytes).unwrap(), now));
        }
        assert!(batches.take_due(10, Duration::from_secs(5), now).is_empty());
        assert_eq!(
            batches.next_due(Duration::from_secs(5)),
            Some(now + Duration::from_secs(5))
        );
        let take_due = batches.take_due(7, Duration::from_secs(5), now);
        assert_eq!(take_due.len(), 1);
        assert_eq!(
            (take_due[0].claims.len(), counts(&take_due[0])),
            (2, vec![7])
        );
        let bytes = logs(0, 1000, "{}");
        batches.add(&claim(), &Envelope::parse(&bytes).unwrap(), now);
        let take_due = batches.take_due(1000, Duration::ZERO, now);
        assert_eq!(counts(&take_due[0]), [100; 10]);
        assert!(batches.next_due(Duration::ZERO).is_none());
    }

    #[test]
    fn two_traces_two_projects_keys_and_events_stay_apart() {
        let now = Instant::now();
        let mut batches = Batcher::default();
        for header in [
            "{\"trace\":{\"trace_id\":\"1\"}}",
            "{\"trace\":{\"trace_id\":\"2\"}}",
        ] {
            let bytes = logs(0, 1, header);
            assert!(batches.add(&claim(), &Envelope::parse(&bytes).unwrap(), now));
        }
        assert_eq!(batches.take_due(1, Duration::ZERO, now).len(), 2);
        for other in [
            &b"{}\n{\"type\":\"event\"}\n{}"[..],
            b"{}\n{\"type\":\"log\"}\n{\"items\":[]}",
            b"{}\n{\"type\":\"log\",\"item_count\":1}\nnonsense",
            b"{}\n{\"type\":\"transaction\"}\n{}\n{\"type\":\"span\",\"item_count\":1}\n{\"items\":[1]}",
        ] {
            assert!(!batches.add(&claim(), &Envelope::parse(other).unwrap(), now));
        }
    }
}
