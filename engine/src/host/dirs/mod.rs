//! The two directories of the host, resolved after the process has its final user. Both are checked before use: owned
//! by this user (or shared through the group), no symbolic link, closed to other users. Once a process, on the thread
//! that first needs them.

use std::{
    ffi::CString,
    fs::{self, DirBuilder},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use crate::{Error, Result, error::IoContext};

mod run;

/// Sources of the directories.
pub struct DirOptions<'a> {
    /// `pillion.state_dir`.
    pub state_dir: Option<PathBuf>,
    /// `pillion.run_dir`.
    pub run_dir: Option<PathBuf>,
    /// `pillion.group`: the directories are 2770 and belong to it, instead of 0700.
    pub group: Option<String>,
    /// The environment: `STATE_DIRECTORY`, `RUNTIME_DIRECTORY`, `XDG_STATE_HOME`, `HOME`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The system's temporary directory, used if no other works.
    pub temporary: PathBuf,
    /// A directory in memory: `/dev/shm`.
    pub memory: PathBuf,
}

/// The resolved directories; both exist and are checked.
#[derive(Debug, Clone)]
pub struct Dirs {
    /// Outlives a restart of the service.
    pub state: PathBuf,
    /// On tmpfs if there is one.
    pub run: PathBuf,
    /// Directories that processes of this host may have used in place of [`Dirs::run`], and left files in.
    pub other_runs: Vec<PathBuf>,
    /// Logged once: unexpected permissions or locations.
    pub warnings: Vec<String>,
    gid: Option<u32>,
}

impl Dirs {
    /// Finds and creates both directories.
    ///
    /// # Errors
    /// A directory that the settings name can't be created or is not this user's; or no candidate works.
    pub fn resolve(options: &DirOptions<'_>) -> Result<Self> {
        let gid = options.group.as_deref().map(group_id).transpose()?;
        let mut warnings = Vec::new();
        let state = state_dir(options, gid, &mut warnings)?;
        let (run, other_runs) = run::find(options, gid, &state, &mut warnings)?;
        Ok(Self {
            state,
            run,
            other_runs,
            warnings,
            gid,
        })
    }

    /// The id of `pillion.group`, which shares every directory of the host.
    #[must_use]
    pub fn group(&self) -> Option<u32> {
        self.gid
    }

    /// Creates a removed directory again, and checks both. May wait for a disk.
    ///
    /// # Errors
    /// One can't be created, or is not this user's any more.
    pub fn restore(&self) -> Result<()> {
        prepare(&self.state, self.gid)?;
        prepare(&self.run, self.gid).map(drop)
    }
}

fn state_dir(
    options: &DirOptions<'_>,
    gid: Option<u32>,
    warnings: &mut Vec<String>,
) -> Result<PathBuf> {
    if let Some(named) = &options.state_dir {
        return prepare(named, gid).map_err(|error| named_dir("state_dir", &error));
    }
    let uid = effective_uid();
    let home = (options.env)("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from((options.env)("HOME")?).join(".local/state")));
    let candidates = [
        service_dir((options.env)("STATE_DIRECTORY")),
        Some(PathBuf::from(format!("/var/lib/pillion/{uid}"))),
        home.filter(|home| home.is_absolute())
            .map(|home| home.join("pillion")),
    ];
    for candidate in candidates.into_iter().flatten() {
        if let Ok(ready) = prepare(&candidate, gid) {
            return Ok(ready);
        }
    }
    let last = options.temporary.join(format!("pillion-{uid}"));
    warnings.push(format!(
        "state is kept in {}, which services often have emptied: set pillion.state_dir",
        last.display()
    ));
    prepare(&last, gid)
}

/// A directory in the first of a systemd list, which is separated by colons.
fn service_dir(value: Option<String>) -> Option<PathBuf> {
    let first = PathBuf::from(value?.split(':').next()?.to_owned());
    first.is_absolute().then(|| first.join("pillion"))
}

/// Creates the directory if it is absent, and checks it.
fn prepare(path: &Path, gid: Option<u32>) -> Result<PathBuf> {
    if !path.is_absolute() {
        return Err(Error::Config(format!(
            "{} is not an absolute path",
            path.display()
        )));
    }
    let mode = if gid.is_some() { 0o2770 } else { 0o700 };
    if let Some(parent) = path.parent() {
        // Other users may pass through a new parent (`/var/lib/pillion`).
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)
            .context(|| format!("creating {}", parent.display()))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => set_owner(path, gid, mode).context(|| format!("creating {}", path.display()))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io(format!("creating {}", path.display()), error)),
    }
    check(path, gid)?;
    Ok(path.to_owned())
}

fn set_owner(path: &Path, gid: Option<u32>, mode: u32) -> io::Result<()> {
    if let Some(gid) = gid {
        std::os::unix::fs::lchown(path, None, Some(gid))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn check(path: &Path, gid: Option<u32>) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::Config(format!(
            "{} can't be used: {why}",
            path.display()
        )))
    };
    let found = path
        .symlink_metadata()
        .context(|| format!("reading the metadata of {}", path.display()))?;
    if found.is_symlink() {
        return refuse("it is a symbolic link");
    }
    if !found.is_dir() {
        return refuse("it is not a directory");
    }
    let ours = found.uid() == effective_uid();
    match gid {
        Some(gid) if found.gid() != gid => return refuse("it does not belong to pillion.group"),
        None if !ours => {
            return refuse("it belongs to another user; pillion.group lets users share");
        }
        _ => {}
    }
    let others = if gid.is_some() { 0o007 } else { 0o077 };
    if found.mode() & others != 0 {
        return refuse("others may enter it; 0700 (or 2770 with pillion.group) would be right");
    }
    // SAFETY: a path that ends with NUL; no other pointers.
    let writable = CString::new(path.as_os_str().as_bytes())
        .is_ok_and(|c| unsafe { libc::access(c.as_ptr(), libc::W_OK | libc::X_OK) } == 0);
    if !writable {
        return refuse("it is not writable");
    }
    Ok(())
}

fn named_dir(setting: &str, error: &Error) -> Error {
    Error::Config(format!("pillion.{setting}: {error}"))
}

fn group_id(name: &str) -> Result<u32> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.nth(1)?))
        })
        .find(|(group, _)| *group == name)
        .and_then(|(_, id)| id.parse().ok())
        .ok_or_else(|| {
            Error::Config(format!(
                "pillion.group: there is no group {name} in /etc/group; a name or a number would be right"
            ))
        })
}

fn effective_uid() -> u32 {
    // SAFETY: always succeeds.
    unsafe { libc::geteuid() }
}

/// Free bytes for this user on the file system of `path`; 0 if they are unknown.
#[must_use]
pub fn free_space(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<'a>(base: &Path, env: &'a dyn Fn(&str) -> Option<String>) -> DirOptions<'a> {
        DirOptions {
            state_dir: Some(base.join("state")),
            run_dir: Some(base.join("run")),
            group: None,
            env,
            temporary: base.to_owned(),
            memory: base.join("memory"),
        }
    }

    #[test]
    fn named_directories_are_created_for_this_user_alone() {
        let base = tempfile::tempdir().unwrap();
        let dirs = Dirs::resolve(&options(base.path(), &|_| None)).unwrap();
        for dir in [&dirs.state, &dirs.run] {
            assert_eq!(fs::metadata(dir).unwrap().mode() & 0o7777, 0o700);
        }
        assert!(dirs.warnings.is_empty());
    }

    #[test]
    fn removed_directory_is_created_again_and_a_link_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let dirs = Dirs::resolve(&options(base.path(), &|_| None)).unwrap();
        fs::remove_dir(&dirs.state).unwrap();
        fs::remove_dir(&dirs.run).unwrap();
        dirs.restore().unwrap();
        for dir in [&dirs.state, &dirs.run] {
            assert_eq!(fs::metadata(dir).unwrap().mode() & 0o7777, 0o700);
        }
        fs::remove_dir(&dirs.run).unwrap();
        std::os::unix::fs::symlink("/etc", &dirs.run).unwrap();
        assert!(dirs.restore().is_err());
    }

    #[test]
    fn link_open_directory_and_file_are_refused_by_setting() {
        let base = tempfile::tempdir().unwrap();
        let state = base.path().join("state");
        let refused = || {
            Dirs::resolve(&options(base.path(), &|_| None))
                .unwrap_err()
                .to_string()
        };
        std::os::unix::fs::symlink("/etc", &state).unwrap();
        assert!(
            refused().starts_with("pillion.state_dir: ") && refused().contains("symbolic link")
        );
        fs::remove_file(&state).unwrap();
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(refused().contains("0700"));
        fs::remove_dir(&state).unwrap();
        fs::write(&state, "").unwrap();
        assert!(refused().contains("not a directory"));
    }

    #[test]
    fn directories_of_the_service_come_first() {
        let base = tempfile::tempdir().unwrap();
        let service = base.path().join("lib").display().to_string();
        let run = base.path().join("rt").display().to_string();
        let env = |name: &str| match name {
            "STATE_DIRECTORY" => Some(format!("{service}:/other")),
            "RUNTIME_DIRECTORY" => Some(run.clone()),
            _ => None,
        };
        let dirs = Dirs::resolve(&DirOptions {
            state_dir: None,
            run_dir: None,
            ..options(base.path(), &env)
        })
        .unwrap();
        assert_eq!(dirs.state, base.path().join("lib/pillion"));
        assert_eq!(dirs.run, base.path().join("rt/pillion"));
    }

    #[test]
    fn unknown_group_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        let error = Dirs::resolve(&DirOptions {
            group: Some("no-such-group".into()),
            ..options(base.path(), &|_| None)
        })
        .unwrap_err();
        assert!(error.to_string().contains("no-such-group"));
    }
}
