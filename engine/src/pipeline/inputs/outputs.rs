//! The outputs of all tasks of a workspace. A file that a task makes is the input of none: the key of its task covers
//! it, and a key must not depend on whether that task has run yet. Pure.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
};

use globset::GlobMatcher;

use crate::pipeline::{
    file::{Pipeline, pattern},
    workspace::Workspace,
};

/// The outputs.
#[derive(Debug, Default)]
pub struct Outputs {
    paths: HashSet<PathBuf>,
    /// Outputs with wildcards, and the directory of their package.
    patterns: Vec<(PathBuf, GlobMatcher)>,
}

impl Outputs {
    /// The outputs of each task of each package.
    #[must_use]
    pub fn of(pipeline: &Pipeline, workspace: &Workspace) -> Self {
        let mut outputs = Self::default();
        let tasks: BTreeSet<&str> = pipeline.task_names().collect();
        for package in &workspace.packages {
            let names = || package.names.iter().map(String::as_str);
            let tasks = tasks.iter().filter_map(|name| pipeline.task(name, names()));
            for output in tasks.flat_map(|task| &task.outputs) {
                if !pattern::has_wildcard(output) {
                    outputs.paths.insert(package.path.join(output));
                } else if let Ok(matcher) = pattern::matcher(output) {
                    outputs.patterns.push((package.path.clone(), matcher));
                }
            }
        }
        outputs
    }

    /// Whether a task makes the file.
    #[must_use]
    pub fn contain(&self, file: &Path) -> bool {
        let is_below = |path: &Path| self.paths.contains(path);
        file.ancestors().any(is_below)
            || self.patterns.iter().any(|(package, matcher)| {
                file.strip_prefix(package)
                    .is_ok_and(|path| matches_or_below(matcher, path))
            })
    }
}

/// Whether the pattern matches the path, or a directory that has it.
pub(super) fn matches_or_below(matcher: &GlobMatcher, path: &Path) -> bool {
    path.ancestors()
        .any(|path| !path.as_os_str().is_empty() && matcher.is_match(path))
}
