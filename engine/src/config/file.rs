//! The file named by `pillion.config`: reads it without ever blocking on a pipe or swallowing a huge
//! one, and walks its sections along the table, so that an unknown key is reported with the known one
//! that is likely meant.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    error::{Problem, Severity},
    expand::expand,
    resolve::Sources,
    suggest,
    table::{Capability, Setting, TABLE},
    value_type::{Kind, Origin, Value, path_pair},
    yaml::{self, Content, Node},
};

/// Reads a configuration file from disk; what [`Sources::read_file`] normally is.
///
/// # Errors
/// The system's; also where it is no regular file, is too large, or is not UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(yaml::LARGEST_FILE as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > yaml::LARGEST_FILE {
        return Err(io::Error::other(format!(
            "is larger than {} bytes",
            yaml::LARGEST_FILE
        )));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("is not UTF-8 text"))
}

/// How many unknown keys of a file are told one by one.
const MOST_UNKNOWN_KEYS: usize = 20;

/// What a file says: the value of each setting it names, or why that one is bad.
#[derive(Default)]
pub(super) struct Entries {
    /// Setting, line, and its value or why it is bad.
    pub values: Vec<(&'static Setting, u64, Result<Value, Problem>)>,
    /// What is wrong with the file as a whole, and keys that nobody knows.
    pub problems: Vec<Problem>,
}

impl Entries {
    pub(super) fn find(&self, setting: &Setting) -> Option<(u64, &Result<Value, Problem>)> {
        self.values
            .iter()
            .find(|(known, ..)| known.name == setting.name)
            .map(|(_, line, value)| (*line, value))
    }
}

/// Walks the file at `path`. `place` names the setting that pointed to it.
pub(super) fn load(path: &Path, place: &str, sources: &Sources<'_>) -> Entries {
    let mut walk = Walk {
        path,
        dir: path
            .parent()
            .map_or_else(|| sources.cwd.to_owned(), Path::to_owned),
        env: sources.env,
        entries: Entries::default(),
        unknown_keys: 0,
    };
    let unusable = |place: String, value: String, wrong: String, right: &str| Problem {
        place,
        value,
        wrong,
        right: right.into(),
        capability: Capability::Config,
        severity: Severity::Error,
    };
    match (sources.read_file)(path) {
        Err(error) => walk.entries.problems.push(unusable(
            place.into(),
            Problem::shorten(&path.to_string_lossy()),
            format!("can't be read: {error}"),
            "a YAML file that this user may read",
        )),
        Ok(text) => match yaml::sections(&text) {
            Err(error) => walk.entries.problems.push(unusable(
                match error.line {
                    Some(line) => format!("{} line {line}", path.display()),
                    None => path.display().to_string(),
                },
                String::new(),
                format!("can't be understood: {}", error.message),
                "YAML with the section velox",
            )),
            Ok(sections) => {
                for (name, node) in sections {
                    walk.node(&name, &node);
                }
                walk.tell_of_more();
            }
        },
    }
    walk.entries
}

struct Walk<'a> {
    path: &'a Path,
    dir: PathBuf,
    env: &'a dyn Fn(&str) -> Option<String>,
    entries: Entries,
    unknown_keys: usize,
}

impl Walk<'_> {
    fn node(&mut self, path: &str, node: &Node) {
        if let Some(setting) = in_file().find(|setting| setting.yaml_path() == path) {
            self.setting(setting, node);
            return;
        }
        match &node.content {
            Content::Null => {}
            Content::Map(entries) => {
                for (key, line, value) in entries {
                    let below = format!("{path}.{key}");
                    let section = format!("{below}.");
                    if in_file().any(|setting| {
                        let known = setting.yaml_path();
                        known == below || known.starts_with(&section)
                    }) {
                        self.node(&below, value);
                    } else {
                        self.unknown(path, key, *line);
                    }
                }
            }
            Content::Text(_) | Content::List(_) => {
                let capability = in_file()
                    .find(|setting| setting.yaml_path().starts_with(&format!("{path}.")))
                    .map_or(Capability::Config, |setting| setting.capability);
                self.entries.problems.push(Problem {
                    place: self.place(path, node.line),
                    value: String::new(),
                    wrong: "is no section".into(),
                    right: "keys with values below it".into(),
                    capability,
                    severity: Severity::Error,
                });
            }
        }
    }

    fn unknown(&mut self, path: &str, key: &str, line: u64) {
        self.unknown_keys += 1;
        if self.unknown_keys > MOST_UNKNOWN_KEYS {
            return;
        }
        let prefix = format!("{path}.");
        let known: Vec<String> = in_file()
            .filter_map(|setting| setting.yaml_path().strip_prefix(&prefix).map(str::to_owned))
            .filter_map(|rest| rest.split('.').next().map(str::to_owned))
            .collect();
        let right = match suggest::closest(key, known.iter().map(String::as_str)) {
            Some(meant) => format!("{path}.{meant}: did you mean that?"),
            None => String::new(),
        };
        self.entries.problems.push(Problem {
            place: self.place(&format!("{path}.{}", Problem::shorten(key)), line),
            value: String::new(),
            wrong: "is no known setting, and has no effect".into(),
            right,
            capability: Capability::Config,
            severity: Severity::Warning,
        });
    }

    /// One warning for all unknown keys that have none of their own.
    fn tell_of_more(&mut self) {
        let more = self.unknown_keys.saturating_sub(MOST_UNKNOWN_KEYS);
        if more > 0 {
            self.entries.problems.push(Problem {
                place: self.path.display().to_string(),
                value: String::new(),
                wrong: format!("has {more} more keys that are no known settings"),
                right: String::new(),
                capability: Capability::Config,
                severity: Severity::Warning,
            });
        }
    }

    fn setting(&mut self, setting: &'static Setting, node: &Node) {
        let (shown, outcome) = self.value(setting, node);
        let value = match outcome {
            Ok(None) => return,
            Ok(Some(value)) => Ok(value),
            Err(wrong) => Err(Problem::bad(
                setting,
                self.place(&setting.yaml_path(), node.line),
                &shown,
                wrong,
            )),
        };
        self.entries.values.push((setting, node.line, value));
    }

    /// The value, or `None` where nothing stands; beside it the text for messages.
    fn value(&self, setting: &Setting, node: &Node) -> (String, Result<Option<Value>, String>) {
        match &node.content {
            Content::Null => (String::new(), Ok(None)),
            Content::Text(text) => {
                let outcome = expand(text, self.env).and_then(|text| {
                    let text = text.trim();
                    if text.is_empty() {
                        return Ok(None);
                    }
                    setting.kind.read(text, Origin::File(&self.dir)).map(Some)
                });
                (text.clone(), outcome)
            }
            Content::List(_) | Content::Map(_) if setting.kind == Kind::PathMap => {
                (String::new(), self.path_map(node).map(Some))
            }
            Content::List(items) if matches!(setting.kind, Kind::Words(_)) => {
                self.words(setting.kind, items)
            }
            Content::List(_) => (String::new(), Err("is a list".into())),
            Content::Map(_) => (String::new(), Err("is a section".into())),
        }
    }

    /// A list of words, as if it had been written with commas.
    fn words(&self, kind: Kind, items: &[Node]) -> (String, Result<Option<Value>, String>) {
        let mut words = Vec::new();
        for item in items {
            match &item.content {
                Content::Text(text) => match expand(text.trim(), self.env) {
                    Ok(word) => words.push(word),
                    Err(wrong) => return (text.clone(), Err(wrong)),
                },
                _ => return (String::new(), Err("holds something that is no word".into())),
            }
        }
        let text = words.join(", ");
        let outcome = kind.read(&text, Origin::File(&self.dir)).map(Some);
        (text, outcome)
    }

    fn path_map(&self, node: &Node) -> Result<Value, String> {
        let text = |node: &Node| match &node.content {
            Content::Text(text) => expand(text.trim(), self.env),
            _ => Err("holds something that is not a path".into()),
        };
        let origin = Origin::File(&self.dir);
        let mut pairs = Vec::new();
        match &node.content {
            Content::Map(entries) => {
                for (server, _, local) in entries {
                    let server = expand(server, self.env)?;
                    let local = match local.content {
                        Content::Null => server.clone(),
                        _ => text(local)?,
                    };
                    pairs.push(path_pair(&server, &local, origin)?);
                }
            }
            Content::List(items) => {
                for item in items {
                    match Kind::PathMap.read(&text(item)?, origin)? {
                        Value::PathMap(more) => pairs.extend(more),
                        _ => return Err("holds something that is not a path".into()),
                    }
                }
            }
            _ => {}
        }
        if pairs.is_empty() {
            return Err("names no path".into());
        }
        Ok(Value::PathMap(pairs))
    }

    fn place(&self, path: &str, line: u64) -> String {
        format!("{path} in {} line {line}", self.path.display())
    }
}

fn in_file() -> impl Iterator<Item = &'static Setting> {
    TABLE.iter().filter(|setting| setting.is_in_file())
}
