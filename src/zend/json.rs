//! An array from PHP as a tree of JSON, bounded in depth and size; what has no place in JSON is told by
//! its path.

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_STRING, IS_TRUE, IS_UNDEF, zval,
};
use pillion_engine::error::Violation;
use serde_json::{Map, Number, Value};

use super::value::{Key, bytes, for_each, type_of};

/// How deep an array from PHP may nest; a request needs three.
const MAX_DEPTH: usize = 16;
/// How many elements an array from PHP may have in all.
const MAX_ELEMENTS: usize = 100_000;

/// An array from PHP as a JSON tree. Lists become arrays, everything else objects.
///
/// # Errors
/// Each value that has no place in JSON, by its path: objects, resources, invalid UTF-8, infinite
/// numbers; or too deep, or too large.
pub fn to_json(table: &HashTable) -> Result<Value, Vec<Violation>> {
    let mut walk = Walk {
        wrong: Vec::new(),
        left: MAX_ELEMENTS,
    };
    let value = walk.table(table, "", 0);
    if walk.wrong.is_empty() {
        Ok(value)
    } else {
        Err(walk.wrong)
    }
}

struct Walk {
    wrong: Vec<Violation>,
    left: usize,
}

impl Walk {
    fn table(&mut self, table: &HashTable, path: &str, depth: usize) -> Value {
        if depth >= MAX_DEPTH {
            return self.refuse(path, "nests too deep");
        }
        let mut is_list = true;
        let mut items = Vec::new();
        for_each(table, |key, value| {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            if self.left == 0 {
                self.refuse(path, "has too many elements");
                return;
            }
            let name = match key {
                Key::Index(index) => {
                    is_list &= usize::try_from(index) == Ok(items.len());
                    index.to_string()
                }
                Key::Name(name) => {
                    is_list = false;
                    String::from_utf8_lossy(name).into_owned()
                }
            };
            let inner = match key {
                Key::Index(index) => format!("{path}[{index}]"),
                Key::Name(_) if path.is_empty() => name.clone(),
                Key::Name(_) => format!("{path}.{name}"),
            };
            let value = self.value(value, &inner, depth + 1);
            items.push((name, value));
        });
        if is_list && !(items.is_empty() && depth == 0) {
            Value::Array(items.into_iter().map(|(_, value)| value).collect())
        } else {
            Value::Object(items.into_iter().collect::<Map<_, _>>())
        }
    }

    fn value(&mut self, value: &zval, path: &str, depth: usize) -> Value {
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
                IS_STRING => match bytes(value).map(std::str::from_utf8) {
                    Some(Ok(text)) => Value::String(text.to_owned()),
                    _ => self.refuse(path, "must be valid UTF-8"),
                },
                IS_ARRAY => match value.value.arr.as_ref() {
                    Some(table) => self.table(table, path, depth),
                    None => Value::Null,
                },
                _ => self.refuse(path, "must be a scalar or an array"),
            }
        }
    }

    fn refuse(&mut self, path: &str, message: &str) -> Value {
        self.wrong.push(Violation {
            field: if path.is_empty() { "request" } else { path }.to_owned(),
            message: message.to_owned(),
        });
        Value::Null
    }
}
