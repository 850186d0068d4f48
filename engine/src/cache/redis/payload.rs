//! The bytes of a value in the second tier: JSON where the value has one, so that other languages read it; with tags an
//! object, `{"$tags":{"news":"5f…"},"value":…}`; with the policy `format=php` the text of `serialize()`; all else, such
//! as objects of PHP and binary strings, a head that is no JSON, the tags, the encoding and the bytes of the first
//! tier. Pure functions, on any thread.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::php_format;
use crate::{
    cache::{
        Encoding, MAX_TAGS,
        encoding::SERIALIZED,
        json::{from_json, to_json},
    },
    config::ValueFormat,
};

/// The head of a value that is no JSON.
const BINARY: &[u8] = b"\0P1";
/// The beginning of a value with tags.
const TAGGED: &[u8] = b"{\"$tags\":";

/// A tag with its version when the value was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TagVersion {
    /// The name.
    pub(super) name: Vec<u8>,
    /// The version.
    pub(super) version: u64,
}

/// A value with its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    /// The encoding of the bytes.
    pub(super) encoding: Encoding,
    /// The bytes, as the first tier has them.
    pub(super) bytes: Vec<u8>,
    /// The tags.
    pub(super) tags: Vec<TagVersion>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tagged<'a> {
    #[serde(rename = "$tags")]
    tags: BTreeMap<String, String>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Returns the bytes of a value in the second tier.
pub(super) fn write(
    format: ValueFormat,
    encoding: Encoding,
    bytes: &[u8],
    tags: &[TagVersion],
) -> Vec<u8> {
    if format == ValueFormat::Php
        && let Some(text) = php_format::serialize(encoding, bytes)
    {
        return match tags {
            [] => text,
            tags => write_binary(SERIALIZED, &text, tags),
        };
    }
    if let Ok(json) = to_json(encoding, bytes) {
        if tags.is_empty() && !json.starts_with(TAGGED) {
            return json;
        }
        if let Some(tagged) = write_tagged(&json, tags) {
            return tagged;
        }
    }
    write_binary(encoding, bytes, tags)
}

fn write_binary(encoding: Encoding, bytes: &[u8], tags: &[TagVersion]) -> Vec<u8> {
    let mut out = BINARY.to_vec();
    out.push(tags.len() as u8);
    for tag in tags {
        out.extend((tag.name.len() as u32).to_le_bytes());
        out.extend_from_slice(&tag.name);
        out.extend(tag.version.to_le_bytes());
    }
    out.push(encoding);
    out.extend_from_slice(bytes);
    out
}

/// `None` if a tag's name is no text.
fn write_tagged(json: &[u8], tags: &[TagVersion]) -> Option<Vec<u8>> {
    let value: &RawValue = serde_json::from_slice(json).ok()?;
    let tags = tags.iter().map(|tag| {
        let name = std::str::from_utf8(&tag.name).ok()?.to_owned();
        Some((name, format!("{:016x}", tag.version)))
    });
    let tags = tags.collect::<Option<_>>()?;
    serde_json::to_vec(&Tagged { tags, value }).ok()
}

/// Returns the value of bytes of the second tier, or `None` if they are none.
pub(super) fn read(payload: &[u8]) -> Option<Payload> {
    if let Some(rest) = payload.strip_prefix(BINARY) {
        return read_binary(rest);
    }
    if payload.starts_with(TAGGED)
        && let Ok(tagged) = serde_json::from_slice::<Tagged<'_>>(payload)
        && let Some(tags) = read_tags(tagged.tags)
    {
        return read_json(tagged.value.get().as_bytes(), tags);
    }
    if let Some(encoding) = php_format::encoding_of(payload) {
        let bytes = match encoding {
            SERIALIZED => payload.to_vec(),
            _ => Vec::new(),
        };
        return Some(Payload {
            encoding,
            bytes,
            tags: Vec::new(),
        });
    }
    read_json(payload, Vec::new())
}

fn read_json(json: &[u8], tags: Vec<TagVersion>) -> Option<Payload> {
    let (encoding, bytes) = from_json(json).ok()?;
    Some(Payload {
        encoding,
        bytes,
        tags,
    })
}

fn read_tags(tags: BTreeMap<String, String>) -> Option<Vec<TagVersion>> {
    let tags = tags.into_iter().map(|(name, version)| {
        let version = u64::from_str_radix(&version, 16).ok()?;
        let name = name.into_bytes();
        Some(TagVersion { name, version })
    });
    let tags: Vec<_> = tags.collect::<Option<_>>()?;
    (tags.len() <= MAX_TAGS).then_some(tags)
}

fn read_binary(bytes: &[u8]) -> Option<Payload> {
    let (count, mut rest) = bytes.split_first()?;
    if usize::from(*count) > MAX_TAGS {
        return None;
    }
    let mut tags = Vec::new();
    for _ in 0..*count {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (version, after) = after.split_first_chunk::<8>()?;
        tags.push(TagVersion {
            name: name.to_vec(),
            version: u64::from_le_bytes(*version),
        });
        rest = after;
    }
    let (encoding, bytes) = rest.split_first()?;
    Some(Payload {
        encoding: *encoding,
        bytes: bytes.to_vec(),
        tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::encoding::{INT, STRING};

    fn tag(name: &[u8], version: u64) -> TagVersion {
        TagVersion {
            name: name.to_vec(),
            version,
        }
    }

    #[test]
    fn values_are_read_as_written() {
        let object = br#"O:8:"stdClass":0:{}"#.as_slice();
        let tags = [tag(b"a", 7), tag(b"news", u64::MAX)];
        let binary = [tag(b"\xff", 1)];
        for (encoding, bytes) in [
            (STRING, b"text".as_slice()),
            (STRING, b"\xff\0"),
            (INT, &(-5i64).to_le_bytes()),
            (SERIALIZED, object),
        ] {
            for tags in [[].as_slice(), &tags, &binary] {
                let written = write(ValueFormat::Json, encoding, bytes, tags);
                let expected = Payload {
                    encoding,
                    bytes: bytes.to_vec(),
                    tags: tags.to_vec(),
                };
                assert_eq!(read(&written), Some(expected));
            }
        }
    }

    #[test]
    fn other_languages_read_json() {
        let tags = [tag(b"news", 255)];
        let text = |tags| {
            String::from_utf8(write(ValueFormat::Json, STRING, b"caf\xc3\xa9", tags)).unwrap()
        };
        assert_eq!(text(&[]), "\"café\"");
        assert_eq!(
            text(&tags),
            r#"{"$tags":{"news":"00000000000000ff"},"value":"café"}"#
        );
        assert_eq!(
            write(ValueFormat::Json, STRING, b"\xff", &[]),
            b"\0P1\0\x05\xff"
        );
    }

    #[test]
    fn value_that_looks_tagged_stays_what_it_is() {
        let json = br#"{"$tags":{"a":"1"},"value":2}"#;
        let (encoding, bytes) = from_json(json).unwrap();
        let written = write(ValueFormat::Json, encoding, &bytes, &[]);
        let read = read(&written).unwrap();
        assert_eq!(
            (read.encoding, read.bytes, read.tags),
            (encoding, bytes, vec![])
        );
    }

    #[test]
    fn format_php_is_read_without_a_policy() {
        let tags = [tag(b"news", 1)];
        for tags in [[].as_slice(), &tags] {
            let written = write(ValueFormat::Php, STRING, b"x", tags);
            let read = read(&written).unwrap();
            assert_eq!(
                (read.encoding, read.bytes.as_slice()),
                (SERIALIZED, b"s:1:\"x\";".as_slice())
            );
            assert_eq!(read.tags, tags);
        }
    }

    #[test]
    fn other_bytes_are_no_value() {
        for bytes in [
            b"".as_slice(),
            b"token-without-quotes",
            b"\0P1",
            b"\0P1\x01\xff\xff\xff\xff",
            b"\0P1\x09",
            b"{\"a\":",
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
