//! Who wins: INI over environment over the file over the default; and where each value came from.
//! A bad value does not fall through to a lower source: somebody meant something by it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{
    certificates::SystemCertificates,
    cross_checks,
    error::{Problem, Severity},
    file::{self, Entries},
    settings::Settings,
    table::{self, Setting, TABLE},
    value_type::{Origin, Value},
};

/// Where values are read from; injected, so that tests own them.
pub struct Sources<'a> {
    /// An INI entry by its name (`pillion.threads`). `None` where nobody set it. An empty text counts
    /// as unset too, save for settings that can be `off`: PHP hands over `off` as an empty text.
    pub ini: &'a dyn Fn(&str) -> Option<String>,
    /// An environment variable. An empty one counts as unset.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads the file named by `pillion.config`; [`file::read`] in real life.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The working directory, on which a relative `pillion.config` stands.
    pub cwd: &'a Path,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// php.ini, `-d`, or php-fpm's `php_admin_value`.
    Ini,
    /// The environment variable of this name.
    Env(String),
    /// This file.
    Yaml(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ini => f.write_str("INI"),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Yaml(path) => path.display().fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting as it stands, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedValue {
    /// Dotted name.
    pub name: &'static str,
    /// Name in INI.
    pub ini_name: String,
    /// The value, masked where it is secret; empty where it is unset.
    pub value: String,
    /// Where it came from.
    pub source: Source,
    /// It is bad: the default is in [`Settings`] instead, and a [`Problem`] tells why.
    pub is_bad: bool,
}

/// The outcome.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// For the rooms.
    pub settings: Settings,
    /// For people, in the order of the table.
    pub values: Vec<ResolvedValue>,
    /// What is wrong, errors and warnings.
    pub problems: Vec<Problem>,
}

impl Resolved {
    /// Why a capability is off (`velox`, `log`, …); `None`: it is on. What stands on something that is
    /// off is off too.
    #[must_use]
    pub fn capability_off(&self, name: &str) -> Option<&Problem> {
        self.problems.iter().find(|problem| {
            let whose = problem.capability;
            let stands_on = || {
                TABLE
                    .iter()
                    .find(|setting| setting.capability.name() == name)
                    .is_some_and(|setting| setting.capability.needs().contains(&whose))
            };
            problem.severity == Severity::Error && (whose.name() == name || stands_on())
        })
    }

    /// Writes each problem to the log, once the log's own settings are in force.
    pub fn log_problems(&self) {
        for problem in &self.problems {
            let (event, level) = match problem.severity {
                Severity::Error => ("bad setting", log::Level::Error),
                Severity::Warning => ("doubtful setting", log::Level::Warn),
            };
            log::log!(
                target: "pillion::config", level,
                place = problem.place.as_str(),
                value = problem.value.as_str(),
                wrong = problem.wrong.as_str(),
                right = problem.right.as_str(),
                capability = problem.capability.name();
                "{event}"
            );
        }
    }

    /// What is wrong enough to switch something off.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
    }
}

/// A setting with its value and where it came from.
struct Answer {
    setting: &'static Setting,
    value: Result<Option<Value>, Problem>,
    source: Source,
    line: Option<u64>,
}

impl Answer {
    fn place(&self) -> String {
        place(self.setting, &self.source, self.line)
    }

    fn shown(&self) -> ResolvedValue {
        ResolvedValue {
            name: self.setting.name,
            ini_name: self.setting.ini_name(),
            value: match &self.value {
                Ok(value) => value.as_ref().map(Value::to_string).unwrap_or_default(),
                Err(problem) => problem.value.clone(),
            },
            source: self.source.clone(),
            is_bad: self.value.is_err(),
        }
    }
}

/// Exact place of a value, for messages.
fn place(setting: &Setting, source: &Source, line: Option<u64>) -> String {
    match (source, line) {
        (Source::Ini, _) => format!("{} (INI)", setting.ini_name()),
        (Source::Env(name), _) => format!("{name} (environment)"),
        (Source::Yaml(path), Some(line)) => {
            format!("{} in {} line {line}", setting.yaml_path(), path.display())
        }
        (Source::Yaml(path), None) => format!("{} in {}", setting.yaml_path(), path.display()),
        (Source::Default, _) => format!("{} (default)", setting.yaml_path()),
    }
}

/// Resolves all settings. Never fails: what is bad is collected in [`Resolved::problems`].
#[must_use]
pub fn resolve(sources: &Sources<'_>) -> Resolved {
    let mut entries = Entries::default();
    let mut file = PathBuf::new();
    let mut answers: Vec<Answer> = Vec::with_capacity(TABLE.len());
    // The setting that names the file is the table's first.
    for setting in TABLE {
        let answer = from_process(setting, sources)
            .or_else(|| from_file(setting, &entries, &file))
            .unwrap_or_else(|| Answer {
                setting,
                value: Ok(default_of(setting, sources)),
                source: Source::Default,
                line: None,
            });
        if setting.name == table::CONFIG
            && let Ok(Some(Value::Path(path))) = &answer.value
        {
            entries = file::load(path, &answer.place(), sources);
            file.clone_from(path);
        }
        answers.push(answer);
    }
    let find = |name: &str| answers.iter().find(|answer| answer.setting.name == name);
    let mut settings = Settings::gather(&|name| {
        let answer = find(name)?;
        match &answer.value {
            Ok(value) => value.clone(),
            Err(_) => default_of(answer.setting, sources),
        }
    });
    let certificates = SystemCertificates::named(sources.env);
    settings.velox.system_certificates.clone_from(&certificates);
    settings.sentry.system_certificates = certificates;
    let mut problems = entries.problems;
    problems.extend(
        answers
            .iter()
            .filter_map(|answer| answer.value.clone().err()),
    );
    let place = |setting: &Setting| find(setting.name).map(Answer::place).unwrap_or_default();
    problems.extend(cross_checks::check(&settings, &place));
    problems.extend(cross_checks::check_files(
        &settings,
        &place,
        sources.read_file,
    ));
    Resolved {
        settings,
        values: answers.iter().map(Answer::shown).collect(),
        problems,
    }
}

/// INI, else the environment.
fn from_process(setting: &'static Setting, sources: &Sources<'_>) -> Option<Answer> {
    let off = setting.kind.has_off().then_some("off");
    let from_ini = (sources.ini)(&setting.ini_name()).and_then(|text| said(&text, off));
    let (text, source) = match from_ini {
        Some(text) => (text, Source::Ini),
        None => {
            let named = |name: String| {
                let text = (sources.env)(&name).and_then(|text| said(&text, None))?;
                Some((text, Source::Env(name)))
            };
            setting.env_names().into_iter().find_map(named)?
        }
    };
    let value = setting
        .kind
        .read(&text, Origin::Process(sources.cwd))
        .map(Some)
        .map_err(|wrong| Problem::bad(setting, place(setting, &source, None), &text, wrong));
    Some(Answer {
        setting,
        value,
        source,
        line: None,
    })
}

/// The text without white space around it, where any is left.
fn said(text: &str, empty_means: Option<&str>) -> Option<String> {
    match text.trim() {
        "" => empty_means.map(str::to_owned),
        text => Some(text.to_owned()),
    }
}

fn from_file(setting: &'static Setting, entries: &Entries, path: &Path) -> Option<Answer> {
    let (line, value) = entries.find(setting)?;
    Some(Answer {
        setting,
        value: value.clone().map(Some),
        source: Source::Yaml(path.to_owned()),
        line: Some(line),
    })
}

fn default_of(setting: &Setting, sources: &Sources<'_>) -> Option<Value> {
    if setting.name == PATH_MAP {
        let dir = (sources.env)("TMPDIR")
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
            .unwrap_or_else(|| "/tmp".into());
        return Some(Value::PathMap(vec![(dir.clone(), dir)]));
    }
    setting.kind.read(setting.default?, Origin::Table).ok()
}

/// The one setting whose default is the system's affair.
const PATH_MAP: &str = "velox.path_map";
