//! Reads typed fields out of untyped JSON. Collects all violations instead of stopping at the first. Accepts field
//! names in both spellings of protobuf's JSON mapping. No I/O; runs on any thread.

use serde_json::{Map, Value};

use crate::error::Violation;

/// The longest text in a request, in bytes.
pub(super) const MAX_TEXT: usize = 4096;
/// The longest list in a request.
pub(super) const MAX_ITEMS: usize = 1000;

/// One JSON object being read, and the list that collects its violations.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    at: JsonPath,
    violations: &'a mut Vec<Violation>,
}

/// The position of an object in the request. Formatted only for a violation.
#[derive(Debug, Clone, Copy)]
pub(super) enum JsonPath {
    /// The request itself.
    Root,
    /// The object in this field.
    Field(&'static str),
    /// The item of this list, by index.
    Item(&'static str, usize),
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        object: &'a Map<String, Value>,
        at: JsonPath,
        violations: &'a mut Vec<Violation>,
    ) -> Self {
        Self {
            object,
            at,
            violations,
        }
    }

    /// Returns the path of a field in the caller's notation.
    pub(super) fn path(&self, name: &str) -> String {
        match self.at {
            JsonPath::Root => name.to_owned(),
            JsonPath::Field(outer) => format!("{outer}.{name}"),
            JsonPath::Item(list, at) => format!("{list}[{at}].{name}"),
        }
    }

    /// Records a violation of a field.
    pub(super) fn add_violation(&mut self, name: &str, message: impl Into<String>) {
        self.violations.push(Violation {
            field: self.path(name),
            message: message.into(),
        });
    }

    /// Returns the value under `snake_case` or `lowerCamelCase`. `null` counts as absent, as in protobuf's JSON.
    fn value(&mut self, name: &str) -> Option<&'a Value> {
        let snake_value = self.object.get(name);
        let camel_value = name
            .contains('_')
            .then(|| self.object.get(&camel(name)))
            .flatten();
        if snake_value.is_some() && camel_value.is_some() {
            let camel = camel(name);
            self.add_violation(
                name,
                format!("given twice, as {name} and as {camel}; leave one out"),
            );
            return None;
        }
        snake_value.or(camel_value).filter(|value| !value.is_null())
    }

    /// Returns a trimmed text, or `None` if it is absent or invalid (then with a violation).
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.add_violation(name, format!("must be a string, not {}", type_name(value)));
            return None;
        };
        let text = text.trim();
        if text.len() > MAX_TEXT {
            self.add_violation(
                name,
                format!(
                    "must be at most {MAX_TEXT} bytes long, and is {}",
                    text.len()
                ),
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            self.add_violation(name, "must not contain control characters");
            return None;
        }
        Some(text.to_owned())
    }

    /// Returns a text that must be present and not empty.
    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let before = self.violations.len();
        let text = self.text(name).filter(|text| !text.is_empty());
        if text.is_none() && self.violations.len() == before {
            self.add_missing(name);
        }
        text
    }

    /// Records a missing field, in the wording of the Velox plugin, which its clients match.
    pub(super) fn add_missing(&mut self, name: &str) {
        let path = self.path(name);
        self.add_violation(name, format!("missing required field: {path}"));
    }

    /// Returns a flag; `false` if it is absent.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.value(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.add_violation(
                    name,
                    format!("must be true or false, not {}", type_name(other)),
                );
                false
            }
        }
    }

    /// Returns the fields of an object. An empty list counts as an empty object, because PHP has one type for both.
    pub(super) fn object(&mut self, name: &'static str) -> Option<Fields<'_>> {
        match self.value(name)? {
            Value::Object(object) => {
                Some(Fields::new(object, JsonPath::Field(name), self.violations))
            }
            Value::Array(list) if list.is_empty() => None,
            other => {
                self.add_violation(name, format!("must be an object, not {}", type_name(other)));
                None
            }
        }
    }

    /// Returns a list of objects, each read by `item`, or `None` if it is absent or invalid (then with a violation).
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        item: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = match self.value(name)? {
            Value::Array(list) => list,
            Value::Object(map)
                if !map.is_empty() && map.keys().all(|key| key.parse::<u64>().is_ok()) =>
            {
                self.add_violation(
                    name,
                    "must be a list with the keys 0, 1, 2 and so on; array_values() makes one",
                );
                return None;
            }
            other => {
                self.add_violation(name, format!("must be a list, not {}", type_name(other)));
                return None;
            }
        };
        if list.len() > MAX_ITEMS {
            self.add_violation(
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
                        message: format!("must be an object, not {}", type_name(other)),
                    });
                    continue;
                }
            };
            let path = JsonPath::Item(name, at);
            out.extend(item(&mut Fields::new(object, path, self.violations)));
        }
        Some(out)
    }
}

/// Converts `module_name` to `moduleName`.
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

/// Returns the name of a JSON value's type, for messages.
pub(super) fn type_name(value: &Value) -> &'static str {
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
    fn snake_case_and_camel_case_name_the_same_field() {
        assert_eq!(camel("module_name"), "moduleName");
        assert_eq!(camel("os"), "os");
        let value = serde_json::json!({"moduleName": " m ", "rr_version": "a", "rrVersion": "b"});
        let mut violations = Vec::new();
        let mut fields = Fields::new(
            value.as_object().unwrap(),
            JsonPath::Item("plugins", 2),
            &mut violations,
        );
        assert_eq!(fields.text("module_name").as_deref(), Some("m"));
        assert_eq!(fields.text("rr_version"), None);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, "plugins[2].rr_version");
    }
}
