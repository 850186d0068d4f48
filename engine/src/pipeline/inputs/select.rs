//! Selects the input files of a task: those that a pattern matches, or that are in a directory that it matches, without
//! the outputs of all tasks. Reads no files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use globset::GlobMatcher;

use super::outputs::{Outputs, matches_or_below};
use crate::pipeline::{
    file::{Pattern, pattern},
    workspace::{Tree, tree::File},
};

/// The compiled `inputs` of a task in one package.
#[derive(Debug)]
pub struct Selection {
    positive: Vec<Rule>,
    negative: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// The directory that the pattern is relative to.
    base: PathBuf,
    /// The part of the path before the first wildcard, below the root.
    start: PathBuf,
    /// `None`: all files.
    matcher: Option<GlobMatcher>,
    written: String,
}

impl Rule {
    fn new(package: &Path, pattern: &Pattern) -> Result<Self, String> {
        let mut base = package.to_owned();
        let mut text = pattern.text.as_str();
        while let Some(rest) = text.strip_prefix("../").or((text == "..").then_some(".")) {
            if !base.pop() {
                return Err(format!(
                    "inputs has {:?}, which leads out of the workspace",
                    pattern.text
                ));
            }
            text = rest;
        }
        let literal = text
            .split('/')
            .take_while(|name| !pattern::has_wildcard(name));
        let start = literal
            .filter(|name| *name != ".")
            .fold(base.clone(), |mut path, name| {
                path.push(name);
                path
            });
        let matcher = match text {
            "." | "**" | "**/*" => None,
            text => Some(pattern::matcher(text)?),
        };
        Ok(Self {
            base,
            start,
            matcher,
            written: pattern.written(),
        })
    }

    fn matches(&self, path: &Path) -> bool {
        let Ok(path) = path.strip_prefix(&self.base) else {
            return false;
        };
        let matcher = self.matcher.as_ref();
        matcher.is_none_or(|matcher| matches_or_below(matcher, path))
    }

    /// A path that differs in case only from the part before the first wildcard.
    fn in_other_case<'a>(&self, tree: &'a Tree) -> Option<&'a Path> {
        let wanted = lower(&self.start);
        let mut all = tree
            .files
            .iter()
            .map(|file| &file.path)
            .chain(&tree.directories);
        all.find(|path| **path != self.start && lower(path) == wanted)
            .map(PathBuf::as_path)
    }
}

impl Selection {
    /// Compiles the patterns of a package; `None` stands for all files of the package.
    ///
    /// # Errors
    /// A pattern leads out of the workspace.
    pub fn new(package: &Path, patterns: Option<&[Pattern]>) -> Result<Self, String> {
        let all = [Pattern {
            text: ".".into(),
            is_negative: false,
        }];
        let patterns = patterns.unwrap_or(&all);
        let rules = |is_negative: bool| -> Result<Vec<Rule>, String> {
            let chosen = patterns
                .iter()
                .filter(|pattern| pattern.is_negative == is_negative);
            chosen.map(|pattern| Rule::new(package, pattern)).collect()
        };
        Ok(Self {
            positive: rules(false)?,
            negative: rules(true)?,
        })
    }

    /// Where the files may be.
    pub fn starts(&self) -> Vec<PathBuf> {
        self.positive
            .iter()
            .map(|rule| rule.start.clone())
            .collect()
    }

    /// The files, sorted by path.
    #[must_use]
    pub fn files<'a>(&self, tree: &'a Tree, outputs: &Outputs) -> Vec<&'a File> {
        let mut found = BTreeMap::new();
        for rule in &self.positive {
            for file in tree.below(&rule.start).iter().chain(tree.file(&rule.start)) {
                let is_taken_out = || self.negative.iter().any(|rule| rule.matches(&file.path));
                if rule.matches(&file.path) && !is_taken_out() && !outputs.contain(&file.path) {
                    found.insert(&file.path, file);
                }
            }
        }
        found.into_values().collect()
    }

    /// The patterns that add files, as written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.positive.iter().map(|rule| rule.written.as_str())
    }

    /// The patterns that add none of `files`.
    #[must_use]
    pub fn unused<'a>(&'a self, tree: &'a Tree, files: &[&File]) -> Vec<Unused<'a>> {
        let unused = |rule: &&Rule| !files.iter().any(|file| rule.matches(&file.path));
        let unused = self.positive.iter().filter(unused);
        unused
            .map(|rule| Unused {
                pattern: &rule.written,
                in_other_case: rule.in_other_case(tree),
            })
            .collect()
    }
}

/// A pattern that adds no file.
#[derive(Debug)]
pub struct Unused<'a> {
    /// As written.
    pub pattern: &'a str,
    /// A path that differs in case only from the part before the first wildcard: on a file system that ignores case,
    /// it would match.
    pub in_other_case: Option<&'a Path>,
}

/// Files that differ in case only, which mean another thing on a file system that ignores case.
#[must_use]
pub fn case_notes(files: &[&File]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut seen = BTreeMap::new();
    for file in files {
        if let Some(other) = seen.insert(lower(&file.path), &file.path) {
            let (other, path) = (other.display(), file.path.display());
            notes.push(format!(
                "inputs has {other} and {path}, which differ in case only"
            ));
        }
    }
    notes
}

fn lower(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let mut files: Vec<File> = paths
            .iter()
            .map(|path| File {
                path: PathBuf::from(path),
                is_link: false,
            })
            .collect();
        files.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        Tree {
            files,
            ..Tree::default()
        }
    }

    fn select(patterns: Option<&[&str]>, paths: &[&str]) -> Vec<String> {
        let patterns: Option<Vec<_>> = patterns.map(|patterns| {
            patterns
                .iter()
                .map(|text| Pattern::parse(text).unwrap())
                .collect()
        });
        let selection = Selection::new(Path::new("p/[a]"), patterns.as_deref()).unwrap();
        let tree = tree(paths);
        let files = selection.files(&tree, &Outputs::default());
        files
            .iter()
            .map(|file| file.path.display().to_string())
            .collect()
    }

    const FILES: [&str; 7] = [
        "p/[a]/src/x.ts",
        "p/[a]/src/deep/y.ts",
        "p/[a]/src/deep/y.test.ts",
        "p/[a]/package.json",
        "p/a/src/x.ts",
        "tsconfig.json",
        "p/shared.json",
    ];

    #[test]
    fn patterns_are_relative_to_the_package() {
        for (patterns, expected) in [
            (&["src/*.ts"][..], &["p/[a]/src/x.ts"][..]),
            (
                &["src/**/*.ts"],
                &[
                    "p/[a]/src/deep/y.test.ts",
                    "p/[a]/src/deep/y.ts",
                    "p/[a]/src/x.ts",
                ],
            ),
            (
                &["src/de*"],
                &["p/[a]/src/deep/y.test.ts", "p/[a]/src/deep/y.ts"],
            ),
            (
                &["src", "!**/*.test.ts", "!src/x.ts"],
                &["p/[a]/src/deep/y.ts"],
            ),
            (
                &["../../tsconfig.json", "../*.json"],
                &["p/shared.json", "tsconfig.json"],
            ),
            (&["package.json", "gone"], &["p/[a]/package.json"]),
            (&[], &[]),
        ] {
            assert_eq!(select(Some(patterns), &FILES), expected, "{patterns:?}");
        }
        assert_eq!(select(None, &FILES).len(), 4);
    }

    #[test]
    fn pattern_out_of_the_workspace_is_refused() {
        let pattern = Pattern::parse("../../../x").unwrap();
        let refused = Selection::new(Path::new("p/a"), Some(&[pattern])).unwrap_err();
        assert!(refused.contains("../../../x"), "{refused}");
    }

    #[test]
    fn case_that_file_systems_treat_differently_is_noted() {
        let patterns = [
            Pattern::parse("Src/**").unwrap(),
            Pattern::parse("b").unwrap(),
        ];
        let selection = Selection::new(Path::new(""), Some(&patterns)).unwrap();
        let mut tree = tree(&["src/a", "b/x", "b/X"]);
        tree.directories = ["b", "src"].map(PathBuf::from).to_vec();
        let files = selection.files(&tree, &Outputs::default());
        let unused = selection.unused(&tree, &files);
        let [unused] = unused.as_slice() else {
            unreachable!("{unused:?}");
        };
        assert_eq!(unused.pattern, "Src/**");
        assert_eq!(unused.in_other_case, Some(Path::new("src")));
        let notes = case_notes(&files);
        assert!(notes[0].contains("b/X and b/x"), "{notes:?}");
    }
}
