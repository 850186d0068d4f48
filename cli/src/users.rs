//! Users by their number, the command that runs as the owner of a directory, and the directories of other users, for
//! which a command may have been meant: without `pillion.run_dir` and `pillion.group` each user has its own.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

/// The name of a user for `sudo -u`, which takes `#33` too.
pub fn user_name(uid: u32) -> String {
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

/// The other user who owns a file or directory.
pub fn other_owner(path: &Path) -> Option<String> {
    let uid = fs::symlink_metadata(path).ok()?.uid();
    (uid != geteuid().as_raw()).then(|| user_name(uid))
}

/// The command that runs as a user: `` `sudo -u 'www-data' pillion status` ``.
pub fn sudo(user: &str, command: &str) -> String {
    format!("`sudo -u '{user}' pillion {command}`")
}

/// Directories of other users that are examined.
const MAX_DIRS: usize = 100;

/// Says on standard error which other users have a file of that name in their directory, as far as this user may see
/// that. `found` is what they have.
pub fn remark_others(run_dir: &Path, file: &Path, found: &str, command: &str) {
    for (uid, dir) in find(run_dir, file) {
        let name = user_name(uid);
        crate::output::remark(&format!(
            "user {name} has {found} in {}: {} is for it",
            dir.display(),
            sudo(&name, command)
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
