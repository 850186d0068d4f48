//! The file named by `pillion.config`: reads it without blocking on a pipe and up to a size limit, and matches its
//! sections with the table, so that an unknown key is reported with the key that is probably meant.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    error::{ConfigError, Severity, found},
    expand::expand,
    paths,
    sources::Sources,
    suggest,
    table::{Capability, Setting, TABLE},
    text::shorten,
    value::Value,
    value_type::{PathBase, ValueType},
    yaml::{self, Content, Node},
};

/// Reads a configuration file from disk; the usual [`Sources::read_file`].
///
/// # Errors
/// The system's error; also if it is no regular file, too large, or not UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(yaml::MAX_FILE_SIZE as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > yaml::MAX_FILE_SIZE {
        return Err(io::Error::other(format!(
            "larger than {} bytes",
            yaml::MAX_FILE_SIZE
        )));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("not UTF-8 text"))
}

/// Unknown keys of a file that are reported one by one.
const MAX_UNKNOWN_KEYS: usize = 20;

/// The settings of a file.
#[derive(Default)]
pub(super) struct FileValues {
    /// Setting, line, and its value or error.
    pub values: Vec<(&'static Setting, u64, Result<Value, ConfigError>)>,
    /// Errors of the file as a whole, and unknown keys.
    pub errors: Vec<ConfigError>,
}

impl FileValues {
    pub(super) fn find(&self, setting: &Setting) -> Option<(u64, &Result<Value, ConfigError>)> {
        self.values
            .iter()
            .find(|(known, ..)| known.name == setting.name)
            .map(|(_, line, value)| (*line, value))
    }
}

/// Loads the file at `path`. `location` is that of the setting that names it.
pub(super) fn load(path: &Path, location: &str, sources: &Sources<'_>) -> FileValues {
    let mut walk = FileWalk {
        path,
        dir: path
            .parent()
            .map_or_else(|| sources.cwd.to_owned(), Path::to_owned),
        env: sources.env,
        values: FileValues::default(),
        unknown_keys: 0,
    };
    let unusable = |location: String, value: String, reason: String, expected: &str| ConfigError {
        location,
        found: found(&value, &reason),
        value,
        expected: expected.into(),
        capability: Capability::Config,
        severity: Severity::Error,
    };
    match (sources.read_file)(path) {
        Err(error) => walk.values.errors.push(unusable(
            location.into(),
            shorten(&path.to_string_lossy()),
            format!("can't be read: {error}"),
            "a YAML file that this user may read",
        )),
        Ok(text) => match yaml::sections(&text) {
            Err(error) => walk.values.errors.push(unusable(
                match error.line {
                    Some(line) => format!("{} line {line}", path.display()),
                    None => path.display().to_string(),
                },
                String::new(),
                format!("invalid YAML ({})", error.message),
                "YAML with the section velox",
            )),
            Ok(sections) => {
                for (name, node) in sections {
                    walk.node(&name, &node);
                }
                walk.report_omitted();
            }
        },
    }
    walk.values
}

struct FileWalk<'a> {
    path: &'a Path,
    dir: PathBuf,
    env: &'a dyn Fn(&str) -> Option<String>,
    values: FileValues,
    unknown_keys: usize,
}

impl FileWalk<'_> {
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
                self.values.errors.push(ConfigError {
                    location: self.location(path, node.line),
                    value: String::new(),
                    found: "a value".into(),
                    expected: "a section with keys".into(),
                    capability,
                    severity: Severity::Error,
                });
            }
        }
    }

    fn unknown(&mut self, path: &str, key: &str, line: u64) {
        self.unknown_keys += 1;
        if self.unknown_keys > MAX_UNKNOWN_KEYS {
            return;
        }
        let prefix = format!("{path}.");
        let known: Vec<String> = in_file()
            .filter_map(|setting| setting.yaml_path().strip_prefix(&prefix).map(str::to_owned))
            .filter_map(|rest| rest.split('.').next().map(str::to_owned))
            .collect();
        let suggestion = suggest::closest(key, known.iter().map(String::as_str))
            .map(|known| format!("; did you mean {path}.{known}?"))
            .unwrap_or_default();
        self.values.errors.push(ConfigError {
            location: self.location(&format!("{path}.{}", shorten(key)), line),
            value: String::new(),
            found: format!("an unknown setting, which has no effect{suggestion}"),
            expected: String::new(),
            capability: Capability::Config,
            severity: Severity::Warning,
        });
    }

    /// Adds one warning for all unknown keys beyond the limit.
    fn report_omitted(&mut self) {
        let more = self.unknown_keys.saturating_sub(MAX_UNKNOWN_KEYS);
        if more > 0 {
            self.values.errors.push(ConfigError {
                location: self.path.display().to_string(),
                value: String::new(),
                found: format!("{more} more unknown settings, which have no effect"),
                expected: String::new(),
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
            Err(reason) => Err(ConfigError::invalid(
                setting,
                self.location(&setting.yaml_path(), node.line),
                &shown,
                &reason,
            )),
        };
        self.values.values.push((setting, node.line, value));
    }

    /// Returns the text for messages, and the value or `None` if there is none.
    fn value(&self, setting: &Setting, node: &Node) -> (String, Result<Option<Value>, String>) {
        match &node.content {
            Content::Null => (String::new(), Ok(None)),
            Content::Text(text) => {
                let outcome = expand(text, self.env).and_then(|text| {
                    let text = text.trim();
                    if text.is_empty() {
                        return Ok(None);
                    }
                    setting
                        .value_type
                        .parse(text, PathBase::File(&self.dir))
                        .map(Some)
                });
                (text.clone(), outcome)
            }
            Content::List(_) | Content::Map(_) if setting.value_type == ValueType::PathMap => {
                (String::new(), self.path_map(node).map(Some))
            }
            Content::List(items) if matches!(setting.value_type, ValueType::Words(_)) => {
                self.words(setting.value_type, items)
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
        let outcome = value_type.parse(&text, PathBase::File(&self.dir)).map(Some);
        (text, outcome)
    }

    fn path_map(&self, node: &Node) -> Result<Value, String> {
        let text = |node: &Node| match &node.content {
            Content::Text(text) => expand(text.trim(), self.env),
            _ => Err("an item that is not a path".into()),
        };
        let base = PathBase::File(&self.dir);
        let mut pairs = Vec::new();
        match &node.content {
            Content::Map(entries) => {
                for (server, _, local) in entries {
                    let server = expand(server, self.env)?;
                    let local = match local.content {
                        Content::Null => server.clone(),
                        _ => text(local)?,
                    };
                    pairs.push(paths::parse_pair(&server, &local, base)?);
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

    fn location(&self, path: &str, line: u64) -> String {
        format!("{path} in {} line {line}", self.path.display())
    }
}

fn in_file() -> impl Iterator<Item = &'static Setting> {
    TABLE.iter().filter(|setting| setting.is_in_file())
}
