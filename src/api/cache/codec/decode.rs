//! Reads arrays that [`super::encode`] has written. On PHP's threads.

use pillion_engine::cache::encoding::{self, Head, MAX_DEPTH, Reader, Value};

use crate::zend::{hash_table::Key, value_writer::ZvalOut};

/// Converts the bytes of an array. Bytes that [`super::encode`] can't have written end it with `None`.
pub fn array(bytes: &[u8], out: ZvalOut) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let head = reader.head()?;
    elements(&mut reader, head, out, 0)
}

fn elements(reader: &mut Reader<'_>, head: Head, out: ZvalOut, depth: usize) -> Option<()> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let array = out.array(head.count);
    let mut element = Some(());
    for _ in 0..head.count {
        if head.is_list {
            array.push(|out| element = value(reader, out, depth));
        } else {
            let key = match reader.key()? {
                encoding::Key::Name(name) => Key::Name(name),
                encoding::Key::Index(index) => Key::Index(index),
            };
            array.insert_with_key(key, |out| element = value(reader, out, depth));
        }
        element?;
    }
    Some(())
}

fn value(reader: &mut Reader<'_>, out: ZvalOut, depth: usize) -> Option<()> {
    match reader.value()? {
        Value::Null => {}
        Value::Bool(value) => out.bool(value),
        Value::Int(number) => out.int(number),
        Value::Float(number) => out.float(number),
        Value::String(text) => out.string(text),
        Value::Array(head) => elements(reader, head, out, depth + 1)?,
    }
    Some(())
}
