//! Parses the YAML file into text values with line numbers. Scalars keep their notation, so that a token of digits
//! keeps its leading zeros and `yes` means the same as in INI. RoadRunner's own sections are parsed and discarded.
//! Size, depth, aliases and events are bounded, because the file may come from an untrusted source.

mod node;

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;

use node::Raw;
pub use node::{Content, Node};

use super::super::settings::TABLE;

/// Bytes of a file; larger ones are refused.
pub const MAX_FILE_SIZE: usize = 1 << 20;

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
    let top: Top = parse(text)?;
    Ok(top
        .0
        .into_iter()
        .map(|(name, node)| (name, node::with_notation(node, text)))
        .collect())
}

/// Parses a whole file of another program, within the same limits.
///
/// # Errors
/// The file is not YAML, too large, or too deep.
pub fn document(text: &str) -> Result<Node, YamlError> {
    Ok(node::with_notation(parse(text)?, text))
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, YamlError> {
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
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error
            .location()
            .map(|at| at.line())
            .filter(|line| *line > 0);
        YamlError {
            line,
            message: short_message(&error.to_string()),
        }
    })
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
