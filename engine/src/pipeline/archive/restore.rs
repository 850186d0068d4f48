//! Creates the entries of an archive below a directory. All of the archive is checked first, so that a refused one
//! changes nothing. Files appear whole, under their names, in place of files and links that were there. Blocking
//! threads.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs::File,
    hash::BuildHasher as _,
    io::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use rustc_hash::FxBuildHasher;

use super::{
    directory::Directory,
    entry::{Entry, EntryPath, Kind},
    reader::{Limits, Reader, refused},
};
use crate::{Error, Result, file_size::without_sigxfsz};

const BLOCK: usize = 128 << 10;

/// The restored content of an archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files, directories and symbolic links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Creates the entries of an archive, which begins at the start of the file or behind a log, below `root`. Replaces
/// files and symbolic links, keeps directories and files that the archive does not have. Permissions are those of the
/// archive; the umask does not count. Bytes behind the archive are not read.
///
/// # Errors
/// [`Error::Io`]: the archive is damaged, breaks a rule or exceeds the limits, and nothing was changed; or a file can't
/// be created, because a directory or a symbolic link is in the way, or the disk is full: created entries stay.
pub fn restore(file: &File, root: &Path, limits: Limits) -> Result<Restored> {
    restore_only(file, root, limits, &|_| true)
}

/// As [`restore`], where an archive with another path than those that `is_expected` accepts is refused: an archive of
/// another machine must not replace more than the outputs of its task.
///
/// # Errors
/// As [`restore`].
pub fn restore_only(
    file: &File,
    root: &Path,
    limits: Limits,
    is_expected: &dyn Fn(&Path) -> bool,
) -> Result<Restored> {
    let opened = Directory::open(root);
    let root =
        opened.map_err(|error| Error::io(format!("restoring into {}", root.display()), error))?;
    let (files, bytes) = check(file, &root, limits, is_expected)?;
    let mut reader = Reader::new(file, limits)?;
    let mut place = Place::new(&root);
    while let Some(entry) = reader.next()? {
        let created = create(&mut reader, &mut place, &entry);
        created.map_err(|error| match error {
            Stop::File(error) => Error::io(format!("restoring {}", entry.path), error),
            Stop::Archive(error) => error,
        })?;
    }
    let left = place.leave_all();
    left.map_err(|error| Error::io("restoring the mode of a directory", error))?;
    Ok(Restored { files, bytes })
}

/// Reads all of the archive. Returns counts of its entries and bytes.
fn check(
    file: &File,
    root: &Directory,
    limits: Limits,
    is_expected: &dyn Fn(&Path) -> bool,
) -> Result<(u64, u64)> {
    let mut reader = Reader::new(file, limits)?;
    let mut folded = HashSet::new();
    let mut is_ambiguous = false;
    while let Some(entry) = reader.next()? {
        if !is_expected(Path::new(OsStr::from_bytes(entry.path.as_bytes()))) {
            return Err(refused("a path that is no output of its task"));
        }
        let hash = FxBuildHasher.hash_one(entry.path.folded());
        is_ambiguous |= !folded.insert(hash);
    }
    // On other file systems such names are apart.
    if is_ambiguous {
        let ignores_case = root.ignores_case();
        if ignores_case.map_err(|error| Error::io("restoring outputs", error))? {
            return Err(refused(
                "names that differ in case only, which are one here",
            ));
        }
    }
    Ok(reader.totals())
}

enum Stop {
    File(io::Error),
    Archive(Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

fn create(reader: &mut Reader<'_>, place: &mut Place<'_>, entry: &Entry) -> Result<(), Stop> {
    let (parent, name) = place.move_to(&entry.path)?;
    match &entry.kind {
        Kind::Directory => place.enter(name, Some(entry.mode))?,
        Kind::Link(target) => parent.create_link(target)?.publish(name)?,
        Kind::File(_) => {
            let temporary = parent.create_temporary()?;
            let mut file = temporary.file()?;
            let mut block = vec![0; BLOCK];
            loop {
                let read = reader.read(&mut block).map_err(Stop::Archive)?;
                let bytes = block.get(..read).unwrap_or_default();
                if bytes.is_empty() {
                    break;
                }
                without_sigxfsz(|| file.write_all(bytes))?;
            }
            temporary.set_mode(entry.mode)?;
            temporary.publish(name)?;
        }
    }
    Ok(())
}

/// The directories that are open, from the root down to that of the last entry.
struct Place<'a> {
    root: &'a Directory,
    open: Vec<Open>,
}

struct Open {
    name: OsString,
    directory: Directory,
    /// Set when the directory is left, since it may not be writable.
    mode: Option<u16>,
}

impl<'a> Place<'a> {
    const fn new(root: &'a Directory) -> Self {
        let open = Vec::new();
        Self { root, open }
    }

    /// Leaves and creates directories up to the parent of a path. Returns it with the last name.
    fn move_to<'p>(&mut self, path: &'p EntryPath) -> io::Result<(&Directory, &'p OsStr)> {
        let mut names: Vec<&OsStr> = path.names().collect();
        let last = names.pop().unwrap_or_default();
        let same = self.open.iter().zip(&names);
        let same = same.take_while(|(open, name)| open.name == **name).count();
        while self.open.len() > same {
            self.leave()?;
        }
        for name in names.into_iter().skip(same) {
            self.enter(name, None)?;
        }
        Ok((self.here(), last))
    }

    fn here(&self) -> &Directory {
        self.open.last().map_or(self.root, |open| &open.directory)
    }

    fn enter(&mut self, name: &OsStr, mode: Option<u16>) -> io::Result<()> {
        let directory = self.here().create(name, mode.is_some())?;
        let name = name.to_owned();
        self.open.push(Open {
            name,
            directory,
            mode,
        });
        Ok(())
    }

    fn leave(&mut self) -> io::Result<()> {
        match self.open.pop() {
            Some(Open {
                directory,
                mode: Some(mode),
                ..
            }) => directory.set_mode(mode),
            _ => Ok(()),
        }
    }

    fn leave_all(mut self) -> io::Result<()> {
        while !self.open.is_empty() {
            self.leave()?;
        }
        Ok(())
    }
}
