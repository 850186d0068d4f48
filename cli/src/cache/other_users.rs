//! Caches of other users, which a command may have been meant for: without `pillion.run_dir` and `pillion.group` each
//! user has memory of its own.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use pillion_engine::Error;
use rustix::process::geteuid;

/// Directories of other users that are examined.
const MAX_DIRS: usize = 100;

/// Says on standard error which other users have such a cache, as far as this user may see that.
pub(super) fn remark(run_dir: &Path, path: &Path) {
    for (uid, dir) in find(run_dir, path) {
        let name = user_name(uid);
        crate::output::remark(&format!(
            "user {name} has a cache of this namespace in {}: `sudo -u '{name}' pillion cache …` uses it",
            dir.display()
        ));
    }
}

/// Other users with a file of that name in their directory, which lies beside ours.
fn find(run_dir: &Path, path: &Path) -> Vec<(u32, PathBuf)> {
    let (Some(parent), Some(file)) = (run_dir.parent(), path.file_name()) else {
        return Vec::new();
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("pillion-"))
        .take(MAX_DIRS)
        .filter_map(|entry| {
            let uid = fs::symlink_metadata(entry.path().join(file)).ok()?.uid();
            (uid != geteuid().as_raw()).then(|| (uid, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// The error of a directory of another user, with the command that could use it.
pub(super) fn explain(error: &Error, dir: &Path) -> Option<Error> {
    let uid = fs::symlink_metadata(dir).ok()?.uid();
    (uid != geteuid().as_raw()).then(|| {
        let name = user_name(uid);
        Error::Config(format!(
            "{error}; `sudo -u '{name}' pillion cache …` runs as its owner"
        ))
    })
}

/// The name of a user for `sudo -u`, which takes `#33` too.
fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, uid).unwrap_or_else(|| format!("#{uid}"))
}

fn name_in(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_has_the_name_of_its_line() {
        let users = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin";
        assert_eq!(name_in(users, 33).as_deref(), Some("www-data"));
        assert_eq!(name_in(users, 3), None);
    }

    #[test]
    fn own_cache_is_none_of_another_user() {
        let parent = tempfile::tempdir().unwrap();
        let run = parent.path().join("pillion-1");
        fs::create_dir(&run).unwrap();
        fs::write(run.join("cache.seg"), "").unwrap();
        assert_eq!(find(&run, &run.join("cache.seg")), []);
    }
}
