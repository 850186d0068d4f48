//! Reads typed fields out of loose JSON, and notes all that is wrong instead of stopping at the
//! first. Field names are accepted in both spellings that protobuf's JSON has. Any thread, no I/O.

use serde_json::{Map, Value};

use crate::error::Violation;

/// The longest text in a request, in bytes.
pub(in crate::velox) const MAX_TEXT: usize = 4096;
/// The longest list in a request.
pub(in crate::velox) const MAX_ITEMS: usize = 1000;

/// One JSON object under inspection, and the place where its violations go.
pub(in crate::velox) struct Fields<'a> {
    object: &'a Map<String, Value>,
    place: Place,
    violations: &'a mut Vec<Violation>,
}

/// Where an object stands in the request. Written out only for a violation.
#[derive(Debug, Clone, Copy)]
pub(in crate::velox) enum Place {
    Top,
    In(&'static str),
    At(&'static str, usize),
}

impl<'a> Fields<'a> {
    pub(in crate::velox) fn new(
        object: &'a Map<String, Value>,
        place: Place,
        violations: &'a mut Vec<Violation>,
    ) -> Self {
        Self {
            object,
            place,
            violations,
        }
    }

    /// The path of a field, as the caller would write it.
    pub(in crate::velox) fn path(&self, name: &str) -> String {
        match self.place {
            Place::Top => name.to_owned(),
            Place::In(outer) => format!("{outer}.{name}"),
            Place::At(list, at) => format!("{list}[{at}].{name}"),
        }
    }

    /// Notes that a field is wrong.
    pub(in crate::velox) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.violations.push(Violation {
            field: self.path(name),
            message: message.into(),
        });
    }

    /// Notes what was found wrong elsewhere.
    pub(in crate::velox) fn extend(&mut self, violations: Vec<Violation>) {
        self.violations.extend(violations);
    }

    /// The value under `snake_case` or `lowerCamelCase`. `null` is absence, as in protobuf's JSON.
    fn value(&mut self, name: &str) -> Option<&'a Value> {
        let snake_value = self.object.get(name);
        let camel_value = name
            .contains('_')
            .then(|| self.object.get(&camel(name)))
            .flatten();
        if snake_value.is_some() && camel_value.is_some() {
            let camel = camel(name);
            self.wrong(
                name,
                format!("given twice, as {name} and as {camel}; leave one out"),
            );
            return None;
        }
        snake_value.or(camel_value).filter(|value| !value.is_null())
    }

    /// A text without the whitespace around it. `None`: absent, or wrong and noted.
    pub(in crate::velox) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.wrong(name, format!("must be a string, not {}", kind(value)));
            return None;
        };
        let text = text.trim();
        if text.len() > MAX_TEXT {
            self.wrong(
                name,
                format!(
                    "must be at most {MAX_TEXT} bytes long, and is {}",
                    text.len()
                ),
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong(name, "must not contain control characters");
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that has to be there and not empty.
    pub(in crate::velox) fn required(&mut self, name: &str) -> Option<String> {
        let before = self.violations.len();
        let text = self.text(name).filter(|text| !text.is_empty());
        if text.is_none() && self.violations.len() == before {
            self.missing(name);
        }
        text
    }

    /// Notes a missing field, in the words that the Velox plugin's clients know.
    pub(in crate::velox) fn missing(&mut self, name: &str) {
        let path = self.path(name);
        self.wrong(name, format!("missing required field: {path}"));
    }

    /// A flag; `false` where absent.
    pub(in crate::velox) fn flag(&mut self, name: &str) -> bool {
        match self.value(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong(name, format!("must be true or false, not {}", kind(other)));
                false
            }
        }
    }

    /// An object's fields. An empty list is an empty object: PHP cannot tell the two apart.
    pub(in crate::velox) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        match self.value(name)? {
            Value::Object(object) => Some(object),
            Value::Array(list) if list.is_empty() => None,
            other => {
                self.wrong(name, format!("must be an object, not {}", kind(other)));
                None
            }
        }
    }

    /// A list of objects, each read by `item`, which gets its fields. `None`: absent, or wrong and noted.
    pub(in crate::velox) fn list<T>(
        &mut self,
        name: &'static str,
        item: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = match self.value(name)? {
            Value::Array(list) => list,
            Value::Object(map)
                if !map.is_empty() && map.keys().all(|key| key.parse::<u64>().is_ok()) =>
            {
                self.wrong(
                    name,
                    "must be a list with the keys 0, 1, 2 and so on; array_values() makes one",
                );
                return None;
            }
            other => {
                self.wrong(name, format!("must be a list, not {}", kind(other)));
                return None;
            }
        };
        if list.len() > MAX_ITEMS {
            self.wrong(
                name,
                format!(
                    "must have at most {MAX_ITEMS} entries, and has {}",
                    list.len()
                ),
            );
            return None;
        }
        let mut out = Vec::with_capacity(list.len());
        for (at, value) in list.iter().enumerate() {
            let empty = Map::new();
            let object = match value {
                Value::Object(object) => object,
                Value::Array(list) if list.is_empty() => &empty,
                other => {
                    self.violations.push(Violation {
                        field: format!("{name}[{at}]"),
                        message: format!("must be an object, not {}", kind(other)),
                    });
                    continue;
                }
            };
            let place = Place::At(name, at);
            out.extend(item(&mut Fields::new(object, place, self.violations)));
        }
        Some(out)
    }
}

/// `module_name` as `moduleName`.
fn camel(snake: &str) -> String {
    let mut parts = snake.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// A JSON value's type, for messages.
pub(in crate::velox) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_name_are_one_field() {
        assert_eq!(camel("module_name"), "moduleName");
        assert_eq!(camel("os"), "os");
        let value = serde_json::json!({"moduleName": " m ", "rr_version": "a", "rrVersion": "b"});
        let mut violations = Vec::new();
        let mut fields = Fields::new(
            value.as_object().unwrap(),
            Place::At("plugins", 2),
            &mut violations,
        );
        assert_eq!(fields.text("module_name").as_deref(), Some("m"));
        assert_eq!(fields.text("rr_version"), None);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, "plugins[2].rr_version");
    }
}
