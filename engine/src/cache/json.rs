//! Converts values between their [`encoding`] and JSON, as `json_encode` and `json_decode` to arrays do, without PHP.
//! Exact: integers of 64 bits and floats come back as they were, and a float stays one (`1.0`). Pure functions, on any
//! thread.

mod elements;
mod parse;
#[cfg(test)]
mod tests;

use super::{
    Encoding,
    encoding::{self, Head, Key, MAX_DEPTH, Reader, Value},
};

pub use parse::from_json;

/// Why a value can't be JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// PHP has serialized it.
    #[error(
        "the value is a text of serialize(): it has an object or a reference, or a policy says so"
    )]
    Serialized,
    /// JSON has no such number.
    #[error("the value contains a number that is infinite or NAN")]
    Float,
    /// JSON has Unicode only.
    #[error("the value contains a string or a key that is not UTF-8")]
    Utf8,
    /// Bytes that no value has.
    #[error("the value is damaged")]
    Damaged,
}

/// A text that is no JSON, or has more than [`MAX_DEPTH`] levels, or a number beyond those of a float.
#[derive(Debug, thiserror::Error)]
#[error("no JSON: {0}")]
pub struct InvalidJson(#[from] serde_json::Error);

/// Returns a value as JSON. A list is an array, another array an object, and the empty one `[]`.
///
/// # Errors
/// JSON has no such value; or the bytes are none.
pub fn to_json(encoding: Encoding, bytes: &[u8]) -> Result<Vec<u8>, NotJson> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let word = || <[u8; 8]>::try_from(bytes).map_err(|_| NotJson::Damaged);
    match encoding {
        encoding::NULL => put_json(&mut out, &()),
        encoding::FALSE => put_json(&mut out, &false),
        encoding::TRUE => put_json(&mut out, &true),
        encoding::INT => put_json(&mut out, &i64::from_le_bytes(word()?)),
        encoding::FLOAT => put_float(&mut out, f64::from_le_bytes(word()?))?,
        encoding::STRING => put_text(&mut out, bytes)?,
        encoding::ARRAY => {
            let mut reader = Reader::new(bytes);
            let head = reader.head().ok_or(NotJson::Damaged)?;
            put_array(&mut out, &mut reader, head, 0)?;
            if !reader.is_at_end() {
                return Err(NotJson::Damaged);
            }
        }
        encoding::SERIALIZED => return Err(NotJson::Serialized),
        _ => return Err(NotJson::Damaged),
    }
    Ok(out)
}

fn put_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // A vector accepts all bytes, and these values are all JSON.
    let _ = serde_json::to_writer(out, value);
}

fn put_float(out: &mut Vec<u8>, number: f64) -> Result<(), NotJson> {
    if !number.is_finite() {
        return Err(NotJson::Float);
    }
    put_json(out, &number);
    Ok(())
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), NotJson> {
    let text = std::str::from_utf8(text).map_err(|_| NotJson::Utf8)?;
    put_json(out, &text);
    Ok(())
}

fn put_array(
    out: &mut Vec<u8>,
    reader: &mut Reader<'_>,
    head: Head,
    depth: usize,
) -> Result<(), NotJson> {
    if depth >= MAX_DEPTH {
        return Err(NotJson::Damaged);
    }
    let is_list = head.is_list || head.count == 0;
    out.push(if is_list { b'[' } else { b'{' });
    for element in 0..head.count {
        if element > 0 {
            out.push(b',');
        }
        if !is_list {
            match reader.key().ok_or(NotJson::Damaged)? {
                Key::Name(name) => put_text(out, name)?,
                Key::Index(index) => put_json(out, &index.to_string()),
            }
            out.push(b':');
        }
        match reader.value().ok_or(NotJson::Damaged)? {
            Value::Null => put_json(out, &()),
            Value::Bool(value) => put_json(out, &value),
            Value::Int(number) => put_json(out, &number),
            Value::Float(number) => put_float(out, number)?,
            Value::String(text) => put_text(out, text)?,
            Value::Array(head) => put_array(out, reader, head, depth + 1)?,
        }
    }
    out.push(if is_list { b']' } else { b'}' });
    Ok(())
}
