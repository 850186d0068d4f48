//! Parses a node of the file as the value of a setting: variables expanded, relative paths below the file's directory,
//! lists and maps where the type allows them.

use std::path::Path;

use super::{
    super::{
        sources::ReadEnv,
        types::{MetricList, PathBase, Policy, Value, ValueType, metric, parse_pair, policy},
    },
    expand::expand,
    yaml::{Content, Node},
};
use crate::metrics::application::definition::Definition;

/// The context of all values of a file.
pub(super) struct NodeValues<'a> {
    /// The file's directory.
    pub dir: &'a Path,
    /// Reads an environment variable.
    pub env: ReadEnv<'a>,
}

/// Why a value is refused.
pub(super) struct Refusal {
    /// Line of the wrong entry of a list or a map; `None`: that of the setting.
    pub line: Option<u64>,
    /// The reason, a noun phrase.
    pub reason: String,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { line: None, reason }
    }
}

impl NodeValues<'_> {
    /// Returns the text for messages, and the value or `None` if there is none.
    pub fn parse(
        &self,
        value_type: ValueType,
        node: &Node,
    ) -> (String, Result<Option<Value>, Refusal>) {
        if let (ValueType::Policies, Content::List(_) | Content::Map(_)) =
            (value_type, &node.content)
        {
            return (String::new(), self.policies(node).map(Some));
        }
        if let (ValueType::Metrics, Content::Map(entries)) = (value_type, &node.content) {
            return (String::new(), Ok(Some(self.metrics(entries))));
        }
        let (text, outcome) = self.parse_whole(value_type, node);
        (text, outcome.map_err(Refusal::from))
    }

    fn parse_whole(
        &self,
        value_type: ValueType,
        node: &Node,
    ) -> (String, Result<Option<Value>, String>) {
        match &node.content {
            Content::Null => (String::new(), Ok(None)),
            Content::Text(text) => {
                let outcome = expand(text, self.env).and_then(|text| {
                    let text = text.trim();
                    if text.is_empty() {
                        return Ok(None);
                    }
                    value_type.parse(text, PathBase::File(self.dir)).map(Some)
                });
                (text.clone(), outcome)
            }
            Content::List(_) | Content::Map(_) if value_type == ValueType::PathMap => {
                (String::new(), self.path_map(node).map(Some))
            }
            Content::List(items)
                if matches!(value_type, ValueType::Words(_) | ValueType::Listen) =>
            {
                self.words(value_type, items)
            }
            Content::List(_) => (String::new(), Err("a list".into())),
            Content::Map(_) => (String::new(), Err("a section".into())),
        }
    }

    /// Parses a list of words as if it was written with commas.
    fn words(
        &self,
        value_type: ValueType,
        items: &[Node],
    ) -> (String, Result<Option<Value>, String>) {
        let mut words = Vec::new();
        for item in items {
            match &item.content {
                Content::Text(text) => match expand(text.trim(), self.env) {
                    Ok(word) => words.push(word),
                    Err(reason) => return (text.clone(), Err(reason)),
                },
                _ => return (String::new(), Err("an item that is not a word".into())),
            }
        }
        let text = words.join(", ");
        let outcome = value_type.parse(&text, PathBase::File(self.dir)).map(Some);
        (text, outcome)
    }

    fn path_map(&self, node: &Node) -> Result<Value, String> {
        let text = |node: &Node| match &node.content {
            Content::Text(text) => expand(text.trim(), self.env),
            _ => Err("an item that is not a path".into()),
        };
        let base = PathBase::File(self.dir);
        let mut pairs = Vec::new();
        match &node.content {
            Content::Map(entries) => {
                for (server, _, local) in entries {
                    let server = expand(server, self.env)?;
                    let local = match local.content {
                        Content::Null => server.clone(),
                        _ => text(local)?,
                    };
                    pairs.push(parse_pair(&server, &local, base)?);
                }
            }
            Content::List(items) => {
                for item in items {
                    match ValueType::PathMap.parse(&text(item)?, base)? {
                        Value::PathMap(more) => pairs.extend(more),
                        _ => return Err("an item that is not a path".into()),
                    }
                }
            }
            _ => {}
        }
        if pairs.is_empty() {
            return Err("no path".into());
        }
        Ok(Value::PathMap(pairs))
    }

    /// A map of patterns, or a list of policies: the order counts.
    fn policies(&self, node: &Node) -> Result<Value, Refusal> {
        let at = |line: u64| {
            move |reason| Refusal {
                line: Some(line),
                reason,
            }
        };
        let policies = match &node.content {
            Content::Map(entries) => entries
                .iter()
                .map(|(pattern, line, values)| {
                    self.policy(Some(pattern), values).map_err(at(*line))
                })
                .collect::<Result<_, _>>()?,
            Content::List(items) => items
                .iter()
                .map(|item| self.listed_policy(item).map_err(at(item.line)))
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        Ok(policy::check_list(policies).map(Value::Policies)?)
    }

    fn listed_policy(&self, item: &Node) -> Result<Policy, String> {
        match &item.content {
            Content::Text(text) => policy::parse_entry(&expand(text.trim(), self.env)?),
            _ => self.policy(None, item),
        }
    }

    /// A map of metrics, each with a map of its keys.
    fn metrics(&self, entries: &[(String, u64, Node)]) -> Value {
        let entries = entries
            .iter()
            .map(|(name, line, node)| (Some(*line), "", self.metric(name, node)));
        Value::Metrics(MetricList::of(entries))
    }

    fn metric(&self, name: &str, node: &Node) -> Result<Definition, String> {
        let text = |node: &Node| match &node.content {
            Content::Text(text) => expand(text.trim(), self.env),
            _ => Err("an item that is not a word".into()),
        };
        let Content::Map(keys) = &node.content else {
            return Err(format!("no type in the metric {name:?}"));
        };
        let mut values = Vec::new();
        for (key, _, node) in keys {
            let items = match &node.content {
                Content::Null | Content::Map(_) => Vec::new(),
                Content::Text(_) => vec![text(node)?],
                Content::List(items) => items.iter().map(text).collect::<Result<_, _>>()?,
            };
            values.push((key.clone(), items));
        }
        metric::parse(name, &values)
    }

    /// The policy of a pattern: a map of its values, or its lifetime alone. Without `pattern`, the map has it.
    fn policy(&self, pattern: Option<&str>, node: &Node) -> Result<Policy, String> {
        let mut pattern = pattern.map(|text| expand(text, self.env)).transpose()?;
        let mut values = Vec::new();
        match &node.content {
            Content::Null => {}
            Content::Text(ttl) => values.push(("ttl", expand(ttl.trim(), self.env)?)),
            Content::Map(entries) => {
                for (key, _, value) in entries {
                    let value = match &value.content {
                        Content::Null => continue,
                        Content::Text(text) => expand(text.trim(), self.env)?,
                        _ => return Err(format!("a section in {key}")),
                    };
                    if key == "pattern" && pattern.is_none() {
                        pattern = Some(value);
                    } else {
                        values.push((key.as_str(), value));
                    }
                }
            }
            Content::List(_) => return Err("a list in a policy".into()),
        }
        let values = values.iter().map(|(key, value)| (*key, value.as_str()));
        Policy::parse(&pattern.unwrap_or_default(), values)
    }
}
