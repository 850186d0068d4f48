//! Reads nodes of the file as values of a type, and gathers the problems. Pure.

use super::problem::Problem;
use crate::{
    config::{
        suggest,
        yaml::{Content, Node},
    },
    error::shorten,
};

/// Problems that are reported; a file with more is not one of this kind.
const MAX_PROBLEMS: usize = 100;
/// Bytes of a value that a message repeats.
const MAX_SHOWN: usize = 80;

/// The problems so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    /// Adds an error at a key: `found` is a noun phrase.
    pub fn error(&mut self, key: &str, line: u64, found: &str, expected: &str) {
        let message = format!("{key}: found {found}; expected {expected}");
        self.push(message, line, true);
    }

    /// Adds an error about the value of a key.
    pub fn invalid(&mut self, key: &str, line: u64, value: &str, why: &str, expected: &str) {
        let found = format!("{:?} ({why})", shorten(value, MAX_SHOWN));
        self.error(key, line, &found, expected);
    }

    /// Adds a remark on a key.
    pub fn warn(&mut self, key: &str, line: u64, text: &str) {
        self.push(format!("{key}: {text}"), line, false);
    }

    fn push(&mut self, message: String, line: u64, is_error: bool) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                line: Some(line),
                message,
                is_error,
            });
        }
    }

    /// The entries of a map; none if the node is empty or something else.
    pub fn map<'a>(&mut self, key: &str, node: &'a Node) -> &'a [(String, u64, Node)] {
        match &node.content {
            Content::Map(entries) => entries,
            Content::Null => &[],
            Content::Text(_) | Content::List(_) => {
                self.error(key, node.line, kind(node), "a section with keys");
                &[]
            }
        }
    }

    /// A text; `None` if the node is empty or something else.
    pub fn text<'a>(&mut self, key: &str, node: &'a Node) -> Option<&'a str> {
        match &node.content {
            Content::Text(text) => Some(text),
            Content::Null => None,
            Content::List(_) | Content::Map(_) => {
                self.error(key, node.line, kind(node), "a text");
                None
            }
        }
    }

    /// The texts of a list with their lines; `None` if the node is empty or something else.
    pub fn list<'a>(&mut self, key: &str, node: &'a Node) -> Option<Vec<(&'a str, u64)>> {
        match &node.content {
            Content::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| match &item.content {
                        Content::Text(text) => Some((text.as_str(), item.line)),
                        _ => {
                            self.error(key, item.line, kind(item), "a text");
                            None
                        }
                    })
                    .collect(),
            ),
            Content::Null => None,
            Content::Text(_) | Content::Map(_) => {
                self.error(key, node.line, kind(node), "a list");
                None
            }
        }
    }

    /// Reports a key that has no effect.
    pub fn unknown(&mut self, section: &str, key: &str, line: u64, known: &[&str]) {
        let dot = if section.is_empty() { "" } else { "." };
        let meant = suggest::closest(key, known.iter().copied());
        let meant = meant.map(|meant| format!("; did you mean {section}{dot}{meant}?"));
        let message = format!(
            "{section}{dot}{}: an unknown key, which has no effect{}",
            shorten(key, MAX_SHOWN),
            meant.unwrap_or_default()
        );
        self.push(message, line, false);
    }

    /// All problems, in the order of lines.
    pub fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}

fn kind(node: &Node) -> &'static str {
    match node.content {
        Content::Null => "nothing",
        Content::Text(_) => "a text",
        Content::List(_) => "a list",
        Content::Map(_) => "a section",
    }
}
