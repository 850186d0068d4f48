//! Converts an array from PHP into a JSON tree, bounded in depth and size. Values that JSON cannot represent are errors
//! with their paths. Runs on PHP's threads.

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_STRING, IS_TRUE, IS_UNDEF, zval,
};
use pillion_engine::error::Violation;
use serde_json::{Map, Number, Value};

use super::{
    hash_table::{Key, for_each},
    value::{bytes, type_of},
};

/// Levels of nested arrays; a request needs three.
const MAX_DEPTH: usize = 16;
/// Elements at all levels.
const MAX_ELEMENTS: usize = 100_000;
/// Bytes of all strings and keys. PHP stores a string once that occurs many times; the tree has a copy for each.
const MAX_BYTES: usize = 4 << 20;
/// Errors that are reported one by one.
const MAX_VIOLATIONS: usize = 20;
/// Characters of a key in a path.
const MAX_KEY_CHARS: usize = 60;

/// Converts an array. Lists become arrays, all others objects.
///
/// # Errors
/// Each value that JSON cannot represent, with its path: objects, resources, invalid UTF-8, infinite numbers; or an
/// array that is too deep or too large.
pub fn to_json(table: &HashTable) -> Result<Value, Vec<Violation>> {
    let mut converter = Converter {
        violations: Vec::new(),
        unlisted: 0,
        elements: MAX_ELEMENTS,
        bytes: MAX_BYTES,
    };
    let value = converter.table(table, None);
    if converter.unlisted > 0 {
        converter.violations.push(Violation {
            field: "request".to_owned(),
            message: format!("and {} more that are wrong", converter.unlisted),
        });
    }
    if converter.violations.is_empty() {
        Ok(value)
    } else {
        Err(converter.violations)
    }
}

/// The path of a value: its key, and the path of the array around it. Converted to text only for errors.
#[derive(Clone, Copy)]
struct JsonPath<'a> {
    key: Key<'a>,
    outer: Option<&'a JsonPath<'a>>,
}

impl JsonPath<'_> {
    fn depth(path: Option<&Self>) -> usize {
        path.map_or(0, |path| 1 + Self::depth(path.outer))
    }

    fn to_text(path: Option<&Self>) -> String {
        let Some(path) = path else {
            return String::new();
        };
        let key = path.key;
        let mut path = Self::to_text(path.outer);
        match key {
            Key::Index(index) => path.push_str(&format!("[{index}]")),
            Key::Name(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                // As many bytes as the characters may take, so that a long key is not read whole.
                let start = name.get(..MAX_KEY_CHARS * 4).unwrap_or(name);
                let text = String::from_utf8_lossy(start);
                path.extend(text.chars().take(MAX_KEY_CHARS));
                if text.chars().nth(MAX_KEY_CHARS).is_some() {
                    path.push('…');
                }
            }
        }
        path
    }
}

struct Converter {
    violations: Vec<Violation>,
    // Further violations, which are only counted.
    unlisted: usize,
    // The rest of the bounds. At 0 the conversion ends.
    elements: usize,
    bytes: usize,
}

impl Converter {
    fn table(&mut self, table: &HashTable, at: Option<&JsonPath<'_>>) -> Value {
        if JsonPath::depth(at) >= MAX_DEPTH {
            return self.refuse(at, "nests too deep");
        }
        let mut is_list = true;
        let mut items = Vec::new();
        for_each(table, |key, value| {
            if self.elements == 0 || self.bytes == 0 {
                return;
            }
            self.elements -= 1;
            if self.elements == 0 {
                self.refuse(at, "has too many elements");
                return;
            }
            let here = JsonPath { key, outer: at };
            let name = match key {
                Key::Index(index) => {
                    is_list &= usize::try_from(index) == Ok(items.len());
                    index.to_string()
                }
                Key::Name(name) => {
                    is_list = false;
                    if !self.take(name.len(), &here) {
                        return;
                    }
                    String::from_utf8_lossy(name).into_owned()
                }
            };
            let value = self.value(value, &here);
            items.push((name, value));
        });
        if is_list && !(items.is_empty() && at.is_none()) {
            Value::Array(items.into_iter().map(|(_, value)| value).collect())
        } else {
            Value::Object(items.into_iter().collect::<Map<_, _>>())
        }
    }

    fn value(&mut self, value: &zval, at: &JsonPath<'_>) -> Value {
        let path = Some(at);
        // SAFETY: each union field is read under the type that it belongs to.
        unsafe {
            match type_of(value) {
                IS_NULL | IS_UNDEF => Value::Null,
                IS_FALSE => Value::Bool(false),
                IS_TRUE => Value::Bool(true),
                IS_LONG => Value::Number(value.value.lval.into()),
                IS_DOUBLE => match Number::from_f64(value.value.dval) {
                    Some(number) => Value::Number(number),
                    None => self.refuse(path, "must be a finite number"),
                },
                IS_STRING => {
                    let text = bytes(value).unwrap_or_default();
                    if !self.take(text.len(), at) {
                        return Value::Null;
                    }
                    match std::str::from_utf8(text) {
                        Ok(text) => Value::String(text.to_owned()),
                        Err(_) => self.refuse(path, "must be valid UTF-8"),
                    }
                }
                IS_ARRAY => match value.value.arr.as_ref() {
                    Some(table) => self.table(table, path),
                    None => Value::Null,
                },
                _ => self.refuse(path, "must be a scalar or an array"),
            }
        }
    }

    /// Takes bytes from the bound; `false`, and the end of the conversion, if they exceed it.
    fn take(&mut self, bytes: usize, at: &JsonPath<'_>) -> bool {
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes == 0 {
            self.refuse(
                Some(at),
                &format!("is where the texts of all get longer than {MAX_BYTES} bytes"),
            );
        }
        self.bytes > 0
    }

    fn refuse(&mut self, at: Option<&JsonPath<'_>>, message: &str) -> Value {
        if self.violations.len() >= MAX_VIOLATIONS {
            self.unlisted += 1;
            return Value::Null;
        }
        let path = JsonPath::to_text(at);
        self.violations.push(Violation {
            field: if path.is_empty() {
                "request".to_owned()
            } else {
                path
            },
            message: message.to_owned(),
        });
        Value::Null
    }
}
