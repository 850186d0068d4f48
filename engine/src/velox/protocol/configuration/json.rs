//! JSON as a caller's values, so that tests can read one request in both ways.

use serde_json::Value;

use super::{Configuration, Given, Name, Table};

#[derive(Debug, Clone, Copy)]
struct Json<'a>(&'a Value);

impl<'a> Table<'a> for Json<'a> {
    fn size(self) -> usize {
        match self.0 {
            Value::Array(list) => list.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        }
    }

    fn elements(self) -> impl Iterator<Item = (Name<'a>, Given<'a, Self>)> {
        let list = self.0.as_array().into_iter().flatten();
        let map = self.0.as_object().into_iter().flatten();
        let items = (0..).map(Name::Index).zip(list);
        let fields = map.map(|(name, value)| (Name::Text(name.as_bytes()), value));
        items
            .chain(fields)
            .map(|(name, value)| (name, given(value)))
    }
}

fn given(value: &Value) -> Given<'_, Json<'_>> {
    match value {
        Value::Null => Given::Null,
        Value::Bool(flag) => Given::Flag(*flag),
        Value::Number(_) => Given::Other,
        Value::String(text) => Given::Text(text.as_bytes()),
        // PHP has empty lists only.
        Value::Object(map) if map.is_empty() => Given::Other,
        Value::Array(_) | Value::Object(_) => Given::Table(Json(value)),
    }
}

impl<'a> Configuration<'a> {
    /// [`Configuration::read`] of JSON.
    #[must_use]
    pub fn read_json(value: &'a Value) -> Option<Self> {
        Self::read(Json(value))
    }
}
