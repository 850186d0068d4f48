//! Envelopes: a parser, and a writer that keeps every byte it has no reason to change
//! (develop.sentry.dev/sdk/foundations/envelopes). [`peek()`], which is cheap enough for PHP's thread, and
//! [`Envelope::parse`] share one [`grammar`]: an envelope that is queued is one that can be sent. Pure; any thread.

mod grammar;
mod headers;
mod peek;

use std::borrow::Cow;

use memchr::memchr;

use super::category::{self, Category};
use grammar::{invalid_header, next_item, object};
use headers::{Headers, one_line};

pub use peek::{Summary, peek};

/// An envelope. Unchanged parts are borrowed from the bytes it was parsed from.
#[derive(Debug)]
pub struct Envelope<'a> {
    headers: Headers,
    /// The items in their order.
    pub items: Vec<Item<'a>>,
}

/// An item of an envelope.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// The bytes of its header.
    pub head: Cow<'a, [u8]>,
    /// The `type` of its header.
    pub kind: String,
    /// The `item_count` of its header, if it is a container.
    pub count: Option<u64>,
    /// The bytes of its payload.
    pub payload: Cow<'a, [u8]>,
}

impl<'a> Envelope<'a> {
    /// Parses an envelope, without `sent_at`, which is written once, when it is sent.
    ///
    /// # Errors
    /// The first mistake, with its position.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let (mut headers, _, mut at) =
            object::<Headers>(bytes, 0).map_err(|why| invalid_header(&why))?;
        headers.0.retain(|(key, _)| key != "sent_at");
        let mut items = Vec::new();
        while let Some((item, next)) = next_item(bytes, at, items.len())? {
            items.push(Item {
                head: one_line(item.head),
                kind: item.header.kind.into_owned(),
                count: item.header.item_count,
                payload: item.payload.into(),
            });
            at = next;
        }
        Ok(Self { headers, items })
    }

    /// Parses a JSON object, such as the header of an item, as an envelope without items.
    ///
    /// # Errors
    /// It is not an object.
    pub fn parse_object(bytes: &'a [u8]) -> Result<Self, String> {
        let (headers, ..) = object(bytes, 0)?;
        let items = Vec::new();
        Ok(Self { headers, items })
    }

    /// Creates an envelope with `event_id` in its header, if it is given.
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

    /// The string of a header.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let (_, value) = self.headers.0.iter().find(|(name, _)| name == key)?;
        serde_json::from_str(value.get()).ok()
    }

    /// The JSON of a header.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&str> {
        let found = self.headers.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.get())
    }

    /// Sets a header to a string.
    pub fn set(&mut self, key: &str, text: &str) {
        let Ok(value) = serde_json::value::to_raw_value(text) else {
            return;
        };
        self.headers.0.retain(|(name, _)| name != key);
        self.headers.0.push((key.to_owned(), value));
    }

    /// The header as a line of JSON, without the keys in `without`.
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
            // As in [`one_line`].
            match value.get() {
                text if memchr(b'\n', text.as_bytes()).is_none() => line.push_str(text),
                text => line.push_str(&text.replace('\n', " ")),
            }
        }
        line.push('}');
        line
    }

    /// Writes the envelope, with `sent_at` if it is given.
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
    /// Creates an item, with its length in its header.
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

    /// The category by which it is limited. `None`: it is not.
    #[must_use]
    pub fn category(&self) -> Option<Category> {
        category::of_type(&self.kind)
    }
}

#[cfg(test)]
mod tests;
