//! Envelopes: a glance that PHP's thread can afford, a parser for the whole grammar, and a writer that
//! keeps every byte it has no reason to change (develop.sentry.dev/sdk/foundations/envelopes). Foreign
//! bytes come in here. Pure; any thread.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::category::{self, Category, Class};

/// More items than any SDK sends; beyond that somebody plays.
const MOST_ITEMS: usize = 10_000;

/// What a glance tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance<'a> {
    /// By the first item's type.
    pub class: Class,
    /// The text of the header's `dsn` as it stands there, JSON's escapes included.
    pub dsn: Option<&'a [u8]>,
}

/// Looks at the first two lines only: is this an envelope, and how important is it?
///
/// # Errors
/// What is wrong with it.
#[inline]
pub fn glance(envelope: &[u8]) -> Result<Glance<'_>, &'static str> {
    let Some(end) = memchr(b'\n', envelope) else {
        return Err("has no item: a line of headers and a line of item headers would be right");
    };
    let (header, rest) = envelope.split_at(end);
    let rest = rest.get(1..).unwrap_or_default();
    if !is_object(header) {
        return Err("does not begin with a line that is a JSON object");
    }
    let line = rest.get(..memchr(b'\n', rest).unwrap_or(rest.len()));
    let line = line.unwrap_or_default();
    if !is_object(line) {
        return Err("has no item header, a JSON object, in its second line");
    }
    let Some(item_type) = text_of(line, b"\"type\"") else {
        return Err("has an item header without a type");
    };
    Ok(Glance {
        class: category::class_of(item_type),
        dsn: text_of(header, b"\"dsn\""),
    })
}

fn is_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && line.trim_ascii_end().ends_with(b"}")
}

/// The text that follows a key. A glance only: a nested key would be found too.
fn text_of<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(line, key)? + key.len();
    let value = line.get(at..)?.trim_ascii_start().strip_prefix(b":")?;
    let text = value.trim_ascii_start().strip_prefix(b"\"")?;
    text.get(..memchr(b'"', text)?)
}

/// A whole envelope; what it doesn't change it borrows.
#[derive(Debug)]
pub struct Envelope<'a> {
    headers: Headers,
    /// In their order.
    pub items: Vec<Item<'a>>,
}

/// One item.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// Its header as it stands there.
    pub head: Cow<'a, [u8]>,
    /// Its `type`.
    pub kind: String,
    /// Its `item_count`, for a container.
    pub count: Option<u64>,
    /// What belongs to it.
    pub payload: Cow<'a, [u8]>,
}

/// The header's keys in their order, with the bytes of their values.
#[derive(Debug, Default)]
struct Headers(Vec<(String, Box<RawValue>)>);

#[derive(Deserialize)]
struct ItemHeader {
    #[serde(rename = "type")]
    kind: String,
    length: Option<u64>,
    item_count: Option<u64>,
}

impl<'a> Envelope<'a> {
    /// Reads an envelope. `sent_at` is left out: it is written once, when the envelope goes.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let (line, mut at) = line(bytes, 0);
        let mut headers: Headers = serde_json::from_slice(line)
            .map_err(|error| format!("its header is no JSON object: {error}"))?;
        headers.0.retain(|(key, _)| key != "sent_at");
        let mut items = Vec::new();
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.iter().all(|byte| *byte == b'\n') {
                break;
            }
            if items.len() >= MOST_ITEMS {
                return Err(format!("it has more than {MOST_ITEMS} items"));
            }
            let (item, next) = item(bytes, at)?;
            items.push(item);
            at = next;
        }
        Ok(Self { headers, items })
    }

    /// An envelope with nothing in its header but an id.
    #[must_use]
    pub fn new(event_id: Option<&str>, items: Vec<Item<'a>>) -> Self {
        let mut envelope = Self {
            headers: Headers::default(),
            items,
        };
        if let Some(id) = event_id {
            envelope.set("event_id", id);
        }
        envelope
    }

    /// A header's text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let (_, value) = self.headers.0.iter().find(|(name, _)| name == key)?;
        serde_json::from_str(value.get()).ok()
    }

    /// A header's value as it stands there.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&str> {
        let found = self.headers.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.get())
    }

    /// Sets a header to a text.
    pub fn set(&mut self, key: &str, text: &str) {
        let Ok(value) = serde_json::value::to_raw_value(text) else {
            return;
        };
        self.headers.0.retain(|(name, _)| name != key);
        self.headers.0.push((key.to_owned(), value));
    }

    /// The header as a line of JSON, without some of its keys.
    #[must_use]
    pub fn header_line(&self, without: &[&str]) -> String {
        let mut line = String::from("{");
        for (key, value) in &self.headers.0 {
            if without.contains(&key.as_str()) {
                continue;
            }
            if line.len() > 1 {
                line.push(',');
            }
            line.push_str(&serde_json::to_string(key).unwrap_or_default());
            line.push(':');
            line.push_str(value.get());
        }
        line.push('}');
        line
    }

    /// The bytes on the wire. `sent_at` is written if it is given.
    #[must_use]
    pub fn write(&self, sent_at: Option<&str>) -> Vec<u8> {
        let size: usize = self
            .items
            .iter()
            .map(|item| item.head.len() + item.payload.len() + 2)
            .sum();
        let mut out = Vec::with_capacity(size + 512);
        out.extend(self.header_line(&[]).into_bytes());
        if let Some(time) = sent_at {
            // Before the closing brace.
            out.pop();
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend(format!("\"sent_at\":\"{time}\"}}").into_bytes());
        }
        for item in &self.items {
            out.push(b'\n');
            out.extend(item.head.iter());
            out.push(b'\n');
            out.extend(item.payload.iter());
        }
        out.push(b'\n');
        out
    }
}

impl Item<'_> {
    /// An item of ours, with its length.
    #[must_use]
    pub fn new(kind: &str, payload: Vec<u8>) -> Self {
        let head = serde_json::json!({ "type": kind, "length": payload.len() });
        Self {
            head: head.to_string().into_bytes().into(),
            kind: kind.to_owned(),
            count: None,
            payload: payload.into(),
        }
    }

    /// The category by which it is limited.
    #[must_use]
    pub fn category(&self) -> Option<Category> {
        category::of_type(&self.kind)
    }
}

/// A line without its end, and where the next one begins.
fn line(bytes: &[u8], from: usize) -> (&[u8], usize) {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = memchr(b'\n', rest).unwrap_or(rest.len());
    (
        rest.get(..length).unwrap_or_default(),
        from.saturating_add(length).saturating_add(1),
    )
}

fn item(bytes: &[u8], at: usize) -> Result<(Item<'_>, usize), String> {
    let (head, begin) = line(bytes, at);
    let header: ItemHeader = serde_json::from_slice(head)
        .map_err(|error| format!("the item header at byte {at}: {error}"))?;
    let (payload, next) = match header.length {
        None => line(bytes, begin),
        Some(length) => {
            let end = usize::try_from(length)
                .ok()
                .and_then(|length| begin.checked_add(length));
            let payload = end.and_then(|end| bytes.get(begin..end));
            let (Some(payload), Some(end)) = (payload, end) else {
                return Err(format!(
                    "the item at byte {at} ends before its length of {length} bytes"
                ));
            };
            match bytes.get(end) {
                None | Some(b'\n') => (payload, end + 1),
                Some(_) => {
                    return Err(format!("the item at byte {at} is longer than its length"));
                }
            }
        }
    };
    let item = Item {
        head: head.into(),
        kind: header.kind,
        count: header.item_count,
        payload: payload.into(),
    };
    Ok((item, next))
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Headers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    headers.push(entry);
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
