//! The sources of settings, injected into [`super::resolve()`] so that tests provide their own.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Reads an environment variable; `None` if it is not set.
pub type ReadEnv<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Access to the sources of settings.
pub struct Sources<'a> {
    /// Reads an INI entry by its name (`pillion.threads`); `None` if it is not set. An empty text counts as not set
    /// too, except for settings that can be `off`: PHP passes `off` as an empty text.
    pub ini: &'a dyn Fn(&str) -> Option<String>,
    /// Reads an environment variable. An empty one counts as not set.
    pub env: ReadEnv<'a>,
    /// Reads the file named by `pillion.config`; [`super::file::read`] outside of tests.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The working directory, the base of a relative `pillion.config`.
    pub cwd: &'a Path,
}

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// php.ini, `-d`, or php-fpm's `php_admin_value`.
    Ini,
    /// The environment variable of this name.
    Env(String),
    /// This file.
    Yaml(PathBuf),
    /// Not set anywhere.
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
