//! Parses JSON into the bytes of a value, in one pass: elements are written as they are read, and an array with equal
//! keys is rewritten at its end. Pure functions, on any thread.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{
    super::{
        Encoding,
        encoding::{self, Head, MAX_DEPTH, integer_key, put_head, put_int, put_string},
    },
    InvalidJson,
    elements::{Element, rewrite, without_duplicates},
};

/// Returns the value of a JSON text with its encoding. An object is an array with the keys that PHP gives it: `"7"` is
/// an integer, and the last one of equal keys counts. An integer beyond 64 bits is a float.
///
/// # Errors
/// The text is no JSON, has too many levels, or a number beyond those of a float.
pub fn from_json(text: &[u8]) -> Result<(Encoding, Vec<u8>), InvalidJson> {
    let mut out = Vec::with_capacity(text.len());
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // The levels are counted below.
    deserializer.disable_recursion_limit();
    let value = ValueWriter {
        out: &mut out,
        depth: 0,
    };
    let encoding = value.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((encoding, out))
}

/// Writes the bytes of a value. Returns its encoding.
struct ValueWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Arrays that contain the value.
    depth: usize,
}

impl ValueWriter<'_> {
    /// The writer of an element.
    fn inner(&mut self) -> ValueWriter<'_> {
        ValueWriter {
            out: self.out,
            depth: self.depth + 1,
        }
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            return Ok(());
        }
        Err(E::custom(format_args!("more than {MAX_DEPTH} levels")))
    }

    /// Inserts the head of an array, before its elements from `start` on.
    fn finish(&mut self, start: usize, head: Head) {
        let end = self.out.len();
        put_head(self.out, head);
        let bytes = self.out.len() - end;
        if let Some(array) = self.out.get_mut(start..) {
            array.rotate_right(bytes);
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueWriter<'_> {
    type Value = Encoding;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Encoding, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueWriter<'_> {
    type Value = Encoding;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Encoding, E> {
        Ok(encoding::NULL)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Encoding, E> {
        Ok(if value {
            encoding::TRUE
        } else {
            encoding::FALSE
        })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Encoding, E> {
        if self.depth == 0 {
            self.out.extend_from_slice(&number.to_le_bytes());
        } else {
            put_int(self.out, number);
        }
        Ok(encoding::INT)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Encoding, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => self.visit_f64(number as f64),
        }
    }

    fn visit_f64<E>(self, number: f64) -> Result<Encoding, E> {
        self.out.extend_from_slice(&number.to_le_bytes());
        Ok(encoding::FLOAT)
    }

    fn visit_str<E>(self, text: &str) -> Result<Encoding, E> {
        if self.depth == 0 {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            put_string(self.out, text.as_bytes());
        }
        Ok(encoding::STRING)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Encoding, A::Error> {
        self.check_depth()?;
        let start = self.out.len();
        let mut count = 0;
        while list
            .next_element_seed(ElementWriter(self.inner()))?
            .is_some()
        {
            count += 1;
        }
        self.finish(
            start,
            Head {
                count,
                is_list: true,
            },
        );
        Ok(encoding::ARRAY)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Encoding, A::Error> {
        self.check_depth()?;
        let start = self.out.len();
        let mut elements = Vec::new();
        let mut key_start = start;
        while let Some(index) = object.next_key_seed(KeyWriter(self.out))? {
            let value_start = self.out.len();
            object.next_value_seed(ElementWriter(self.inner()))?;
            let end = self.out.len();
            elements.push(Element {
                index,
                key: key_start..value_start,
                value: value_start..end,
            });
            key_start = end;
        }
        let unique = without_duplicates(self.out, &elements);
        let has_duplicates = unique.is_some();
        let elements = unique.unwrap_or(elements);
        let count = elements.len();
        let is_list = (0..)
            .zip(&elements)
            .all(|(position, element)| element.index == Some(position));
        if is_list || has_duplicates {
            rewrite(self.out, start, &elements, is_list);
        }
        self.finish(start, Head { count, is_list });
        Ok(encoding::ARRAY)
    }
}

/// An element of an array, with the encoding before its bytes.
struct ElementWriter<'a>(ValueWriter<'a>);

impl<'de> DeserializeSeed<'de> for ElementWriter<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let ValueWriter { out, depth } = self.0;
        let at = out.len();
        out.push(0);
        let value = ValueWriter {
            out: &mut *out,
            depth,
        };
        let encoding = value.deserialize(deserializer)?;
        if let Some(place) = out.get_mut(at) {
            *place = encoding;
        }
        Ok(())
    }
}

/// The key of an element. Returns it if it is an integer.
struct KeyWriter<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for KeyWriter<'_> {
    type Value = Option<i64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<i64>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyWriter<'_> {
    type Value = Option<i64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<i64>, E> {
        let index = integer_key(text.as_bytes());
        match index {
            Some(index) => {
                self.0.push(encoding::INT);
                put_int(self.0, index);
            }
            None => {
                self.0.push(encoding::STRING);
                put_string(self.0, text.as_bytes());
            }
        }
        Ok(index)
    }
}
