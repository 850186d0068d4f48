//! Every fault of the file behind an answer's path.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pillion_fakes::{Answer, Behaviour, FakeVelox, FileFault, Options};
use serde_json::json;
use support::{build, eventually, request, request_with, server};

/// The answer's path from a server with that fault; the server lives until the test has checked the file.
fn faulty(fault: FileFault) -> (FakeVelox, PathBuf) {
    let server = server(Options::default().behave(Answer::file(fault)));
    let path = PathBuf::from(build(&server, &request()).path());
    (server, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn seen(path: &Path) -> Metadata {
    fs::symlink_metadata(path).unwrap()
}

#[test]
fn valid_file_has_mode_0755_with_any_umask() {
    let (server, path) = faulty(FileFault::None);
    assert!(path.starts_with(server.root()) && seen(&path).is_file());
    assert_eq!(mode(&path), 0o755);
    assert_eq!(mode(path.parent().unwrap()), 0o755);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["rr"]);
}

#[test]
fn vanishing_file_is_deleted_and_its_build_stays_cached() {
    let server = server(
        Options::default().behave(Behaviour::from(Answer::file(FileFault::Vanishes)).times(1)),
    );
    let path = PathBuf::from(build(&server, &request()).path());
    eventually("the file is deleted", || !path.exists());
    assert_eq!(Path::new(&build(&server, &request()).path()), path);
    assert!(!path.exists() && server.counters().cache_hits == 1);
    build(&server, &request_with(json!({"force_rebuild": true})));
    assert!(path.exists());
}

#[test]
fn missing_file_is_never_created() {
    let (_server, path) = faulty(FileFault::Missing);
    assert!(!path.exists() && path.parent().unwrap().exists());
}

#[test]
fn paths_outside_the_root_name_temporary_valid_files() {
    let (server, path) = faulty(FileFault::Outside);
    assert!(path.is_file() && !path.starts_with(server.root()));
    drop(server);
    assert!(!path.exists());
    let (server, path) = faulty(FileFault::DotDot);
    assert!(path.starts_with(server.root()) && path.to_str().unwrap().contains("/../"));
    assert!(path.is_file() && !path.canonicalize().unwrap().starts_with(server.root()));
}

#[test]
fn links_leave_the_root_at_the_file_or_its_directory() {
    let (server, path) = faulty(FileFault::Symlink);
    assert!(seen(&path).is_symlink() && path.is_file());
    assert!(!path.canonicalize().unwrap().starts_with(server.root()));
    let (server, path) = faulty(FileFault::SymlinkedDirectory);
    assert!(seen(path.parent().unwrap()).is_symlink() && seen(&path).is_file());
    assert!(!path.canonicalize().unwrap().starts_with(server.root()));
}

#[test]
fn path_names_a_directory_or_a_fifo() {
    let (_server, path) = faulty(FileFault::Directory);
    assert!(seen(&path).is_dir());
    let (_server, path) = faulty(FileFault::Fifo);
    assert!(seen(&path).file_type().is_fifo());
}

#[test]
fn contents_are_empty_truncated_or_a_script() {
    let (_server, path) = faulty(FileFault::Empty);
    assert!(seen(&path).is_file() && seen(&path).len() == 0);
    let (_server, path) = faulty(FileFault::NoMagic);
    assert!(fs::read(path).unwrap().starts_with(b"#!"));
    let (_server, path) = faulty(FileFault::Truncated);
    let file = fs::read(path).unwrap();
    assert_eq!((file.len(), &file[..4]), (32_768, &b"\x7fELF"[..]));
    assert_eq!(
        u64::from_le_bytes(file[96..104].try_into().unwrap()),
        65_536
    );
}

#[test]
fn modes_are_too_wide_or_too_narrow() {
    for (fault, expected) in [
        (FileFault::GroupWritable, 0o775),
        (FileFault::WorldWritable, 0o757),
        (FileFault::NotExecutable, 0o644),
        (FileFault::Unreadable, 0o000),
    ] {
        let (_server, path) = faulty(fault);
        assert_eq!(mode(&path), expected, "{fault:?}");
    }
}

#[test]
fn build_after_a_faulty_one_is_new_and_valid() {
    for fault in [
        FileFault::Missing,
        FileFault::SymlinkedDirectory,
        FileFault::Directory,
        FileFault::Fifo,
    ] {
        let server =
            server(Options::default().behave(Behaviour::from(Answer::file(fault)).times(1)));
        let faulty = build(&server, &request()).path();
        let good = PathBuf::from(build(&server, &request()).path());
        assert_eq!(Path::new(&faulty), good, "{fault:?}");
        assert!(
            seen(&good).is_file() && !seen(good.parent().unwrap()).is_symlink(),
            "{fault:?}"
        );
        assert_eq!(server.counters().cache_hits, 0);
    }
}

#[test]
fn literal_path_may_be_relative() {
    for told in ["rr", "/etc/passwd", "/nowhere/\u{e9}\n"] {
        let server = server(Options::default().behave(Answer::Path { path: told.into() }));
        assert_eq!(build(&server, &request()).path(), told);
    }
}

#[test]
fn sizes_are_as_set_and_contents_differ_between_builds() {
    let sized = Answer::Build {
        file: FileFault::None,
        size: Some(5_000_001),
        logs: String::new(),
        logs_bytes: 0,
    };
    let server = server(Options::default().behave(sized));
    let path = build(&server, &request()).path();
    let first = fs::read(&path).unwrap();
    build(&server, &request());
    assert_eq!(first.len(), 5_000_001);
    assert_ne!(fs::read(&path).unwrap(), first);
}
