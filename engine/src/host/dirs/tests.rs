use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

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
    assert!(refused().starts_with("pillion.state_dir: ") && refused().contains("symbolic link"));
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
