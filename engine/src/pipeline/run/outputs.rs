//! The outputs of a task on the disk: which exist, and their removal before others take their place. A symbolic link is
//! an output itself, and no link above one is followed. Blocking threads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::pipeline::file::pattern;

/// Directories of a pattern that are searched at most.
const MAX_DIRECTORIES: usize = 100_000;

/// The existing outputs of a package, relative to the root, sorted.
///
/// # Errors
/// A directory can't be read, or lies behind a symbolic link.
pub(super) fn existing(
    root: &Path,
    package: &Path,
    outputs: &[String],
) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for output in outputs {
        if pattern::has_wildcard(output) {
            search(root, package, output, &mut found)?;
        } else {
            let path = package.join(output);
            check_parents(root, &path)?;
            if root.join(&path).symlink_metadata().is_ok() {
                found.push(path);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Removes files, links and directories with all that is in them.
///
/// # Errors
/// The system's.
pub(super) fn remove(root: &Path, paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        check_parents(root, path)?;
        let path = root.join(path);
        let removed = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io::Error::new(
                    error.kind(),
                    format!("{}: {error}", path.display()),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a path is one of the outputs, or inside one.
pub(super) fn are(package: &Path, outputs: &[String], path: &Path) -> bool {
    let Ok(inner) = path.strip_prefix(package) else {
        return false;
    };
    outputs.iter().any(|output| {
        if !pattern::has_wildcard(output) {
            return inner.starts_with(output);
        }
        let matcher = pattern::matcher(output);
        matcher.is_ok_and(|matcher| inner.ancestors().any(|path| matcher.is_match(path)))
    })
}

/// The directories before the first wildcard.
fn start_of(output: &str) -> PathBuf {
    let names = output.split('/');
    names
        .take_while(|name| !pattern::has_wildcard(name))
        .collect()
}

fn search(root: &Path, package: &Path, output: &str, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(matcher) = pattern::matcher(output) else {
        return Ok(());
    };
    let start = package.join(start_of(output));
    check_parents(root, &start)?;
    let mut todo = vec![start];
    let mut searched = 0;
    while let Some(directory) = todo.pop() {
        searched += 1;
        if searched > MAX_DIRECTORIES {
            return Err(io::Error::other(format!(
                "{output}: more than {MAX_DIRECTORIES} directories"
            )));
        }
        let entries = match fs::read_dir(root.join(&directory)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            let inner = path.strip_prefix(package).unwrap_or(&path);
            if matcher.is_match(inner) {
                found.push(path);
            } else if entry.file_type()?.is_dir() && entry.file_name() != ".git" {
                todo.push(path);
            }
        }
    }
    Ok(())
}

/// A link in place of a directory would lead out of the package.
fn check_parents(root: &Path, path: &Path) -> io::Result<()> {
    let above: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    for directory in above.into_iter().rev() {
        if root.join(directory).is_symlink() {
            let message = format!("{} is a symbolic link above an output", directory.display());
            return Err(io::Error::other(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn outputs(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn outputs_are_found_and_removed_with_links_kept_apart() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("p/dist/deep")).unwrap();
        fs::create_dir_all(root.join("p/src")).unwrap();
        fs::create_dir_all(root.join("away")).unwrap();
        for file in ["p/dist/deep/a", "p/src/a.map", "p/src/a.js", "away/keep"] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink("../away", root.join("p/link")).unwrap();
        let wanted = outputs(&["dist", "src/*.map", "link", "gone"]);
        let found = existing(root, Path::new("p"), &wanted).unwrap();
        assert_eq!(
            found,
            ["p/dist", "p/link", "p/src/a.map"].map(PathBuf::from)
        );
        remove(root, &found).unwrap();
        assert!(existing(root, Path::new("p"), &wanted).unwrap().is_empty());
        assert!(root.join("away/keep").exists() && root.join("p/src/a.js").exists());
    }

    #[test]
    fn link_above_an_output_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("away/dist")).unwrap();
        symlink("away", root.join("p")).unwrap();
        assert!(existing(root, Path::new("p"), &outputs(&["dist"])).is_err());
        assert!(remove(root, &[PathBuf::from("p/dist")]).is_err());
        assert!(root.join("away/dist").exists());
    }

    #[test]
    fn paths_of_outputs_are_recognized() {
        let wanted = outputs(&["a/dist", "src/*.map"]);
        let is_output = |path: &str| are(Path::new("p/q"), &wanted, Path::new(path));
        assert!(
            ["p/q/a/dist", "p/q/a/dist/x/y", "p/q/src/a.map"]
                .iter()
                .all(|path| is_output(path))
        );
        let others = [
            "p",
            "p/q",
            "p/q/a",
            "p/r",
            "p/q/src/a.js",
            "package.json",
            "p/q/a/dist2",
        ];
        assert!(!others.iter().any(|path| is_output(path)));
    }
}
