//! An array from PHP as a tree of JSON, bounded in depth and size; what has no place in JSON is told by
//! its path.

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_STRING, IS_TRUE, IS_UNDEF, zval,
};
use pillion_engine::error::Violation;
use serde_json::{Map, Number, Value};

use super::{
    hash_table::{Key, for_each},
    value::{bytes, type_of},
};

/// How deep an array from PHP may nest; a request needs three.
const MAX_DEPTH: usize = 16;
/// How many elements an array from PHP may have in all.
const MAX_ELEMENTS: usize = 100_000;
/// How many bytes its texts and names may have in all. One long text that stands in it many times costs PHP
/// nothing, and a tree a copy each.
const MAX_BYTES: usize = 4 << 20;
/// How many values that have no place are told one by one.
const MOST_WRONG: usize = 20;
/// How much of a name is told, in letters.
const MOST_NAME: usize = 60;

/// An array from PHP as a JSON tree. Lists become arrays, everything else objects.
///
/// # Errors
/// Each value that has no place in JSON, by its path: objects, resources, invalid UTF-8, infinite
/// numbers; or too deep, or too large.
pub fn to_json(table: &HashTable) -> Result<Value, Vec<Violation>> {
    let mut walk = Walk {
        wrong: Vec::new(),
        unsaid: 0,
        elements: MAX_ELEMENTS,
        bytes: MAX_BYTES,
    };
    let value = walk.table(table, None);
    if walk.unsaid > 0 {
        walk.wrong.push(Violation {
            field: "request".to_owned(),
            message: format!("and {} more that are wrong", walk.unsaid),
        });
    }
    if walk.wrong.is_empty() {
        Ok(value)
    } else {
        Err(walk.wrong)
    }
}

/// Where a value stands: its key, and where the array around it stands. Written out only for what is wrong.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: Key<'a>,
    outer: Option<&'a Place<'a>>,
}

impl Place<'_> {
    fn depth(place: Option<&Self>) -> usize {
        place.map_or(0, |place| 1 + Self::depth(place.outer))
    }

    fn path(place: Option<&Self>) -> String {
        let Some(place) = place else {
            return String::new();
        };
        let mut path = Self::path(place.outer);
        match place.key {
            Key::Index(index) => path.push_str(&format!("[{index}]")),
            Key::Name(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                // As many bytes as the letters may take, so that a long name is not read whole.
                let start = name.get(..MOST_NAME * 4).unwrap_or(name);
                let text = String::from_utf8_lossy(start);
                path.extend(text.chars().take(MOST_NAME));
                if text.chars().nth(MOST_NAME).is_some() {
                    path.push('…');
                }
            }
        }
        path
    }
}

struct Walk {
    wrong: Vec<Violation>,
    // Wrong too, but too many to be told.
    unsaid: usize,
    // What is left of the bounds. At 0 the walk ends.
    elements: usize,
    bytes: usize,
}

impl Walk {
    fn table(&mut self, table: &HashTable, at: Option<&Place<'_>>) -> Value {
        if Place::depth(at) >= MAX_DEPTH {
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
            let here = Place { key, outer: at };
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

    fn value(&mut self, value: &zval, at: &Place<'_>) -> Value {
        let place = Some(at);
        // SAFETY: each union field is read under the type that it belongs to.
        unsafe {
            match type_of(value) {
                IS_NULL | IS_UNDEF => Value::Null,
                IS_FALSE => Value::Bool(false),
                IS_TRUE => Value::Bool(true),
                IS_LONG => Value::Number(value.value.lval.into()),
                IS_DOUBLE => match Number::from_f64(value.value.dval) {
                    Some(number) => Value::Number(number),
                    None => self.refuse(place, "must be a finite number"),
                },
                IS_STRING => {
                    let text = bytes(value).unwrap_or_default();
                    if !self.take(text.len(), at) {
                        return Value::Null;
                    }
                    match std::str::from_utf8(text) {
                        Ok(text) => Value::String(text.to_owned()),
                        Err(_) => self.refuse(place, "must be valid UTF-8"),
                    }
                }
                IS_ARRAY => match value.value.arr.as_ref() {
                    Some(table) => self.table(table, place),
                    None => Value::Null,
                },
                _ => self.refuse(place, "must be a scalar or an array"),
            }
        }
    }

    /// Whether so many bytes more are within the bound; where they are not, the walk ends.
    fn take(&mut self, bytes: usize, at: &Place<'_>) -> bool {
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes == 0 {
            self.refuse(
                Some(at),
                &format!("is where the texts of all get longer than {MAX_BYTES} bytes"),
            );
        }
        self.bytes > 0
    }

    fn refuse(&mut self, at: Option<&Place<'_>>, message: &str) -> Value {
        if self.wrong.len() >= MOST_WRONG {
            self.unsaid += 1;
            return Value::Null;
        }
        let path = Place::path(at);
        self.wrong.push(Violation {
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
