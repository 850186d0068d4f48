//! The encoding of values of PHP, part of the format of the segment: the extension writes and reads it, [`super::json`]
//! converts it. Pure functions, on any thread.
//!
//! A value is its [`Encoding`], which is kept beside it, and its bytes:
//!
//! | encoding | bytes | inside an array |
//! | --- | --- | --- |
//! | [`NULL`], [`FALSE`], [`TRUE`] | none | none |
//! | [`INT`] | 8, little endian | a zigzag varint |
//! | [`FLOAT`] | 8, little endian | the same |
//! | [`STRING`] | those of the string | a varint of their number before them |
//! | [`ARRAY`] | see below | the same |
//! | [`SERIALIZED`] | the text of `serialize()` | not allowed |
//!
//! An array begins with a varint: twice its number of elements, plus 1 for a list, which has the keys 0, 1, 2 and so on
//! in this order. Each element is its key, unless the array is a list, then its encoding and its bytes. A
//! key is [`INT`] or [`STRING`] and its bytes; a text that [`integer_key`] knows is an integer. A varint has seven bits
//! in each byte, the lowest first, and the highest bit set in all but the last one.

use super::Encoding;

/// `null`.
pub const NULL: Encoding = 0;
/// `false`.
pub const FALSE: Encoding = 1;
/// `true`.
pub const TRUE: Encoding = 2;
/// An `int`.
pub const INT: Encoding = 3;
/// A `float`.
pub const FLOAT: Encoding = 4;
/// A `string`, any bytes.
pub const STRING: Encoding = 5;
/// An `array` of these.
pub const ARRAY: Encoding = 6;
/// All other values, as `serialize()` writes them.
pub const SERIALIZED: Encoding = 7;

/// Levels of nested arrays at most.
pub const MAX_DEPTH: usize = 512;

/// Appends a varint.
#[inline]
pub fn put_varint(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

/// Appends an integer inside an array.
#[inline]
pub fn put_int(buffer: &mut Vec<u8>, number: i64) {
    put_varint(buffer, (number << 1 ^ (number >> 63)).cast_unsigned());
}

/// Appends a string inside an array.
#[inline]
pub fn put_string(buffer: &mut Vec<u8>, text: &[u8]) {
    put_varint(buffer, text.len() as u64);
    buffer.extend_from_slice(text);
}

/// Appends the head of an array.
#[inline]
pub fn put_head(buffer: &mut Vec<u8>, head: Head) {
    put_varint(buffer, (head.count as u64) << 1 | u64::from(head.is_list));
}

/// The integer key that an array of PHP has for a text: `7` and `-7`, but neither `07`, `-0` nor one beyond 64 bits.
#[must_use]
#[inline]
pub fn integer_key(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_decimal = match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_decimal
        .then(|| std::str::from_utf8(text).ok()?.parse().ok())
        .flatten()
}

/// The head of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number of elements.
    pub count: usize,
    /// Whether its keys are 0, 1, 2 and so on, which are not written then.
    pub is_list: bool,
}

/// A key of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// An integer.
    Index(i64),
    /// A string, any bytes.
    Name(&'a [u8]),
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// A `bool`.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `string`.
    String(&'a [u8]),
    /// An `array`; its elements follow.
    Array(Head),
}

/// Reads values. Bytes that are no such value end the reading with `None`.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of the elements of an array, from its head on.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all bytes are read.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    fn int(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Reads the head of an array. It has no more elements than there are bytes.
    #[inline]
    pub fn head(&mut self) -> Option<Head> {
        let head = self.varint()?;
        let count = usize::try_from(head >> 1).ok()?;
        // Each element has one byte at least.
        (count <= self.0.len()).then_some(Head {
            count,
            is_list: head & 1 == 1,
        })
    }

    /// Reads the key of an element, in an array that is no list.
    #[inline]
    pub fn key(&mut self) -> Option<Key<'a>> {
        match self.byte()? {
            INT => self.int().map(Key::Index),
            STRING => self.string().map(Key::Name),
            _ => None,
        }
    }

    /// Reads the value of an element.
    #[inline]
    pub fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.byte()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(self.int()?),
            FLOAT => {
                let (number, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                Value::Float(f64::from_le_bytes(*number))
            }
            STRING => Value::String(self.string()?),
            ARRAY => Value::Array(self.head()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
