//! The workspace of a `velocity.yml`: its packages and their dependencies, from the manifests of npm, pnpm, yarn and
//! Composer, and its files. Without packages, the workspace is one package. Blocking thread.
//!
//! # Layout
//!
//! * [`tree`]: the files; `members`: which directories are packages; `manifest`: names and dependencies of one.

mod manifest;
mod members;
#[cfg(test)]
mod tests;
pub mod tree;

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use manifest::{Manifest, Need};
use members::Members;
pub use tree::Tree;

use crate::{
    Error, Result,
    pipeline::file::{FILE_NAME, Pattern, Pipeline},
};

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name in messages: of its manifest, else its path. Empty: the workspace is the one package.
    pub name: String,
    /// All its names: npm's, Composer's, and its path.
    pub names: Vec<String>,
    /// Its directory, relative to the root; empty for the root.
    pub path: PathBuf,
    /// Numbers of the packages that it depends on, sorted.
    pub dependencies: Vec<usize>,
}

/// The packages of a workspace.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The directory of `velocity.yml`.
    pub root: PathBuf,
    /// Sorted by path.
    pub packages: Vec<Package>,
    /// All files at the time of the walk.
    pub tree: Tree,
    /// Entries of manifests that have no effect.
    pub warnings: Vec<String>,
}

impl Workspace {
    /// Reads the workspace in `root`, an absolute path. `listed` are the patterns of `velocity.yml`.
    ///
    /// # Errors
    /// A manifest is invalid, two packages have one name, or a dependency on a package of the workspace has none.
    pub fn read(root: &Path, listed: &[(Pattern, u64)]) -> Result<Self> {
        let tree = Tree::read(root)?;
        let top = Manifest::read(root)?;
        let members = Members::find(root, listed, &top)?;
        let mut warnings = members.warnings.clone();
        warnings.extend(members.unmatched(&tree));
        let mut found = Vec::new();
        for (path, is_named) in members.directories(&tree) {
            let manifest = match path.as_os_str().is_empty() {
                true => Manifest::read(root)?,
                false => Manifest::read(&root.join(path))?,
            };
            if manifest.exists || is_named {
                found.push((path.to_owned(), manifest));
            }
        }
        if let (true, Some((_, line))) = (found.is_empty(), listed.first()) {
            return Err(Error::Config(format!(
                "{FILE_NAME}:{line}: packages: found none; expected directories with a package.json or a \
                 composer.json, or named without a wildcard"
            )));
        }
        if found.is_empty() {
            let package = Package {
                name: String::new(),
                names: top.names,
                path: PathBuf::new(),
                dependencies: Vec::new(),
            };
            return Ok(Self {
                root: root.to_owned(),
                packages: vec![package],
                tree,
                warnings,
            });
        }
        let packages = connect(found, &mut warnings)?;
        Ok(Self {
            root: root.to_owned(),
            packages,
            tree,
            warnings,
        })
    }

    /// Warnings about tasks of packages that do not exist.
    #[must_use]
    pub fn unknown_packages(&self, pipeline: &Pipeline) -> Vec<String> {
        let of_packages = pipeline.tasks.iter().filter_map(|(name, task)| {
            let (package, _) = name.rsplit_once('#')?;
            self.find(package).is_none().then_some((name, task.line))
        });
        let warning = |(name, line)| {
            format!("{FILE_NAME}:{line}: pipeline.{name}: there is no such package; no effect")
        };
        of_packages.map(warning).collect()
    }

    /// The package with this name or path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        let path = normal(Path::new(name));
        self.packages.iter().position(|package| {
            package.names.iter().any(|known| known == name) || path.as_ref() == Some(&package.path)
        })
    }
}

/// The packages with their dependencies.
fn connect(found: Vec<(PathBuf, Manifest)>, warnings: &mut Vec<String>) -> Result<Vec<Package>> {
    let mut by_name = BTreeMap::<String, usize>::new();
    let mut by_path = BTreeMap::<PathBuf, usize>::new();
    for (number, (path, manifest)) in found.iter().enumerate() {
        by_path.insert(path.clone(), number);
        for name in &manifest.names {
            let other = by_name
                .insert(name.clone(), number)
                .and_then(|other| found.get(other));
            if let Some((other, _)) = other {
                return Err(Error::Config(format!(
                    "found two packages named {name:?}, in {} and {}; expected one",
                    other.display(),
                    path.display()
                )));
            }
        }
    }
    let mut packages = Vec::new();
    for (number, (path, manifest)) in found.into_iter().enumerate() {
        let shown = if path.as_os_str().is_empty() {
            ".".into()
        } else {
            path.display().to_string()
        };
        let name = manifest.names.first().unwrap_or(&shown).clone();
        let mut dependencies = Vec::new();
        for need in manifest.needs {
            let target = match need {
                Need::Name(needed) => by_name.get(&needed),
                Need::Path(below) => {
                    let target = normal(&path.join(&below));
                    target.and_then(|target| by_path.get(&target))
                }
                Need::Member {
                    name: needed,
                    written,
                } => match by_name.get(&needed) {
                    Some(target) => Some(target),
                    None => {
                        return Err(Error::Config(format!(
                            "{shown}/package.json: {needed}: found {written:?}; expected a package of the workspace, \
                             which has none of this name"
                        )));
                    }
                },
            };
            dependencies.extend(target.copied().filter(|target| *target != number));
        }
        dependencies.sort_unstable();
        dependencies.dedup();
        let mut names = manifest.names;
        if name.contains('#') {
            warnings.push(format!(
                "package {name:?}: its tasks can't be named, because of the #"
            ));
        }
        names.push(shown);
        packages.push(Package {
            name,
            names,
            path,
            dependencies,
        });
    }
    Ok(packages)
}

/// A relative path without `.` and `..`; `None` if it leads out of the workspace.
pub(super) fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}
