//! Envelopes: the grammar as the protocol's documentation and Relay have it, and a writer that keeps every
//! byte it has no reason to change (develop.sentry.dev/sdk/foundations/envelopes). [`glance`], which PHP's thread
//! can afford, and [`Envelope::parse`] read by the same functions: what the first one takes, the second one takes.
//! Foreign bytes come in here. Pure; any thread.

use std::{borrow::Cow, collections::HashMap};

use memchr::{memchr, memmem};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::category::{self, Category, Priority};

/// More items than any SDK sends; beyond that it is an attack.
const MAX_ITEMS: usize = 10_000;

/// What a glance tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary<'a> {
    /// By its most important item; `None`: it has no item, and nothing is to be sent.
    pub priority: Option<Priority>,
    header: &'a [u8],
}

impl Summary<'_> {
    /// The header's `dsn`, where it is a text; an empty one names no project. Looked for only where it is asked for.
    #[must_use]
    pub fn dsn(&self) -> Option<String> {
        memmem::find(self.header, b"dsn").or_else(|| memchr(b'\\', self.header))?;
        Envelope::parse_object(self.header).ok()?.text("dsn")
    }
}

/// Is this an envelope, and how important is it? Allocates nothing unless a key or a type has escapes.
///
/// # Errors
/// What is wrong with it, and at which byte.
#[inline]
pub fn peek(envelope: &[u8]) -> Result<Summary<'_>, String> {
    let (Keys, header, mut at) = object(envelope, 0).map_err(|why| invalid_header(&why))?;
    let mut priority: Option<Priority> = None;
    let mut count = 0;
    while let Some((item, next)) = next_item(envelope, at, count)? {
        let own = category::priority_of(item.header.kind.as_bytes());
        priority = Some(priority.map_or(own, |priority| priority.min(own)));
        count += 1;
        at = next;
    }
    Ok(Summary { priority, header })
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

/// An object of which nothing is kept. Its keys are read as texts, as those of [`Headers`] are.
struct Keys;

/// A key, of which nothing is kept.
struct Key;

#[derive(Deserialize)]
struct ItemHeader<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    length: Option<u64>,
    item_count: Option<u64>,
}

/// An item as it stands there.
struct RawItem<'a> {
    head: &'a [u8],
    header: ItemHeader<'a>,
    payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads an envelope. `sent_at` is left out: it is written once, when the envelope goes.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
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

    /// The keys of one JSON object, such as an item's header, as an envelope without items.
    ///
    /// # Errors
    /// It is none.
    pub fn parse_object(bytes: &'a [u8]) -> Result<Self, String> {
        let (headers, ..) = object(bytes, 0)?;
        let items = Vec::new();
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
            // As in [`one_line`].
            match value.get() {
                text if memchr(b'\n', text.as_bytes()).is_none() => line.push_str(text),
                text => line.push_str(&text.replace('\n', " ")),
            }
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

#[cold]
fn invalid_header(why: &str) -> String {
    format!("does not begin with a header, a JSON object in a line: {why}")
}

/// The item at a byte, and where the next one begins. `None`: there is none any more. Empty lines between items are
/// skipped, as Relay does.
#[inline]
fn next_item(
    bytes: &[u8],
    at: usize,
    count: usize,
) -> Result<Option<(RawItem<'_>, usize)>, String> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(blank) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(None);
    };
    if count >= MAX_ITEMS {
        return Err(format!("has more than {MAX_ITEMS} items"));
    }
    item(bytes, at + blank).map(Some)
}

fn item(bytes: &[u8], at: usize) -> Result<(RawItem<'_>, usize), String> {
    let (header, head, begin) = object::<ItemHeader<'_>>(bytes, at)
        .map_err(|why| format!("has no item header, a JSON object, at byte {at}: {why}"))?;
    // After the last header there may be nothing, and that is an empty payload.
    let rest = bytes.get(begin..).unwrap_or_default();
    let length = match header.length {
        None => memchr(b'\n', rest).unwrap_or(rest.len()),
        Some(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > rest.len() {
                return Err(format!(
                    "has an item at byte {at} that ends before its length of {length} bytes"
                ));
            }
            if rest.get(length).is_some_and(|byte| *byte != b'\n') {
                return Err(format!(
                    "has an item at byte {at} that is longer than its length of {length} bytes"
                ));
            }
            length
        }
    };
    let item = RawItem {
        head,
        header,
        payload: rest.get(..length).unwrap_or_default(),
    };
    Ok((item, begin.saturating_add(length).saturating_add(1)))
}

/// The JSON object at a byte, its text, and where the next line begins. White space around it is skipped.
#[inline]
fn object<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    at: usize,
) -> Result<(T, &'a [u8], usize), String> {
    let rest = bytes.get(at..).unwrap_or_default();
    let begin = rest.iter().position(|byte| !byte.is_ascii_whitespace());
    let rest = rest.get(begin.unwrap_or(rest.len())..).unwrap_or_default();
    // A struct could be read from an array too.
    if rest.first() != Some(&b'{') {
        return Err("it is none".to_owned());
    }
    let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
    let value = match stream.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("it is none".to_owned()),
    };
    let length = stream.byte_offset();
    let text = rest.get(..length).unwrap_or_default();
    // The texts of skipped values are not checked by the deserializer.
    if std::str::from_utf8(text).is_err() {
        return Err("it is not UTF-8".to_owned());
    }
    let after = rest.get(length..).unwrap_or_default();
    let padding = after
        .iter()
        .position(|byte| *byte == b'\n' || !byte.is_ascii_whitespace())
        .unwrap_or(after.len());
    if after.get(padding).is_some_and(|byte| *byte != b'\n') {
        return Err("something follows it in its line".to_owned());
    }
    let next = (bytes.len() - after.len())
        .saturating_add(padding)
        .saturating_add(1);
    Ok((value, text, next))
}

/// A header with its line breaks as spaces; in JSON they stand only where white space may.
fn one_line(head: &[u8]) -> Cow<'_, [u8]> {
    match memchr(b'\n', head) {
        None => head.into(),
        Some(_) => {
            let plain = head
                .iter()
                .map(|byte| if *byte == b'\n' { b' ' } else { *byte });
            plain.collect::<Vec<u8>>().into()
        }
    }
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
                let mut headers: Vec<(String, Box<RawValue>)> = Vec::new();
                let mut places = HashMap::new();
                // Of a key that stands there twice the last one counts, and is written once: Relay refuses two.
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    match places.get(&key).and_then(|at: &usize| headers.get_mut(*at)) {
                        Some(entry) => entry.1 = value,
                        None => {
                            places.insert(key.clone(), headers.len());
                            headers.push((key, value));
                        }
                    }
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Skipped;
        impl<'de> Visitor<'de> for Skipped {
            type Value = Keys;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                while map.next_entry::<Key, IgnoredAny>()?.is_some() {}
                Ok(Keys)
            }
        }
        deserializer.deserialize_map(Skipped)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Skipped;
        impl Visitor<'_> for Skipped {
            type Value = Key;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, _: &str) -> Result<Key, E> {
                Ok(Key)
            }
        }
        deserializer.deserialize_str(Skipped)
    }
}

#[cfg(test)]
mod tests;
