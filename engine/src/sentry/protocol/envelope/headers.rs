//! JSON headers of envelopes and items that keep the order and the bytes of their members. Pure.

use std::{borrow::Cow, collections::HashMap};

use memchr::memchr;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of a header in their order, with the bytes of their values.
#[derive(Debug, Default)]
pub(super) struct Headers(pub(super) Vec<(String, Box<RawValue>)>);

/// An object that is only checked. Its keys are read as strings, as those of [`Headers`].
pub(super) struct Keys;

/// A key that is only checked.
struct Key;

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
                let mut positions = HashMap::new();
                // Of duplicate keys the last one counts and is written once, because Relay rejects duplicates.
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    match positions
                        .get(&key)
                        .and_then(|index: &usize| headers.get_mut(*index))
                    {
                        Some(entry) => entry.1 = value,
                        None => {
                            positions.insert(key.clone(), headers.len());
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

/// Replaces line breaks in a header by spaces: JSON allows them only where it allows white space.
pub(super) fn one_line(head: &[u8]) -> Cow<'_, [u8]> {
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
