//! Values as `serialize()` of PHP writes them, for the policy `format=php`. Pure functions, on any thread.

use crate::cache::{
    Encoding,
    encoding::{
        ARRAY, FALSE, FLOAT, Head, INT, Key, MAX_DEPTH, NULL, Reader, SERIALIZED, STRING, TRUE,
        Value,
    },
};

/// Returns the text of a value; `None`: the bytes are none.
pub(super) fn serialize(encoding: Encoding, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let word = || <[u8; 8]>::try_from(bytes).ok();
    let value = match encoding {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(i64::from_le_bytes(word()?)),
        FLOAT => Value::Float(f64::from_le_bytes(word()?)),
        STRING => Value::String(bytes),
        SERIALIZED => return Some(bytes.to_vec()),
        ARRAY => {
            let mut reader = Reader::new(bytes);
            let head = reader.head()?;
            put_array(&mut out, &mut reader, head, 0)?;
            return Some(out);
        }
        _ => return None,
    };
    put(&mut out, &mut Reader::new(&[]), value, 0)?;
    Some(out)
}

/// The encoding of a text of `serialize()`; `None`: it is none. JSON begins with other bytes.
pub(super) fn encoding_of(text: &[u8]) -> Option<Encoding> {
    match text {
        b"b:0;" => Some(FALSE),
        [b'N', b';', ..]
        | [
            b'a' | b'b' | b'd' | b'i' | b's' | b'C' | b'E' | b'O',
            b':',
            ..,
        ] => Some(SERIALIZED),
        _ => None,
    }
}

fn put(out: &mut Vec<u8>, reader: &mut Reader<'_>, value: Value<'_>, depth: usize) -> Option<()> {
    match value {
        Value::Null => out.extend(b"N;"),
        Value::Bool(on) => out.extend(format!("b:{};", u8::from(on)).bytes()),
        Value::Int(number) => out.extend(format!("i:{number};").bytes()),
        Value::Float(number) if number.is_nan() => out.extend(b"d:NAN;"),
        Value::Float(number) if number.is_infinite() => {
            let sign = if number < 0.0 { "-" } else { "" };
            out.extend(format!("d:{sign}INF;").bytes());
        }
        Value::Float(number) => out.extend(format!("d:{number:?};").bytes()),
        Value::String(text) => put_string(out, text),
        Value::Array(head) => put_array(out, reader, head, depth)?,
    }
    Some(())
}

fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(format!("s:{}:\"", text.len()).bytes());
    out.extend_from_slice(text);
    out.extend(b"\";");
}

fn put_array(out: &mut Vec<u8>, reader: &mut Reader<'_>, head: Head, depth: usize) -> Option<()> {
    if depth >= MAX_DEPTH {
        return None;
    }
    out.extend(format!("a:{}:{{", head.count).bytes());
    for index in 0..head.count {
        match head.is_list {
            true => out.extend(format!("i:{index};").bytes()),
            false => match reader.key()? {
                Key::Index(index) => out.extend(format!("i:{index};").bytes()),
                Key::Name(name) => put_string(out, name),
            },
        }
        let value = reader.value()?;
        put(out, reader, value, depth + 1)?;
    }
    out.push(b'}');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::json::from_json;

    #[test]
    fn texts_are_those_of_php() {
        for (json, text) in [
            ("null", "N;"),
            ("true", "b:1;"),
            ("-7", "i:-7;"),
            ("1.5", "d:1.5;"),
            ("\"né\"", "s:3:\"né\";"),
            (
                r#"{"a":[1,null],"7":{"b":false}}"#,
                r#"a:2:{s:1:"a";a:2:{i:0;i:1;i:1;N;}i:7;a:1:{s:1:"b";b:0;}}"#,
            ),
        ] {
            let (encoding, bytes) = from_json(json.as_bytes()).unwrap();
            let written = serialize(encoding, &bytes).unwrap();
            assert_eq!(String::from_utf8_lossy(&written), text);
            assert_eq!(encoding_of(&written), Some(SERIALIZED), "{text}");
            assert_eq!(encoding_of(json.as_bytes()), None, "{json}");
        }
        assert_eq!(encoding_of(b"b:0;"), Some(FALSE));
        assert_eq!(
            serialize(FLOAT, &f64::NEG_INFINITY.to_le_bytes()).unwrap(),
            b"d:-INF;"
        );
        assert_eq!(serialize(ARRAY, &[9]), None);
    }
}
