//! The file named by `pillion.config`: reads it without blocking on a pipe and up to a size limit, and matches its
//! sections with the table, so that an unknown key is reported with the key that is probably meant.

pub mod expand;
mod node_value;
pub mod yaml;

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::{
    error::{ConfigError, Severity, found},
    setting::{Capability, Setting},
    settings::TABLE,
    sources::Sources,
    types::{Value, suggest, text::shorten},
};
use node_value::NodeValues;
use yaml::{Content, Node};

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
        node_values: NodeValues {
            dir: path.parent().unwrap_or(sources.cwd),
            env: sources.env,
        },
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

/// Keys of RoadRunner in sections that both read.
const FOREIGN_KEYS: &[(&str, &str)] = &[("metrics", "address")];

struct FileWalk<'a> {
    path: &'a Path,
    node_values: NodeValues<'a>,
    values: FileValues,
    unknown_keys: usize,
}

impl FileWalk<'_> {
    fn node(&mut self, path: &str, node: &Node) {
        if let Some((_, setting)) = in_file().find(|(known, _)| *known == path) {
            self.setting(path, setting, node);
            return;
        }
        match &node.content {
            Content::Null => {}
            Content::Map(entries) => {
                for (key, line, value) in entries {
                    if below(path).any(|(known, _)| known == key) {
                        self.node(&format!("{path}.{key}"), value);
                    } else {
                        self.unknown(path, key, *line);
                    }
                }
            }
            Content::Text(_) | Content::List(_) => {
                let capability = below(path)
                    .next()
                    .map_or(Capability::Config, |(_, setting)| setting.capability);
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
        if FOREIGN_KEYS.contains(&(path, key)) {
            return;
        }
        self.unknown_keys += 1;
        if self.unknown_keys > MAX_UNKNOWN_KEYS {
            return;
        }
        // The key of another version of the plugin stands for the one here.
        let formerly = |(known, setting): (&'static str, &'static Setting)| {
            let is_own = setting.yaml_path?.strip_prefix(path)? == format!(".{known}");
            Some((setting.former_key.filter(|_| is_own)?, known))
        };
        let spellings: Vec<(&str, &str)> = below(path)
            .map(|(known, _)| (known, known))
            .chain(below(path).filter_map(formerly))
            .collect();
        let suggestion = suggest::closest(key, spellings.iter().map(|(spelling, _)| *spelling))
            .and_then(|closest| spellings.iter().find(|(spelling, _)| *spelling == closest))
            .map(|(_, known)| format!("; did you mean {path}.{known}?"))
            .unwrap_or_default();
        self.warn(
            self.location(&format!("{path}.{}", shorten(key)), line),
            format!("an unknown setting, which has no effect{suggestion}"),
        );
    }

    /// Adds one warning for all unknown keys beyond the limit.
    fn report_omitted(&mut self) {
        let more = self.unknown_keys.saturating_sub(MAX_UNKNOWN_KEYS);
        if more > 0 {
            self.warn(
                self.path.display().to_string(),
                format!("{more} more unknown settings, which have no effect"),
            );
        }
    }

    fn warn(&mut self, location: String, found: String) {
        self.values.errors.push(ConfigError {
            location,
            value: String::new(),
            found,
            expected: String::new(),
            capability: Capability::Config,
            severity: Severity::Warning,
        });
    }

    fn setting(&mut self, path: &str, setting: &'static Setting, node: &Node) {
        let (shown, outcome) = self.node_values.parse(setting.value_type, node);
        let value = match outcome {
            Ok(None) => return,
            Ok(Some(value)) => Ok(value),
            Err(refusal) => Err(ConfigError::invalid(
                setting,
                self.location(path, refusal.line.unwrap_or(node.line)),
                &shown,
                &refusal.reason,
            )),
        };
        self.values.values.push((setting, node.line, value));
    }

    fn location(&self, path: &str, line: u64) -> String {
        format!("{path} in {} line {line}", self.path.display())
    }
}

/// The settings that a file may set, with their paths.
fn in_file() -> impl Iterator<Item = (&'static str, &'static Setting)> {
    TABLE
        .iter()
        .filter_map(|setting| Some((setting.yaml_path?, setting)))
}

/// The keys of a section, once for each setting that is inside.
fn below(section: &str) -> impl Iterator<Item = (&'static str, &'static Setting)> {
    in_file().filter_map(move |(path, setting)| {
        let rest = path.strip_prefix(section)?.strip_prefix('.')?;
        Some((rest.split('.').next()?, setting))
    })
}
