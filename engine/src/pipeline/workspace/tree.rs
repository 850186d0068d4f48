//! The files of a workspace that `.gitignore` does not take out, in one walk for all tasks. Only the workspace's own
//! `.gitignore` files count, up to the root of its repository: a user's global ones would give two hosts two keys.
//! Links are files and not followed. Blocking thread.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use crate::{Error, Result, host::files};

/// Files of a workspace at most.
const MAX_FILES: usize = 1_000_000;
/// Bytes of a `.gitignore` at most.
const MAX_RULES: u64 = 4 << 20;
const RULES_FILE: &str = ".gitignore";
const REPOSITORY: &str = ".git";

/// The files and directories of a workspace; paths are relative to its root.
#[derive(Debug, Default)]
pub struct Tree {
    /// Sorted by bytes.
    pub files: Vec<File>,
    /// Sorted; without the root.
    pub directories: Vec<PathBuf>,
    /// Directories and rules that can't be read, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// A file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is a symbolic link.
    pub is_link: bool,
}

/// The rules of a directory and of those above it.
struct Rules {
    own: Gitignore,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// Whether the path is ignored: the rules of the nearest directory count first.
    fn ignore(self: &Arc<Self>, path: &Path, is_dir: bool) -> bool {
        let mut next = Some(self);
        while let Some(rules) = next {
            match rules.own.matched(path, is_dir) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => next = rules.above.as_ref(),
            }
        }
        false
    }
}

impl Tree {
    /// Reads the whole workspace.
    ///
    /// # Errors
    /// It has more than a million files.
    pub fn read(root: &Path) -> Result<Self> {
        Self::read_paths(root, &[PathBuf::new()])
    }

    /// Reads some files and directories of the workspace, relative to its root; absent ones are left out.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_paths(root: &Path, paths: &[PathBuf]) -> Result<Self> {
        let mut tree = Self::default();
        let mut paths = paths.to_vec();
        paths.sort();
        paths.dedup_by(|next, kept| next.starts_with(kept));
        let mut todo = Vec::new();
        for path in paths {
            let start = root.join(&path);
            let rules = tree.rules_above(root, &start);
            match start.symlink_metadata() {
                Ok(found) if found.is_dir() => todo.push((start, rules)),
                Ok(found) => {
                    if !rules.is_some_and(|rules| rules.ignore(&start, false)) {
                        let is_link = found.is_symlink();
                        tree.files.push(File { path, is_link });
                    }
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => tree.refuse(root, &start, &error),
            }
        }
        while let Some((directory, rules)) = todo.pop() {
            tree.read_directory(root, &directory, rules, &mut todo);
            if tree.files.len() > MAX_FILES {
                return Err(Error::Config(format!(
                    "{}: found more than {MAX_FILES} files; expected build output in .gitignore",
                    root.display()
                )));
            }
        }
        tree.files
            .sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        tree.directories.sort();
        Ok(tree)
    }

    /// The files below a directory, which may be the root.
    pub fn below(&self, directory: &Path) -> &[File] {
        if directory.as_os_str().is_empty() {
            return &self.files;
        }
        let mut prefix = bytes(directory).to_vec();
        prefix.push(b'/');
        let start = self
            .files
            .partition_point(|file| bytes(&file.path) < prefix.as_slice());
        let rest = self.files.get(start..).unwrap_or_default();
        let end = rest.partition_point(|file| bytes(&file.path).starts_with(&prefix));
        rest.get(..end).unwrap_or_default()
    }

    /// The file of this path.
    pub fn file(&self, path: &Path) -> Option<&File> {
        let found = self
            .files
            .binary_search_by(|file| bytes(&file.path).cmp(bytes(path)));
        found.ok().and_then(|at| self.files.get(at))
    }

    /// The rules of all directories above `start`, up to the root of the repository.
    fn rules_above(&mut self, root: &Path, start: &Path) -> Option<Arc<Rules>> {
        let top = root.ancestors().find(|path| path.join(REPOSITORY).exists());
        let top = top.unwrap_or(root);
        let mut directories: Vec<&Path> = start
            .ancestors()
            .skip(1)
            .take_while(|path| path.starts_with(top))
            .collect();
        directories.reverse();
        let mut rules = None;
        for directory in directories {
            rules = self.add_rules(root, directory, rules);
        }
        rules
    }

    fn add_rules(
        &mut self,
        root: &Path,
        directory: &Path,
        above: Option<Arc<Rules>>,
    ) -> Option<Arc<Rules>> {
        let path = directory.join(RULES_FILE);
        let text = match files::read(&path, MAX_RULES) {
            Ok(None) => return above,
            Err(error) if is_absent(&error) => return above,
            Ok(Some(text)) => text,
            // Git does not follow a link here either.
            Err(_) if path.is_symlink() || path.is_dir() => return above,
            Err(error) => {
                self.refuse(root, &path, &error);
                return above;
            }
        };
        let mut builder = GitignoreBuilder::new(directory);
        for line in String::from_utf8_lossy(&text).lines() {
            // Git skips an invalid line as well.
            let _ = builder.add_line(None, line);
        }
        match builder.build() {
            Ok(own) => Some(Arc::new(Rules { own, above })),
            Err(_) => above,
        }
    }

    fn read_directory(
        &mut self,
        root: &Path,
        directory: &Path,
        above: Option<Arc<Rules>>,
        todo: &mut Vec<(PathBuf, Option<Arc<Rules>>)>,
    ) {
        let rules = self.add_rules(root, directory, above);
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(root, directory, &error),
        };
        for entry in entries {
            let (entry, kind) = match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok((kind, entry)) => (entry, kind),
                Err(error) => return self.refuse(root, directory, &error),
            };
            let path = entry.path();
            if entry.file_name() == OsStr::new(REPOSITORY)
                || rules
                    .as_ref()
                    .is_some_and(|rules| rules.ignore(&path, kind.is_dir()))
            {
                continue;
            }
            let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
            if kind.is_dir() {
                self.directories.push(relative);
                todo.push((path, rules.clone()));
            } else if kind.is_file() || kind.is_symlink() {
                self.files.push(File {
                    path: relative,
                    is_link: kind.is_symlink(),
                });
            }
        }
    }

    fn refuse(&mut self, root: &Path, path: &Path, error: &io::Error) {
        let relative = path.strip_prefix(root).unwrap_or(path);
        self.unreadable
            .push((relative.to_owned(), error.to_string()));
    }
}

/// Also if a file is where a directory would be.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotADirectory | NotFound)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn names(files: &[File]) -> Vec<&str> {
        files
            .iter()
            .map(|file| file.path.to_str().unwrap())
            .collect()
    }

    #[test]
    fn ignored_files_are_left_out_at_every_level() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &[
                (".git/config", ""),
                (".gitignore", "*.log\n/outside\n"),
                ("repo/.gitignore", "dist/\n!keep.log\n"),
                ("repo/a/dist/x.js", ""),
                ("repo/a/x.log", ""),
                ("repo/a/keep.log", ""),
                ("repo/a/.gitignore", "local\n"),
                ("repo/a/local", ""),
                ("repo/a-b/local", ""),
                ("repo/a/src/outside", ""),
            ],
        );
        std::os::unix::fs::symlink("a", dir.path().join("repo/link")).unwrap();
        let root = dir.path().join("repo");
        let tree = Tree::read(&root).unwrap();
        assert_eq!(
            names(&tree.files),
            [
                ".gitignore",
                "a-b/local",
                "a/.gitignore",
                "a/keep.log",
                "a/src/outside",
                "link"
            ]
        );
        assert!(tree.files[5].is_link);
        assert_eq!(
            names(tree.below(Path::new("a"))),
            ["a/.gitignore", "a/keep.log", "a/src/outside"]
        );
        let paths = ["a", "a/src", "a/x.log", "link", "gone"].map(PathBuf::from);
        let part = Tree::read_paths(&root, &paths).unwrap();
        assert_eq!(part.files[..3], *tree.below(Path::new("a")));
        assert_eq!(part.files[3..], tree.files[5..]);
    }

    #[test]
    fn unreadable_path_is_named() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[("a", "")]);
        // Longer than a name may be.
        let long = PathBuf::from("n".repeat(300));
        let paths = [PathBuf::from("a/b"), long.clone()];
        let tree = Tree::read_paths(dir.path(), &paths).unwrap();
        assert_eq!(tree.unreadable.len(), 1, "{:?}", tree.unreadable);
        assert_eq!(tree.unreadable[0].0, long);
    }
}
