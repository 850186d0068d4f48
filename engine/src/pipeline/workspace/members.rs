//! The directories of a workspace that are its packages: as `velocity.yml` lists them, else as npm, pnpm, yarn or
//! Composer do in the root, else in the directories that VelocityCache searches. Reads files.

use std::path::Path;

use globset::GlobMatcher;

use super::{manifest::Manifest, tree::Tree};
use crate::{
    Error, Result,
    config::yaml::{self, Content},
    error::IoContext as _,
    host::files,
    pipeline::file::{FILE_NAME, Pattern, pattern},
};

const PNPM_FILE: &str = "pnpm-workspace.yaml";
/// The directories in which the original searches.
const DEFAULTS: [&str; 3] = ["apps/*", "libs/*", "packages/*"];
/// Directories of installed packages, which no pattern matches.
const INSTALLED: &str = "node_modules";

/// One pattern of packages.
pub(super) struct Member {
    matcher: GlobMatcher,
    text: String,
    is_negative: bool,
    /// Its line in `velocity.yml`.
    line: Option<u64>,
}

/// The patterns of a workspace, with warnings about those that can't be used.
pub(super) struct Members {
    list: Vec<Member>,
    /// Patterns that have no effect.
    pub warnings: Vec<String>,
}

impl Members {
    /// The patterns of `velocity.yml`, or of the root's manifests.
    ///
    /// # Errors
    /// A manifest can't be read.
    pub fn find(root: &Path, listed: &[(Pattern, u64)], manifest: &Manifest) -> Result<Self> {
        let mut members = Self {
            list: Vec::new(),
            warnings: Vec::new(),
        };
        if !listed.is_empty() {
            for (pattern, line) in listed {
                members.add(pattern);
                if let Some(member) = members.list.last_mut() {
                    member.line = Some(*line);
                }
            }
            return Ok(members);
        }
        for written in pnpm(root)?.iter().chain(&manifest.members) {
            match Pattern::parse(written) {
                Ok(pattern) if !pattern.text.starts_with("..") => members.add(&pattern),
                Ok(_) => members.warn(written, "outside the workspace"),
                Err(why) => members.warn(written, &why),
            }
        }
        if members.list.is_empty() {
            for written in DEFAULTS {
                Pattern::parse(written)
                    .iter()
                    .for_each(|pattern| members.add(pattern));
            }
        }
        Ok(members)
    }

    fn warn(&mut self, written: &str, why: &str) {
        self.warnings
            .push(format!("packages {written:?}: {why}; no effect"));
    }

    fn add(&mut self, pattern: &Pattern) {
        // The original accepts patterns of manifests too.
        let text = pattern
            .text
            .strip_suffix("/package.json")
            .unwrap_or(&pattern.text);
        if let Ok(matcher) = pattern::matcher(text) {
            self.list.push(Member {
                matcher,
                text: text.to_owned(),
                is_negative: pattern.is_negative,
                line: None,
            });
        }
    }

    /// The directories that match, with `true` where a pattern names one without a wildcard.
    pub fn directories<'a>(&'a self, tree: &'a Tree) -> impl Iterator<Item = (&'a Path, bool)> {
        let root = std::iter::once(Path::new(""));
        let all = root.chain(tree.directories.iter().map(AsRef::as_ref));
        all.filter_map(|path| self.matched(path).map(|is_named| (path, is_named)))
    }

    /// Warnings about patterns of `velocity.yml` that match no directory.
    pub fn unmatched(&self, tree: &Tree) -> Vec<String> {
        let is_unmatched = |member: &&Member| {
            let mut all = tree.directories.iter();
            !member.is_negative
                && member.text != "."
                && !all.any(|path| member.matcher.is_match(path))
        };
        let warning = |member: &Member| {
            let line = member.line?;
            let text = &member.text;
            Some(format!(
                "{FILE_NAME}:{line}: packages: {text:?} matches no directory"
            ))
        };
        let unmatched = self.list.iter().filter(is_unmatched);
        unmatched.filter_map(warning).collect()
    }

    fn matched(&self, path: &Path) -> Option<bool> {
        if path.components().any(|name| name.as_os_str() == INSTALLED) {
            return None;
        }
        let is_root = path.as_os_str().is_empty();
        let matches = |member: &&Member| match is_root {
            // A wildcard never means the root: its tasks often start this program.
            true => member.text == ".",
            false => member.matcher.is_match(path),
        };
        if self
            .list
            .iter()
            .filter(|member| member.is_negative)
            .any(|member| matches(&member))
        {
            return None;
        }
        let mut positive = self
            .list
            .iter()
            .filter(|member| !member.is_negative)
            .filter(matches);
        let first = positive.next()?;
        let is_named = |member: &Member| !pattern::has_wildcard(&member.text);
        Some(is_named(first) || positive.any(is_named))
    }
}

/// The patterns of pnpm.
fn pnpm(root: &Path) -> Result<Vec<String>> {
    let path = root.join(PNPM_FILE);
    let bytes = files::read(&path, yaml::MAX_FILE_SIZE as u64)
        .context(|| format!("reading {}", path.display()))?;
    let Some(bytes) = bytes else {
        return Ok(Vec::new());
    };
    let document = yaml::document(&String::from_utf8_lossy(&bytes)).map_err(|error| {
        let line = error
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        Error::Config(format!(
            "{}{line}: invalid YAML ({})",
            path.display(),
            error.message
        ))
    })?;
    let mut found = Vec::new();
    if let Content::Map(entries) = document.content {
        for (key, _, node) in entries {
            if let ("packages", Content::List(items)) = (key.as_str(), node.content) {
                found.extend(items.into_iter().filter_map(|item| match item.content {
                    Content::Text(text) => Some(text),
                    _ => None,
                }));
            }
        }
    }
    Ok(found)
}
