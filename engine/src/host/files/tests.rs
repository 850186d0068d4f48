use std::{
    ffi::CString,
    fs::{self, DirBuilder},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _},
    },
};

use super::*;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn dir_with(mode: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
    dir
}

fn read_write() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

#[test]
fn new_files_in_a_groups_directory_are_the_groups() {
    let dir = dir_with(0o2770);
    create_dir(&dir.path().join("below")).unwrap();
    create_dir(&dir.path().join("below/further")).unwrap();
    assert_eq!(mode(&dir.path().join("below/further")), 0o2770);
    let file = dir.path().join("below/a.lock");
    open(&file, &mut read_write()).unwrap();
    assert_eq!(mode(&file), 0o660);
    let plain = dir.path().join("plain");
    create(&plain).unwrap();
    assert_eq!(mode(&plain), 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn unfinished_directory_of_a_group_gets_its_mode() {
    let dir = dir_with(0o2770);
    let half_made = dir.path().join("below");
    DirBuilder::new().mode(0o700).create(&half_made).unwrap();
    create_dir(&half_made).unwrap();
    assert_eq!(mode(&half_made), 0o2770);
    let own = dir_with(0o755);
    let closed = own.path().join("closed");
    DirBuilder::new().mode(0o700).create(&closed).unwrap();
    create_dir(&closed).unwrap();
    assert_eq!(mode(&closed), 0o700, "a user's own is left alone");
}

#[test]
fn absent_parents_are_created_also_behind_a_users_own_link() {
    let dir = dir_with(0o2770);
    let target = dir.path().join("target");
    create_dir(&target).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    create_dir_all(&link.join("a/b"), None).unwrap();
    create_dir_all(&link.join("a/b"), None).unwrap();
    for made in ["a", "a/b"] {
        assert_eq!(mode(&target.join(made)), 0o2770);
    }
}

#[test]
fn directory_of_a_group_is_the_groups_wherever_it_is_created() {
    let dir = dir_with(0o755);
    let path = dir.path().join("a/b");
    // Every user may give a directory to its own group.
    let group = dir.path().metadata().unwrap().gid();
    create_dir_all(&path, Some(group)).unwrap();
    create_dir(&path.join("below")).unwrap();
    for made in [path.clone(), dir.path().join("a"), path.join("below")] {
        assert_eq!(mode(&made), 0o2770, "{}", made.display());
        assert_eq!(made.metadata().unwrap().gid(), group);
    }
    // An existing directory is its owner's to share.
    let own = dir.path().join("own");
    create_dir(&own).unwrap();
    create_dir_all(&own, Some(group)).unwrap();
    assert_eq!(mode(&own), 0o750);
}

#[test]
fn new_files_in_a_directory_of_one_user_are_that_users() {
    let dir = dir_with(0o755);
    create_dir(&dir.path().join("below")).unwrap();
    assert_eq!(mode(&dir.path().join("below")), 0o750);
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    create_dir(&dir.path().join("closed")).unwrap();
    assert_eq!(mode(&dir.path().join("closed")), 0o700);
    let file = dir.path().join("closed/a.lock");
    open(&file, &mut read_write()).unwrap();
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn new_files_in_a_public_directory_are_not_the_groups_to_write() {
    let dir = dir_with(0o1777);
    create_dir(&dir.path().join("below")).unwrap();
    assert_eq!(mode(&dir.path().join("below")), 0o750);
    let file = dir.path().join("a.lock");
    open(&file, &mut read_write()).unwrap();
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn path_to_no_regular_file_is_refused_without_blocking() {
    let dir = dir_with(0o2770);
    let pipe = dir.path().join("pipe");
    let name = CString::new(pipe.as_os_str().as_bytes()).unwrap();
    // SAFETY: a path that ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let target = dir.path().join("target");
    fs::write(&target, "secret").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let socket = dir.path().join("socket");
    let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for odd in [&pipe, &link, &socket, &dir.path().to_owned()] {
        assert!(read(odd, 100).is_err(), "{}", odd.display());
        assert!(open(odd, &mut read_write()).is_err(), "{}", odd.display());
        assert!(open(odd, OpenOptions::new().append(true)).is_err());
    }
    assert!(create_dir(&link).is_err());
    let to_dir = dir.path().join("to-dir");
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &to_dir).unwrap();
    assert!(create_dir(&to_dir).is_err());
    assert!(create_dir(&to_dir.join("below")).is_err());
    assert!(open(&to_dir.join("a.lock"), &mut read_write()).is_err());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert_eq!(read(&target, 6).unwrap().unwrap(), b"secret");
    assert!(read(&target, 5).is_err());
    assert!(read(&dir.path().join("none"), 5).unwrap().is_none());
}

#[test]
fn absent_parent_of_a_file_is_not_created() {
    let dir = dir_with(0o700);
    let deep = dir.path().join("a/b");
    assert_eq!(
        create_dir(&deep).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    assert!(open(&deep, &mut read_write()).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
