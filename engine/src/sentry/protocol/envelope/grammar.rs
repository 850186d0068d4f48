//! The grammar of envelopes: a JSON object on the first line, then for each item a JSON object on a line and a payload,
//! as the protocol's documentation and Relay define it. Parses untrusted bytes. Pure.

use std::borrow::Cow;

use memchr::memchr;
use serde::Deserialize;

/// Limit on the items of an envelope, above that of any SDK: more is an attack.
pub(super) const MAX_ITEMS: usize = 10_000;

/// The keys of an item's header that matter here.
#[derive(Deserialize)]
pub(super) struct ItemHeader<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) length: Option<u64>,
    pub(super) item_count: Option<u64>,
}

/// An item, borrowed from the envelope.
pub(super) struct RawItem<'a> {
    pub(super) head: &'a [u8],
    pub(super) header: ItemHeader<'a>,
    pub(super) payload: &'a [u8],
}

#[cold]
pub(super) fn invalid_header(why: &str) -> String {
    format!("invalid header (expected a JSON object on one line): {why}")
}

/// Reads the item at `at`. Returns it and the position after it, or `None` at the end. `count`: the items before it.
/// Empty lines between items are skipped, as Relay does.
#[inline]
pub(super) fn next_item(
    bytes: &[u8],
    at: usize,
    count: usize,
) -> Result<Option<(RawItem<'_>, usize)>, String> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(blank) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(None);
    };
    if count >= MAX_ITEMS {
        return Err(format!("more than {MAX_ITEMS} items"));
    }
    item(bytes, at + blank).map(Some)
}

fn item(bytes: &[u8], at: usize) -> Result<(RawItem<'_>, usize), String> {
    let (header, head, begin) = object::<ItemHeader<'_>>(bytes, at).map_err(|why| {
        format!("invalid item header at byte {at} (expected a JSON object on one line): {why}")
    })?;
    // Nothing after the last header is an empty payload.
    let rest = bytes.get(begin..).unwrap_or_default();
    let length = match header.length {
        None => memchr(b'\n', rest).unwrap_or(rest.len()),
        Some(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > rest.len() {
                return Err(format!(
                    "item at byte {at} is shorter than its length of {length} bytes"
                ));
            }
            if rest.get(length).is_some_and(|byte| *byte != b'\n') {
                return Err(format!(
                    "item at byte {at} is longer than its length of {length} bytes"
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

/// Reads the JSON object at `at`. Returns it, its text and the position of the next line. White space around it is
/// skipped.
#[inline]
pub(super) fn object<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    at: usize,
) -> Result<(T, &'a [u8], usize), String> {
    let rest = bytes.get(at..).unwrap_or_default();
    let begin = rest.iter().position(|byte| !byte.is_ascii_whitespace());
    let rest = rest.get(begin.unwrap_or(rest.len())..).unwrap_or_default();
    // serde would accept an array for a struct.
    if rest.first() != Some(&b'{') {
        return Err("found none".to_owned());
    }
    let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
    let value = match stream.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("found none".to_owned()),
    };
    let length = stream.byte_offset();
    let text = rest.get(..length).unwrap_or_default();
    // The deserializer does not check the texts of skipped values.
    if std::str::from_utf8(text).is_err() {
        return Err("not UTF-8".to_owned());
    }
    let after = rest.get(length..).unwrap_or_default();
    let padding = after
        .iter()
        .position(|byte| *byte == b'\n' || !byte.is_ascii_whitespace())
        .unwrap_or(after.len());
    if after.get(padding).is_some_and(|byte| *byte != b'\n') {
        return Err("trailing characters on its line".to_owned());
    }
    let next = (bytes.len() - after.len())
        .saturating_add(padding)
        .saturating_add(1);
    Ok((value, text, next))
}
