//! Locating, opening and checking files of a server.

use std::os::unix::fs::PermissionsExt;

use super::*;

const EXPECTED: Expected<'_> = Expected {
    os: "plan9",
    arch: "amd64",
    max_size: 100,
};

fn root(dir: &Path) -> [(PathBuf, PathBuf); 2] {
    [
        ("/srv".into(), dir.join("nowhere")),
        ("/srv/tmp".into(), dir.to_owned()),
    ]
}

fn message_of(result: Result<OpenedFile, AttemptError>) -> String {
    match result {
        Err(AttemptError::Permanent(error)) => error.to_string(),
        Err(AttemptError::FileGone(error)) => format!("stale: {error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn file_is_located_by_the_longest_root() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a")).unwrap();
    std::fs::write(dir.path().join("a/rr"), "12345").unwrap();
    let opened = open("/srv/tmp/a/rr", &root(dir.path()), EXPECTED).unwrap();
    assert_eq!(opened.size, 5);
    assert!(
        message_of(open("/srv/x/rr", &root(dir.path()), EXPECTED)).contains("no directory here")
    );
}

#[test]
fn file_written_to_during_the_copy_is_requested_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rr");
    std::fs::write(&path, "12345").unwrap();
    let opened = open("/srv/tmp/rr", &root(dir.path()), EXPECTED).unwrap();
    assert!(opened.check_unchanged("/srv/tmp/rr").is_ok());
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"x", 2).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_millis(5))
        .unwrap();
    let changed = opened.check_unchanged("/srv/tmp/rr");
    assert!(
        matches!(&changed, Err(AttemptError::FileGone(_))),
        "{changed:?}"
    );
    // A file that was replaced under its name is complete.
    let opened = open("/srv/tmp/rr", &root(dir.path()), EXPECTED).unwrap();
    std::fs::rename(&path, dir.path().join("old")).unwrap();
    std::fs::write(&path, "another").unwrap();
    assert!(opened.check_unchanged("/srv/tmp/rr").is_ok());
}

#[test]
fn paths_outside_of_every_root_are_rejected() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        "/etc/passwd",
        "/srv/tmp/../../etc/passwd",
        "srv/tmp/a",
        "/srv/tmpx/a",
        "",
        "/srv/tmp",
    ] {
        let message = message_of(open(path, &root(dir.path())[1..], EXPECTED));
        assert!(message.contains("velox.path_map"), "{path}: {message}");
    }
}

#[test]
fn unusable_files_are_rejected_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("open"), "x").unwrap();
    std::fs::set_permissions(at("open"), PermissionsExt::from_mode(0o666)).unwrap();
    std::fs::write(at("large"), [0; 101]).unwrap();
    std::fs::write(at("empty"), "").unwrap();
    std::fs::create_dir(at("dir")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
    for (name, words) in [
        ("open", "world-writable"),
        ("large", "has 101 bytes, and at most 100"),
        (
            "empty",
            "stale: velox server answered with the file /srv/tmp/empty, which can't be used: it is empty",
        ),
        ("dir", "not a regular file"),
        ("link", "symbolic link"),
        ("gone", "stale: velox server built /srv/tmp/gone, but"),
    ] {
        let message = message_of(open(
            &format!("/srv/tmp/{name}"),
            &root(dir.path()),
            EXPECTED,
        ));
        assert!(message.contains(words), "{name}: {message}");
    }
}
