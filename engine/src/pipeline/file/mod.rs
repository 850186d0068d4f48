//! `velocity.yml`, version 1, as VelocityCache has it: project, remote, packages and tasks. Every problem is reported
//! with its line, all of them at once. `${NAME}` is expanded in `remote` only: a `$` in a command belongs to the shell,
//! where the original expanded the whole file. Pure; any thread.
//!
//! # Layout
//!
//! * `parse`: nodes to values, with `reader` for the types of keys; `remote`: the section of that name.
//! * [`pattern`]: patterns of inputs and outputs; [`problem`]: a problem with its line.

mod parse;
pub mod pattern;
pub mod problem;
mod reader;
mod remote;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use parse::parse;
pub use pattern::Pattern;
pub use problem::Problem;
pub use remote::Remote;

/// Name of the file.
pub const FILE_NAME: &str = "velocity.yml";

/// The content of the file.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    /// `project_id`: part of every key, so that projects of one store stay apart.
    pub project_id: String,
    /// `remote`.
    pub remote: Remote,
    /// `packages`: patterns of directories, with their lines.
    pub packages: Vec<(Pattern, u64)>,
    /// `pipeline`: tasks by name; `package#task` stands for the task of one package.
    pub tasks: BTreeMap<String, Task>,
}

/// One task of `pipeline`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The line of its name.
    pub line: u64,
    /// `command`, for `/bin/sh -c`. `None`: the task only groups those it depends on.
    pub command: Option<String>,
    /// `inputs`; `None`: all files of the package.
    pub inputs: Option<Vec<Pattern>>,
    /// `outputs`: paths and patterns inside the package, sorted.
    pub outputs: Vec<String>,
    /// `depends_on`, sorted.
    pub depends_on: Vec<Dependency>,
    /// `env_keys`: names of variables, sorted.
    pub env_keys: Vec<String>,
}

/// An entry of `depends_on`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// `task`: of the same package.
    Same(String),
    /// `^task`: of the packages that the package depends on.
    Upstream(String),
    /// `package#task`.
    Of(String, String),
}

impl Pipeline {
    /// The task of a package that is known by these names.
    pub fn task<'a>(
        &self,
        name: &str,
        mut package: impl Iterator<Item = &'a str>,
    ) -> Option<&Task> {
        let own = package.find_map(|package| self.tasks.get(&format!("{package}#{name}")));
        own.or_else(|| self.tasks.get(name))
    }

    /// Whether any package has the task.
    #[must_use]
    pub fn has_task(&self, name: &str) -> bool {
        let of_package =
            |known: &String| known.rsplit_once('#').is_some_and(|(_, own)| own == name);
        self.tasks.contains_key(name) || self.tasks.keys().any(of_package)
    }

    /// The names of all tasks, without packages.
    pub fn task_names(&self) -> impl Iterator<Item = &str> {
        self.tasks.keys().map(|known| {
            known
                .rsplit_once('#')
                .map_or(known.as_str(), |(_, own)| own)
        })
    }
}
