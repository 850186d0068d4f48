//! The nodes of a YAML file: scalars in their original notation, and lines.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// One node with its line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The content.
    pub content: Content,
    /// Line of the value, or of the alias that refers to it.
    pub line: u64,
}

/// The content of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An empty value, or `~`.
    Null,
    /// A scalar in its original notation, without quotes.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with their line, and values, in the order of the file.
    Map(Vec<(String, u64, Node)>),
}

/// A node as serde delivers it.
pub(super) enum Raw {
    Null,
    Text(String),
    /// A number or a boolean: its original notation is cut out of the file afterwards.
    Typed(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

/// Converts a node, and restores the notation of its scalars from the text of the file.
pub(super) fn with_notation(node: Spanned<Raw>, file: &str) -> Node {
    let content = match node.value {
        Raw::Null => Content::Null,
        Raw::Text(text) => Content::Text(text),
        Raw::Typed(value) => {
            let span = node.defined.span();
            let written = span
                .byte_offset()
                .zip(span.byte_len())
                .and_then(|(start, len)| {
                    let start = usize::try_from(start).ok()?;
                    file.get(start..start.checked_add(usize::try_from(len).ok()?)?)
                })
                .map(str::trim)
                .filter(|text| !text.is_empty() && !text.contains(['"', '\'', '\n']));
            Content::Text(written.map_or(value, str::to_owned))
        }
        Raw::List(items) => Content::List(
            items
                .into_iter()
                .map(|item| with_notation(item, file))
                .collect(),
        ),
        Raw::Map(entries) => Content::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.value, key.referenced.line(), with_notation(value, file)))
                .collect(),
        ),
    };
    Node {
        content,
        line: node.referenced.line(),
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

macro_rules! typed {
    ($($visit:ident: $type:ty),+) => {$(
        fn $visit<E>(self, value: $type) -> Result<Raw, E> {
            Ok(Raw::Typed(value.to_string()))
        }
    )+};
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    typed!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
