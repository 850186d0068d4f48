//! All artifacts of a directory. Files of other programs are not seen, so no cleaning removes them. Blocking threads.

use std::{
    fs::{self, DirEntry},
    io,
    path::Path,
    time::SystemTime,
};

use super::shard;
use crate::remote::object::ObjectName;

/// Directories between the root and a file.
const DEPTH: usize = 3;

/// A file of the directory.
pub(super) struct Walked<'a> {
    pub(super) path: &'a Path,
    pub(super) name: ObjectName,
    /// The time of the last use.
    pub(super) used: SystemTime,
    pub(super) bytes: u64,
}

/// Calls `each` for all artifacts.
///
/// # Errors
/// The root can't be read. Other directories that can't be read are left out.
pub(super) fn walk(root: &Path, each: &mut dyn FnMut(&Walked<'_>)) -> io::Result<()> {
    for namespace in fs::read_dir(root)?.flatten() {
        for_each_entry(&namespace, &mut |space| {
            let directory = [text(&namespace), text(space)].join("/");
            // Any key shows whether it is a directory of artifacts.
            if ObjectName::parse(&format!("{directory}/0")).is_none() {
                return;
            }
            for_each_entry(space, &mut |of_shard| {
                for_each_entry(of_shard, &mut |file| {
                    visit(&directory, &text(of_shard), file, each);
                });
            });
        });
    }
    Ok(())
}

fn visit(directory: &str, of_shard: &str, file: &DirEntry, each: &mut dyn FnMut(&Walked<'_>)) {
    let Some(name) = ObjectName::parse(&format!("{directory}/{}", text(file))) else {
        return;
    };
    // Without metadata: removed meanwhile.
    let (true, Ok(found)) = (shard(&name) == of_shard, file.metadata()) else {
        return;
    };
    let (true, Ok(used)) = (found.is_file(), found.modified()) else {
        return;
    };
    each(&Walked {
        path: &file.path(),
        name,
        used,
        bytes: found.len(),
    });
}

/// Removes an artifact, and its directories if they are empty then. Returns whether it was there.
pub(super) fn remove(path: &Path) -> bool {
    let is_removed = fs::remove_file(path).is_ok();
    if is_removed {
        // Fails where there is a file; an upload creates them again.
        let _ = path
            .ancestors()
            .skip(1)
            .take(DEPTH)
            .try_for_each(fs::remove_dir);
    }
    is_removed
}

fn for_each_entry(directory: &DirEntry, each: &mut dyn FnMut(&DirEntry)) {
    // A link is no directory.
    if !directory.file_type().is_ok_and(|kind| kind.is_dir()) {
        return;
    }
    let path = directory.path();
    match fs::read_dir(&path) {
        Ok(entries) => entries.flatten().for_each(|entry| each(&entry)),
        Err(error) => log::debug!(path = path.display().to_string(), error:%; "directory not read"),
    }
}

fn text(entry: &DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}
