//! Parses the YAML file into text values with line numbers. Scalars keep their notation, so that a token of digits
//! keeps its leading zeros and `yes` means the same as in INI. RoadRunner's own sections are parsed and discarded.
//! Size, depth, aliases and events are bounded, because the file may come from an untrusted source.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::super::settings::TABLE;

/// Bytes of a file; larger ones are refused.
pub const MAX_FILE_SIZE: usize = 1 << 20;

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

/// The error of a file that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The line, if it is known.
    pub line: Option<u64>,
    /// The reason.
    pub message: String,
}

/// Parses the sections of a file that may contain settings, in its order. An empty file has none.
///
/// # Errors
/// The file is not YAML, too large, too deep, or its top level is not a map.
pub fn sections(text: &str) -> Result<Vec<(String, Node)>, YamlError> {
    if text.len() > MAX_FILE_SIZE {
        return Err(YamlError {
            line: None,
            message: format!("larger than {MAX_FILE_SIZE} bytes"),
        });
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_events: 50_000,
            max_nodes: 25_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 20_000,
            max_recorded_anchor_bytes: 4 << 20,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
    };
    let top: Top = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error
            .location()
            .map(|at| at.line())
            .filter(|line| *line > 0);
        YamlError {
            line,
            message: short_message(&error.to_string()),
        }
    })?;
    Ok(top
        .0
        .into_iter()
        .map(|(name, node)| (name, node.into_node(text)))
        .collect())
}

/// Returns the parser's message on one line, of bounded length, without the location (reported separately) and without
/// advice to programmers.
fn short_message(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let end = [" at line ", ", set DuplicateKeyPolicy"]
        .iter()
        .filter_map(|rest| first.find(rest))
        .min()
        .unwrap_or(first.len());
    first
        .get(..end)
        .unwrap_or(first)
        .chars()
        .take(200)
        .collect()
}

/// Whether a section may contain settings; others are not held in memory.
fn has_settings(section: &str) -> bool {
    TABLE
        .iter()
        .filter_map(|setting| setting.yaml_path)
        .any(|path| {
            path.strip_prefix(section)
                .is_some_and(|rest| rest.starts_with('.'))
        })
}

struct Top(Vec<(String, Spanned<Raw>)>);

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of sections")
            }

            fn visit_unit<E>(self) -> Result<Top, E> {
                Ok(Top(Vec::new()))
            }

            /// Serde's own message would repeat the text, the content of a file that was named by mistake.
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Top, E> {
                Err(E::custom("a text and not a map of sections"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
                let mut sections = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if has_settings(&name) {
                        sections.push((name, map.next_value()?));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Top(sections))
            }
        }
        deserializer.deserialize_any(TopVisitor)
    }
}

enum Raw {
    Null,
    Text(String),
    /// A number or a boolean: its original notation is cut out of the file afterwards.
    Typed(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

trait IntoNode {
    fn into_node(self, file: &str) -> Node;
}

impl IntoNode for Spanned<Raw> {
    fn into_node(self, file: &str) -> Node {
        let content = match self.value {
            Raw::Null => Content::Null,
            Raw::Text(text) => Content::Text(text),
            Raw::Typed(value) => {
                let span = self.defined.span();
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
            Raw::List(items) => {
                Content::List(items.into_iter().map(|item| item.into_node(file)).collect())
            }
            Raw::Map(entries) => Content::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.value, key.referenced.line(), value.into_node(file)))
                    .collect(),
            ),
        };
        Node {
            content,
            line: self.referenced.line(),
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

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
