//! Resolves the settings: INI over environment over the file over the default. An invalid value does not fall through
//! to a lower source, because it was set on purpose.

use std::path::{Path, PathBuf};

use super::{
    cross_checks,
    error::{ConfigError, Severity},
    file::{self, FileValues},
    resolved::{Resolved, ResolvedValue},
    sections::Values,
    setting::Setting,
    settings::{FILE, Settings, TABLE},
    sources::{Source, Sources},
    types::{PathBase, RefusedMetric, Value},
};

impl Default for Settings {
    /// The settings without any source; the temporary directory is `/tmp`.
    fn default() -> Self {
        resolve(&Sources {
            ini: &|_| None,
            env: &|_| None,
            read_file: &|_| Ok(String::new()),
            cwd: Path::new("/"),
        })
        .settings
    }
}

/// A setting with its value and source.
struct Entry {
    setting: &'static Setting,
    value: Result<Option<Value>, ConfigError>,
    source: Source,
    line: Option<u64>,
}

impl Entry {
    fn location(&self) -> String {
        location(self.setting, &self.source, self.line)
    }

    /// Warnings about entries of the value that are left out.
    fn warnings(&self) -> Vec<ConfigError> {
        let Ok(Some(Value::Metrics(metrics))) = &self.value else {
            return Vec::new();
        };
        let warning = |refused: &RefusedMetric| {
            let line = refused.line.or(self.line);
            let location = location(self.setting, &self.source, line);
            ConfigError {
                severity: Severity::Warning,
                ..ConfigError::invalid(self.setting, location, &refused.text, &refused.reason)
            }
        };
        metrics.refused.iter().map(warning).collect()
    }

    fn display(&self) -> ResolvedValue {
        ResolvedValue {
            name: self.setting.name,
            capability: self.setting.capability,
            ini_name: self.setting.ini_name(),
            value: match &self.value {
                Ok(value) => value.as_ref().map(Value::to_string).unwrap_or_default(),
                Err(error) => error.value.clone(),
            },
            source: self.source.clone(),
            is_invalid: self.value.is_err(),
        }
    }
}

/// Returns the exact location of a value, for messages.
fn location(setting: &Setting, source: &Source, line: Option<u64>) -> String {
    let path = setting.yaml_path.unwrap_or(setting.name);
    match (source, line) {
        (Source::Ini, _) => format!("{} (INI)", setting.ini_name()),
        (Source::Env(name), _) => format!("{name} (environment)"),
        (Source::Yaml(file), Some(line)) => format!("{path} in {} line {line}", file.display()),
        (Source::Yaml(file), None) => format!("{path} in {}", file.display()),
        (Source::Default, _) => format!("{path} (default)"),
    }
}

/// Resolves all settings. Never fails: [`Resolved::errors`] collects the invalid ones.
#[must_use]
pub fn resolve(sources: &Sources<'_>) -> Resolved {
    let mut file_values = FileValues::default();
    let mut file = PathBuf::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(TABLE.len());
    for setting in TABLE {
        let entry = from_process(setting, sources)
            .or_else(|| from_file(setting, &file_values, &file))
            .unwrap_or_else(|| Entry {
                setting,
                value: Ok(default_value(setting, sources)),
                source: Source::Default,
                line: None,
            });
        if setting.name == FILE.name
            && let Ok(Some(Value::Path(path))) = &entry.value
        {
            file_values = file::load(path, &entry.location(), sources);
            file.clone_from(path);
        }
        entries.push(entry);
    }
    let find = |name: &str| entries.iter().find(|entry| entry.setting.name == name);
    let settings = Settings::from_values(&Values {
        find: &|name| {
            let entry = find(name)?;
            match &entry.value {
                Ok(value) => value.clone(),
                Err(_) => default_value(entry.setting, sources),
            }
        },
        env: sources.env,
    });
    let mut errors = file_values.errors;
    errors.extend(entries.iter().filter_map(|entry| entry.value.clone().err()));
    errors.extend(entries.iter().flat_map(Entry::warnings));
    let location = |setting: &Setting| find(setting.name).map(Entry::location).unwrap_or_default();
    errors.extend(cross_checks::check(&settings, &location));
    errors.extend(cross_checks::check_files(
        &settings,
        &location,
        sources.read_file,
    ));
    Resolved {
        settings,
        values: entries.iter().map(Entry::display).collect(),
        errors,
    }
}

/// Returns the value of INI, else of the environment.
fn from_process(setting: &'static Setting, sources: &Sources<'_>) -> Option<Entry> {
    let off = setting.value_type.has_off().then_some("off");
    let from_ini = (sources.ini)(&setting.ini_name()).and_then(|text| non_empty(&text, off));
    let (text, source) = match from_ini {
        Some(text) => (text, Source::Ini),
        None => {
            let read = |name: String| {
                let text = (sources.env)(&name).and_then(|text| non_empty(&text, None))?;
                Some((text, Source::Env(name)))
            };
            setting.env_names().into_iter().find_map(read)?
        }
    };
    let value = setting
        .value_type
        .parse(&text, PathBase::Process(sources.cwd))
        .map(Some)
        .map_err(|reason| {
            ConfigError::invalid(setting, location(setting, &source, None), &text, &reason)
        });
    Some(Entry {
        setting,
        value,
        source,
        line: None,
    })
}

/// Returns the trimmed text, or `empty_means` if it is empty.
fn non_empty(text: &str, empty_means: Option<&str>) -> Option<String> {
    match text.trim() {
        "" => empty_means.map(str::to_owned),
        text => Some(text.to_owned()),
    }
}

fn from_file(setting: &'static Setting, values: &FileValues, path: &Path) -> Option<Entry> {
    let (line, value) = values.find(setting)?;
    Some(Entry {
        setting,
        value: value.clone().map(Some),
        source: Source::Yaml(path.to_owned()),
        line: Some(line),
    })
}

fn default_value(setting: &Setting, sources: &Sources<'_>) -> Option<Value> {
    if let Some(default) = setting.system_default {
        return Some(default(sources.env));
    }
    let default = setting.default?;
    setting.value_type.parse(default, PathBase::Table).ok()
}
