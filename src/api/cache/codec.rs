//! Values of PHP as bytes of the shared cache. Null, booleans, numbers and strings are stored as they are, arrays of
//! them in a compact form; all else as PHP's `serialize()` writes it. Bytes are collected in a buffer of the thread,
//! because PHP may jump over the frames here. On PHP's threads.
//!
//! An array is its number of elements, twice that plus 1 for a list; then each key, unless it is a list, and each value.
//! Integers are zigzag varints, strings a varint of their length and their bytes.

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_REFERENCE, IS_STRING, IS_TRUE,
    IS_UNDEF, zval,
};
use pillion_engine::cache::ValueReader;

use crate::{
    thread_state::thread_state,
    zend::{
        arguments::Thrown,
        call,
        hash_table::{self, Key},
        owned::OwnedZval,
        value::{bytes, type_of},
        value_writer::ZvalOut,
    },
};

/// Encodings; part of the format of the segment.
mod encoding {
    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const STRING: u8 = 5;
    pub const ARRAY: u8 = 6;
    pub const SERIALIZED: u8 = 7;
}
pub use encoding::INT;

/// Levels of nested arrays; deeper ones are serialized by PHP.
const MAX_DEPTH: usize = 64;
/// Bytes that a thread's buffer keeps between two calls.
const MAX_KEPT: usize = 256 << 10;

thread_state! {
    /// The bytes of the value that is stored or read.
    static BUFFER: Vec<u8> = Vec::new();
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    BUFFER.replace(Vec::new());
}

/// Runs `store` with the bytes of a value and their encoding. `store` calls no PHP code.
///
/// # Errors
/// PHP can't serialize the value: a closure, an object that refuses.
pub fn with_encoded<R>(value: &zval, store: impl FnOnce(u8, &[u8]) -> R) -> Result<R, Thrown> {
    let plain = BUFFER.with(|buffer| {
        buffer.clear();
        put_plain(buffer, value, 0)
    });
    let encoding = match plain {
        Some(encoding) => encoding,
        None => {
            let text = call::function("serialize", &[OwnedZval::new(value)])?;
            BUFFER.with(|buffer| {
                buffer.clear();
                buffer.extend_from_slice(bytes(text.value()).unwrap_or_default());
            });
            text.release();
            encoding::SERIALIZED
        }
    };
    Ok(BUFFER.with(|buffer| {
        let result = store(encoding, buffer);
        shrink(buffer);
        result
    }))
}

fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > MAX_KEPT {
        *buffer = Vec::new();
    }
}

/// The part of a lookup that runs while the value may change: copies it.
pub enum Copied {
    /// To PHP's value.
    Done,
    /// To the thread's buffer, in this encoding.
    Buffered(u8),
}

/// Copies a value for PHP, in place of what an earlier attempt has left in `out`.
#[inline]
pub fn copy(value: &ValueReader<'_>, out: ZvalOut) -> Copied {
    out.release();
    match value.encoding() {
        encoding::NULL => out.null(),
        encoding::FALSE => out.bool(false),
        encoding::TRUE => out.bool(true),
        encoding::INT => out.int(i64::from_le_bytes(value.to_word())),
        encoding::FLOAT => out.float(f64::from_le_bytes(value.to_word())),
        encoding::STRING => {
            let target = out.string_buffer(value.len());
            // SAFETY: a new string of that length.
            unsafe { value.copy_to(target) };
        }
        other => {
            BUFFER.with(|buffer| {
                buffer.clear();
                buffer.reserve(value.len());
                // SAFETY: reserved, and filled by the copy (or not at all for a position that is none, and then the
                // slot has changed and the bytes are dropped): any bytes are valid.
                unsafe {
                    std::ptr::write_bytes(buffer.as_mut_ptr(), 0, value.len().min(8));
                    value.copy_to(buffer.as_mut_ptr());
                    buffer.set_len(value.len());
                }
            });
            return Copied::Buffered(other);
        }
    }
    Copied::Done
}

/// Converts the thread's buffer to a value of PHP. Returns `false` if the bytes are no such value.
///
/// # Errors
/// PHP code of an object has thrown.
pub fn decode_buffer(encoding: u8, out: ZvalOut) -> Result<bool, Thrown> {
    out.null();
    match encoding {
        encoding::ARRAY => Ok(BUFFER.with(|buffer| {
            let decoded = Reader(buffer).array(out, 0).is_some();
            if !decoded {
                out.release();
            }
            shrink(buffer);
            decoded
        })),
        encoding::SERIALIZED => {
            let text = OwnedZval::with(|text| {
                BUFFER.with(|buffer| {
                    text.string(&*buffer);
                    shrink(buffer);
                });
            });
            let value = call::function("unserialize", &[text]);
            text.release();
            let value = value?;
            // PHP returns false for what it can't read; a stored false has an encoding of its own.
            let is_value = type_of(value.value()) != IS_FALSE;
            if is_value {
                value.copy_to(out);
            }
            value.release();
            Ok(is_value)
        }
        _ => Ok(false),
    }
}

/// Appends a value. Returns its encoding, or `None` for one that PHP has to serialize.
fn put_plain(buffer: &mut Vec<u8>, value: &zval, depth: usize) -> Option<u8> {
    // SAFETY: each union field is read under the type that it belongs to.
    unsafe {
        Some(match type_of(value) {
            IS_NULL | IS_UNDEF => encoding::NULL,
            IS_FALSE => encoding::FALSE,
            IS_TRUE => encoding::TRUE,
            IS_LONG if depth == 0 => {
                buffer.extend_from_slice(&value.value.lval.to_le_bytes());
                encoding::INT
            }
            IS_LONG => {
                put_int(buffer, value.value.lval);
                encoding::INT
            }
            IS_DOUBLE => {
                buffer.extend_from_slice(&value.value.dval.to_le_bytes());
                encoding::FLOAT
            }
            IS_STRING => {
                let text = bytes(value)?;
                if depth > 0 {
                    put_varint(buffer, text.len() as u64);
                }
                buffer.extend_from_slice(text);
                encoding::STRING
            }
            IS_ARRAY if depth < MAX_DEPTH => {
                put_array(buffer, value.value.arr.as_ref()?, depth)?;
                encoding::ARRAY
            }
            // A reference would have to stay one, and may be a cycle.
            _ => return None,
        })
    }
}

fn put_array(buffer: &mut Vec<u8>, table: &HashTable, depth: usize) -> Option<()> {
    // SAFETY: the table is alive, and nothing changes it here.
    let elements = unsafe { hash_table::elements(table) };
    let mut count = 0;
    let is_list = elements.clone().all(|element| {
        let follows = element.name.is_null() && element.hash == count;
        count += 1;
        follows
    });
    // SAFETY: as above.
    let count = unsafe { hash_table::sizes(table) }.0;
    put_varint(buffer, u64::from(count) << 1 | u64::from(is_list));
    for element in elements {
        if !is_list {
            // SAFETY: as above.
            match unsafe { element.name_bytes() } {
                Some(name) => {
                    buffer.push(encoding::STRING);
                    put_varint(buffer, name.len() as u64);
                    buffer.extend_from_slice(name);
                }
                None => {
                    buffer.push(encoding::INT);
                    put_int(buffer, element.hash.cast_signed());
                }
            }
        }
        // SAFETY: as above.
        let value = unsafe { &*plain_reference(element.value) };
        let at = buffer.len();
        buffer.push(0);
        let encoding = put_plain(buffer, value, depth + 1)?;
        *buffer.get_mut(at)? = encoding;
    }
    Some(())
}

/// The value behind a reference that no other variable shares, which is no reference to PHP code any more.
///
/// # Safety
/// `value` is alive.
unsafe fn plain_reference(value: *const zval) -> *const zval {
    // SAFETY: by the contract; the type says that the union holds a reference.
    unsafe {
        if type_of(&*value) == IS_REFERENCE && (*(*value).value.ref_).gc.refcount == 1 {
            return &raw const (*(*value).value.ref_).val;
        }
    }
    value
}

fn put_varint(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

fn put_int(buffer: &mut Vec<u8>, number: i64) {
    put_varint(buffer, (number << 1 ^ (number >> 63)).cast_unsigned());
}

/// Reads what [`put_array`] has written. Bytes that it can't have written end the reading.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

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

    fn int(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array(&mut self, out: ZvalOut, depth: usize) -> Option<()> {
        let head = self.varint()?;
        let count = usize::try_from(head >> 1).ok()?;
        // Each element has one byte at least.
        if count > self.0.len() || depth >= MAX_DEPTH {
            return None;
        }
        let array = out.array(count);
        if head & 1 == 1 {
            for _ in 0..count {
                self.element(depth, |fill| array.push(fill))?;
            }
            return Some(());
        }
        for _ in 0..count {
            let key = match self.byte()? {
                encoding::STRING => Key::Name(self.bytes()?),
                encoding::INT => Key::Index(self.int()?),
                _ => return None,
            };
            self.element(depth, |fill| array.insert_with_key(key, fill))?;
        }
        Some(())
    }

    fn element(
        &mut self,
        depth: usize,
        insert: impl FnOnce(&mut dyn FnMut(ZvalOut)),
    ) -> Option<()> {
        let mut read = Some(());
        insert(&mut |out| read = self.value(out, depth));
        read
    }

    fn value(&mut self, out: ZvalOut, depth: usize) -> Option<()> {
        match self.byte()? {
            encoding::NULL => {}
            encoding::FALSE => out.bool(false),
            encoding::TRUE => out.bool(true),
            encoding::INT => out.int(self.int()?),
            encoding::FLOAT => {
                let (number, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                out.float(f64::from_le_bytes(*number));
            }
            encoding::STRING => out.string(self.bytes()?),
            encoding::ARRAY => self.array(out, depth + 1)?,
            _ => return None,
        }
        Some(())
    }
}
