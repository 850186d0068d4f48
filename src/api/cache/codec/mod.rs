//! Values of PHP as bytes of the shared cache. Null, booleans, numbers and strings are stored as they are, arrays of
//! them in a compact form; all else as PHP's `serialize()` writes it. Bytes are collected in a buffer of the thread,
//! because PHP may jump over the frames here. On PHP's threads.

mod decode;
mod encode;

use encode::NotPlain;
use ext_php_rs::ffi::{IS_FALSE, zval};
use pillion_engine::{
    Error,
    cache::{CachedValue, Encoding, MAX_VALUE, ValueReader, encoding},
    error::Violation,
};

use crate::{
    thread_state::thread_state,
    zend::{
        arguments::Thrown,
        call,
        hash_table::Key,
        owned::OwnedZval,
        value::{bytes, type_of},
        value_writer::ZvalOut,
    },
};

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

/// Arrays that are walked in a value that PHP serializes.
const MAX_ARRAYS: usize = 1_000_000;

/// Runs `store` with the bytes of a value and their encoding. `store` calls no PHP code. Returns `None` for a value
/// that is too large.
///
/// # Errors
/// PHP can't serialize the value: a closure, an object that refuses; or it has too many levels.
pub fn with_encoded<R>(
    value: &zval,
    store: impl FnOnce(Encoding, &[u8]) -> R,
) -> Result<Option<R>, Thrown> {
    let plain = BUFFER.with(|buffer| {
        buffer.clear();
        encode::put_plain(buffer, value, 0)
    });
    let encoding = match plain {
        Ok(encoding) => encoding,
        Err(NotPlain::TooLarge) => {
            BUFFER.with(shrink);
            return Ok(None);
        }
        Err(NotPlain::Serialize) => {
            if !encode::is_bounded(value, 0, &mut { MAX_ARRAYS }) {
                return Err(too_deep());
            }
            let argument = OwnedZval::new(value);
            let text = call::function("serialize", &[argument]);
            argument.release();
            let text = text?;
            BUFFER.with(|buffer| {
                buffer.clear();
                buffer.extend_from_slice(bytes(text.value()).unwrap_or_default());
            });
            text.release();
            encoding::SERIALIZED
        }
    };
    Ok(BUFFER.with(|buffer| {
        let result = (buffer.len() <= MAX_VALUE).then(|| store(encoding, buffer));
        shrink(buffer);
        result
    }))
}

fn too_deep() -> Thrown {
    Error::InvalidRequest(vec![Violation {
        field: "value".into(),
        message: "found an array that contains itself or has more than 512 levels; expected fewer"
            .into(),
    }])
    .into()
}

fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > MAX_KEPT {
        *buffer = Vec::new();
    }
}

/// The part of a lookup that runs while the value may change: copies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// To PHP's value.
    Done,
    /// To the thread's buffer, in this encoding.
    Buffered(Encoding),
}

/// Copies a value for PHP, in place of what an earlier attempt has left in `out`.
#[inline(always)]
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
                // SAFETY: reserved, and filled by the copy; any bytes are valid.
                unsafe {
                    value.copy_to(buffer.as_mut_ptr());
                    buffer.set_len(value.len());
                }
            });
            return Copied::Buffered(other);
        }
    }
    Copied::Done
}

/// As [`copy`], of bytes that were copied before.
pub fn copy_bytes(encoding: u8, bytes: &[u8], out: ZvalOut) -> Copied {
    let word = bytes.first_chunk().copied().unwrap_or_default();
    match encoding {
        encoding::NULL => out.null(),
        encoding::FALSE => out.bool(false),
        encoding::TRUE => out.bool(true),
        encoding::INT => out.int(i64::from_le_bytes(word)),
        encoding::FLOAT => out.float(f64::from_le_bytes(word)),
        encoding::STRING => out.string(bytes),
        other => {
            BUFFER.with(|buffer| {
                buffer.clear();
                buffer.extend_from_slice(bytes);
            });
            return Copied::Buffered(other);
        }
    }
    Copied::Done
}

/// Converts encoded bytes to a value of PHP. Returns `false` if they are no such value.
///
/// # Errors
/// As [`decode_buffer`].
pub fn decode(encoding: Encoding, bytes: &[u8], out: ZvalOut) -> Result<bool, Thrown> {
    let word = || bytes.try_into().unwrap_or_default();
    match encoding {
        encoding::NULL => out.null(),
        encoding::FALSE => out.bool(false),
        encoding::TRUE => out.bool(true),
        encoding::INT => out.int(i64::from_le_bytes(word())),
        encoding::FLOAT => out.float(f64::from_le_bytes(word())),
        encoding::STRING => out.string(bytes),
        other => {
            BUFFER.with(|buffer| {
                buffer.clear();
                buffer.extend_from_slice(bytes);
            });
            return decode_buffer(other, out);
        }
    }
    Ok(true)
}

/// Returns the values of a future by their keys.
///
/// # Errors
/// PHP code of an object has thrown.
pub fn return_values(values: &[CachedValue], ret: ZvalOut) -> Result<(), Thrown> {
    let array = ret.array(values.len());
    for value in values {
        let mut decoded = Ok(true);
        let key = Key::of_text(&value.key);
        array.insert_with_key(key, |out| {
            decoded = decode(value.encoding, &value.bytes, out);
        });
        decoded?;
    }
    Ok(())
}

/// Converts the thread's buffer to a value of PHP. Returns `false` if the bytes are no such value.
///
/// # Errors
/// PHP code of an object has thrown.
pub fn decode_buffer(encoding: Encoding, out: ZvalOut) -> Result<bool, Thrown> {
    out.null();
    match encoding {
        encoding::ARRAY => Ok(BUFFER.with(|buffer| {
            let decoded = decode::array(buffer, out).is_some();
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
