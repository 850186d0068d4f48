//! Writes values of PHP as bytes, in the [`encoding`] of the engine. On PHP's threads.

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_REFERENCE, IS_STRING, IS_TRUE,
    IS_UNDEF, zval,
};

use pillion_engine::cache::{
    Encoding, MAX_VALUE,
    encoding::{self, Head, MAX_DEPTH, put_head, put_int, put_string},
};

use crate::zend::{
    hash_table,
    value::{bytes, deref, table, type_of},
};

/// Why a value is not encoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPlain {
    /// PHP has to serialize it.
    Serialize,
    /// It has more bytes than a value may have: a short array that contains another one twice, and so on, may stand for
    /// any number of bytes.
    TooLarge,
}

/// Appends a value. Returns its encoding.
pub fn put_plain(buffer: &mut Vec<u8>, value: &zval, depth: usize) -> Result<Encoding, NotPlain> {
    if buffer.len() > MAX_VALUE {
        return Err(NotPlain::TooLarge);
    }
    // SAFETY: each union field is read under the type that it belongs to.
    unsafe {
        Ok(match type_of(value) {
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
                let text = bytes(value).unwrap_or_default();
                if depth > 0 {
                    put_string(buffer, text);
                } else {
                    buffer.extend_from_slice(text);
                }
                encoding::STRING
            }
            IS_ARRAY if depth < MAX_DEPTH => {
                let table = value.value.arr.as_ref().ok_or(NotPlain::Serialize)?;
                put_array(buffer, table, depth)?;
                encoding::ARRAY
            }
            // A reference would have to stay one, and may be a cycle.
            _ => return Err(NotPlain::Serialize),
        })
    }
}

fn put_array(buffer: &mut Vec<u8>, table: &HashTable, depth: usize) -> Result<(), NotPlain> {
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
    let head = Head {
        count: count as usize,
        is_list,
    };
    put_head(buffer, head);
    for element in elements {
        if !is_list {
            // SAFETY: as above.
            match unsafe { element.name_bytes() } {
                Some(name) => {
                    buffer.push(encoding::STRING);
                    put_string(buffer, name);
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
        if let Some(place) = buffer.get_mut(at) {
            *place = encoding;
        }
    }
    Ok(())
}

/// Whether PHP can serialize a value without running out of stack: `serialize()` calls itself for each level. Arrays
/// are walked, references followed; one that contains itself has no end of levels. `budget` bounds the work.
pub fn is_bounded(value: &zval, depth: usize, budget: &mut usize) -> bool {
    let value = deref(value);
    let Some(table) = table(value) else {
        return true;
    };
    if depth >= MAX_DEPTH || *budget == 0 {
        return false;
    }
    *budget -= 1;
    // SAFETY: the table is alive, and nothing changes it here.
    let mut elements = unsafe { hash_table::elements(table) };
    elements.all(|element| {
        // SAFETY: as above.
        let inner = unsafe { &*hash_table::follow(element.value) };
        is_bounded(inner, depth + 1, budget)
    })
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
