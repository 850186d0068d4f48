//! The binary behind a `path` answer: a file on the server's file system, which we reach through a
//! configured set of roots. The server may run under another user and its directory may be open to all,
//! so only a regular file below a root is taken, and none that strangers may write. Blocking threads.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Component, Path, PathBuf},
};

use super::{
    error::Trouble,
    executable::{self, HEAD, Unfit},
    open_beneath,
};
use crate::Error;

/// One root: where the server says its files are, and where they are for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::velox) struct PathRoot {
    /// Prefix of the server's paths.
    pub(in crate::velox) server: PathBuf,
    /// The same directory here.
    pub(in crate::velox) local: PathBuf,
}

/// A file that may be copied.
#[derive(Debug)]
pub(in crate::velox) struct Found {
    pub(in crate::velox) file: File,
    pub(in crate::velox) size: u64,
    // When it was written last, to be compared after the copy.
    written: (i64, i64),
}

impl Found {
    /// Whether nobody wrote to it since it was opened: a copy from before and after is no binary that anybody built.
    pub(in crate::velox) fn is_unchanged(&self, path: &str) -> Result<(), Trouble> {
        let now = self.file.metadata();
        let same = |now: &std::fs::Metadata| now.len() == self.size && written(now) == self.written;
        if now.is_ok_and(|now| same(&now)) {
            return Ok(());
        }
        Err(Trouble::Stale(Error::Remote(format!(
            "velox server answered with the file {path}, which was written to while it was copied"
        ))))
    }
}

fn written(metadata: &std::fs::Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// The platform that was asked for, and the largest file that is taken.
#[derive(Debug, Clone, Copy)]
pub(in crate::velox) struct Wanted<'a> {
    pub(in crate::velox) os: &'a str,
    pub(in crate::velox) arch: &'a str,
    pub(in crate::velox) most: u64,
}

/// Finds, opens and checks the file of an answer.
pub(in crate::velox) fn open(
    path: &str,
    roots: &[PathRoot],
    wanted: Wanted<'_>,
) -> Result<Found, Trouble> {
    let (root, relative) = locate(Path::new(path), roots)?;
    let place = root.join(&relative);
    if !root.is_dir() {
        return Err(Trouble::Final(Error::Config(format!(
            "velox.path_map: the server's file {path} would be {}, but {} is no directory here",
            place.display(),
            root.display()
        ))));
    }
    let file =
        open_beneath::open(&root, &relative).map_err(|error| refused(path, &place, error))?;
    let metadata = file
        .metadata()
        .map_err(|error| refused(path, &place, error))?;
    let unfit = |why: &str| {
        Trouble::remote(format!(
            "velox server answered with the file {path}, which can't be used: {why}"
        ))
    };
    if !metadata.is_file() {
        return Err(unfit("it is not a regular file"));
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(unfit(
            "everybody may write to it, so it may be anybody's; mode 0755 or 0644 would be right",
        ));
    }
    let size = metadata.len();
    if size > wanted.most {
        return Err(unfit(&format!(
            "it has {size} bytes, and at most {} are taken",
            wanted.most
        )));
    }
    let head = head(&file).map_err(|error| refused(path, &place, error))?;
    fits(&head, size, wanted, &format!("the file {path}"))?;
    Ok(Found {
        file,
        size,
        written: written(&metadata),
    })
}

/// Checks what was found or received. `what` names it for the message.
pub(in crate::velox) fn fits(
    head: &[u8],
    size: u64,
    wanted: Wanted<'_>,
    what: &str,
) -> Result<(), Trouble> {
    executable::check(head, size, wanted.os, wanted.arch).map_err(|unfit| {
        let text =
            |why: &str| format!("velox server answered with {what}, which can't be used: {why}");
        match unfit {
            Unfit::Wrong(why) => Trouble::remote(text(&why)),
            Unfit::Cut(why) => Trouble::Stale(Error::Remote(text(&why))),
        }
    })
}

/// A file's first bytes.
pub(in crate::velox) fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let mut length = 0;
    while let Some(rest) = head.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(length);
    Ok(head)
}

/// The longest root that the path lies below, and the rest.
pub(in crate::velox) fn locate(
    path: &Path,
    roots: &[PathRoot],
) -> Result<(PathBuf, PathBuf), Trouble> {
    let plain = path.is_absolute()
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if plain {
        let mut best: Option<(usize, PathBuf, PathBuf)> = None;
        for root in roots {
            for server in spellings(root) {
                let Ok(rest) = path.strip_prefix(&server) else {
                    continue;
                };
                let length = server.components().count();
                if !rest.as_os_str().is_empty()
                    && best
                        .as_ref()
                        .is_none_or(|(longest, _, _)| length > *longest)
                {
                    best = Some((length, root.local.clone(), rest.to_owned()));
                }
            }
        }
        if let Some((_, local, rest)) = best {
            return Ok((local, rest));
        }
    }
    let known: Vec<String> = roots
        .iter()
        .map(|root| root.server.display().to_string())
        .collect();
    Err(Trouble::Final(Error::Remote(format!(
        "velox server answered with the path {}, which is below none of the directories in velox.path_map ({})",
        path.display(),
        known.join(", ")
    ))))
}

/// A server on this machine may spell a root without its symbolic links (`/private/tmp` for `/tmp`).
fn spellings(root: &PathRoot) -> Vec<PathBuf> {
    let mut all = vec![root.server.clone()];
    if root.server == root.local
        && let Ok(real) = root.local.canonicalize()
    {
        all.push(real);
    }
    all
}

fn refused(path: &str, place: &Path, error: io::Error) -> Trouble {
    let shared = "the server's directory has to be shared with this host, and velox.path_map has to say where it is";
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => Trouble::Stale(Error::Remote(format!(
            "velox server built {path}, but {} is not there: {shared}",
            place.display()
        ))),
        (io::ErrorKind::PermissionDenied, _) => Trouble::remote(format!(
            "velox server built {path}, but this user may not read {}",
            place.display()
        )),
        (_, Some(libc::ELOOP | libc::EXDEV)) => Trouble::remote(format!(
            "velox server built {path}, but {} leads over a symbolic link, and none is followed",
            place.display()
        )),
        // A name that no file system takes, or a file in the place of a directory: the answer's fault and not ours.
        (
            io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput,
            _,
        ) => Trouble::remote(format!(
            "velox server built {path}, but {} can't be opened: {error}",
            place.display()
        )),
        _ => Trouble::Final(Error::io(format!("opening {}", place.display()), error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const WANTED: Wanted<'_> = Wanted {
        os: "plan9",
        arch: "amd64",
        most: 100,
    };

    fn root(dir: &Path) -> Vec<PathRoot> {
        vec![
            PathRoot {
                server: "/srv".into(),
                local: dir.join("nowhere"),
            },
            PathRoot {
                server: "/srv/tmp".into(),
                local: dir.to_owned(),
            },
        ]
    }

    fn said(result: Result<Found, Trouble>) -> String {
        match result {
            Err(Trouble::Final(error)) => error.to_string(),
            Err(Trouble::Stale(error)) => format!("stale: {error}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_root_leads_to_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/rr"), "12345").unwrap();
        let found = open("/srv/tmp/a/rr", &root(dir.path()), WANTED).unwrap();
        assert_eq!(found.size, 5);
        assert!(said(open("/srv/x/rr", &root(dir.path()), WANTED)).contains("no directory here"));
    }

    #[test]
    fn a_file_that_is_written_to_under_the_copy_is_asked_for_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rr");
        std::fs::write(&path, "12345").unwrap();
        let found = open("/srv/tmp/rr", &root(dir.path()), WANTED).unwrap();
        assert!(found.is_unchanged("/srv/tmp/rr").is_ok());
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(b"x", 2).unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_millis(5))
            .unwrap();
        let changed = found.is_unchanged("/srv/tmp/rr");
        assert!(matches!(&changed, Err(Trouble::Stale(_))), "{changed:?}");
        // Another file under its name is another binary, and this one is whole.
        let found = open("/srv/tmp/rr", &root(dir.path()), WANTED).unwrap();
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::write(&path, "another").unwrap();
        assert!(found.is_unchanged("/srv/tmp/rr").is_ok());
    }

    #[test]
    fn paths_outside_of_every_root_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "/etc/passwd",
            "/srv/tmp/../../etc/passwd",
            "srv/tmp/a",
            "/srv/tmpx/a",
            "",
            "/srv/tmp",
        ] {
            let message = said(open(path, &root(dir.path())[1..], WANTED));
            assert!(message.contains("velox.path_map"), "{path}: {message}");
        }
    }

    #[test]
    fn a_file_is_refused_for_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("open"), "x").unwrap();
        std::fs::set_permissions(at("open"), PermissionsExt::from_mode(0o666)).unwrap();
        std::fs::write(at("large"), [0; 101]).unwrap();
        std::fs::write(at("empty"), "").unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        for (name, words) in [
            ("open", "everybody may write"),
            ("large", "has 101 bytes, and at most 100"),
            (
                "empty",
                "stale: velox server answered with the file /srv/tmp/empty, which can't be used: it is empty",
            ),
            ("dir", "not a regular file"),
            ("link", "symbolic link"),
            ("gone", "stale: velox server built /srv/tmp/gone, but"),
        ] {
            let message = said(open(&format!("/srv/tmp/{name}"), &root(dir.path()), WANTED));
            assert!(message.contains(words), "{name}: {message}");
        }
    }
}
