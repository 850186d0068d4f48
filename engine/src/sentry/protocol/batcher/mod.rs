//! Batches logs, metrics and spans in containers, the only way in which Sentry's protocol merges envelopes: those that
//! differ in their items only become one, within the limits for SDKs; larger ones are split; all keys beside `items`
//! are kept. Events are never merged. On the runtime.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use super::envelope::Envelope;
use crate::sentry::outbox::Claim;

/// Limit on the bytes of one container; Relay accepts 12 MiB, other receivers often less.
const MAX_CONTAINER_BYTES: usize = 1 << 20;

/// Everything of a container but its items: containers with the same key are merged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BatchKey {
    item_type: String,
    item_header: String,
    /// The payload without its items.
    payload: String,
    envelope_header: String,
}

/// A batch that is still collecting items.
#[derive(Debug)]
struct OpenBatch {
    since: Instant,
    claims: Vec<Claim>,
    items: Vec<Box<RawValue>>,
}

/// The open batcher of one project.
#[derive(Debug, Default)]
pub struct Batcher(HashMap<BatchKey, OpenBatch>);

/// A finished batch: records, and the envelopes made of them.
#[derive(Debug)]
pub struct Batch {
    /// The claims on its records.
    pub claims: Vec<Claim>,
    /// Without `sent_at`.
    pub envelopes: Vec<Vec<u8>>,
}

/// Limit on the items of a container; `None` for item types that are not batched (develop.sentry.dev:
/// telemetry-processor).
fn max_items(kind: &str) -> Option<usize> {
    match kind {
        "log" | "trace_metric" => Some(100),
        "span" => Some(1000),
        _ => None,
    }
}

impl Batcher {
    /// Adds an envelope to its batch. Returns `false` if it is not a container.
    pub fn add(&mut self, claim: &Claim, envelope: &Envelope<'_>, now: Instant) -> bool {
        let Some((key, items)) = split(envelope) else {
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

    /// When the oldest batch is due.
    #[must_use]
    pub fn next_due(&self, timeout: Duration) -> Option<Instant> {
        self.0.values().map(|open| open.since + timeout).min()
    }

    /// Takes the batches that have at least `size` items or are older than `timeout`.
    pub fn take_due(&mut self, size: usize, timeout: Duration, now: Instant) -> Vec<Batch> {
        let due: Vec<BatchKey> = self
            .0
            .iter()
            .filter(|(_, open)| open.items.len() >= size || now >= open.since + timeout)
            .map(|(key, _)| key.clone())
            .collect();
        due.into_iter()
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

/// Splits an envelope that consists of one container into its key and its items.
fn split(envelope: &Envelope<'_>) -> Option<(BatchKey, Vec<Box<RawValue>>)> {
    let [item] = envelope.items.as_slice() else {
        return None;
    };
    max_items(&item.kind)?;
    item.count?;
    let payload = Envelope::parse_object(&item.payload).ok()?;
    let items: Vec<Box<RawValue>> = serde_json::from_str(payload.raw("items")?).ok()?;
    let headers = Envelope::parse_object(&item.head).ok()?;
    let key = BatchKey {
        item_type: item.kind.clone(),
        item_header: headers.header_line(&["length", "item_count"]),
        payload: payload.header_line(&["items"]),
        envelope_header: envelope.header_line(&["event_id"]),
    };
    Some((key, items))
}

fn write(key: &BatchKey, items: &[Box<RawValue>]) -> Vec<Vec<u8>> {
    let max = max_items(&key.item_type).unwrap_or(1);
    let mut envelopes = Vec::new();
    let mut part: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let text = item.get();
        if part.len() >= max || (!part.is_empty() && bytes + text.len() > MAX_CONTAINER_BYTES) {
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
    let payload = insert_members(&key.payload, &format!("\"items\":[{}]", items.join(",")));
    let counts = format!(
        "\"item_count\":{},\"length\":{}",
        items.len(),
        payload.len()
    );
    let header = insert_members(&key.item_header, &counts);
    format!("{}\n{header}\n{payload}\n", key.envelope_header).into_bytes()
}

/// Adds members to the text of a JSON object.
fn insert_members(object: &str, members: &str) -> String {
    match object.strip_suffix('}') {
        Some("{") | None => format!("{{{members}}}"),
        Some(rest) => format!("{rest},{members}}}"),
    }
}

#[cfg(test)]
mod tests;
