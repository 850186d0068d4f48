//! Directories, their files and their space.

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use crate::test_host::{Host, mode};

#[test]
fn sound_host_has_no_problem_and_is_not_changed() {
    let host = Host::new();
    let php = host.php("php8.4", env!("CARGO_PKG_VERSION"));
    // A disk in place of tmpfs is a warning.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let host = Host {
        run: memory.path().join("run"),
        ..host
    };
    let root = host.path("public");
    fs::create_dir(&root).unwrap();
    let before = fs::read_dir(host.dir.path()).unwrap().count();
    let arguments = [
        "--php",
        php.to_str().unwrap(),
        "--document-root",
        root.to_str().unwrap(),
    ];
    let found = host.examine(&arguments);
    assert!(found.problems().is_empty(), "{:#?}", found.lines);
    let is_ok = found.lines.iter().all(|line| line.starts_with("ok "));
    assert_eq!(found.code, i32::from(!is_ok));
    assert_eq!(fs::read_dir(host.dir.path()).unwrap().count(), before);
    assert_eq!(fs::read_dir(memory.path()).unwrap().count(), 0);
}

#[test]
fn wrong_mode_link_and_file_say_how_to_repair_them() {
    let host = Host::new();
    fs::create_dir(&host.run).unwrap();
    mode(&host.run, 0o755);
    symlink("/etc", host.path("state")).unwrap();
    let found = host.examine(&["--offline"]);
    assert_eq!(found.code, 2);
    found.has(
        "fail run_dir",
        &format!("chmod 0700 {}", host.run.display()),
    );
    found.has("fail state_dir", "symbolic link: name the directory itself");
    fs::remove_dir(&host.run).unwrap();
    fs::write(&host.run, "").unwrap();
    host.examine(&["--offline"])
        .has("fail run_dir", "not a directory");
}

#[test]
fn directory_of_another_user_names_its_owner_once() {
    let host = Host::new();
    fs::create_dir(&host.run).unwrap();
    mode(&host.run, 0o700);
    if std::os::unix::fs::chown(&host.run, Some(1), Some(1)).is_err() {
        eprintln!("skipped: only root changes the owner of a file");
        return;
    }
    let found = host.examine(&["--offline", "-d", "sentry_dsn=http://k@127.0.0.1/1"]);
    let shown = format!("{} belongs to ", host.run.display());
    found.has("fail run_dir", &shown);
    found.has("fail run_dir", "pillion doctor` runs as its owner");
    let line = found
        .lines
        .iter()
        .find(|line| line.starts_with("fail run_dir"));
    assert_eq!(
        line.unwrap().matches("pillion.group").count(),
        1,
        "{line:?}"
    );
    let output = host
        .command("status")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("pillion status` runs as its owner"),
        "{error}"
    );
}

#[test]
fn files_below_the_document_root_are_a_failure() {
    let host = Host::new();
    let root = host.path("public");
    fs::create_dir_all(root.join("state")).unwrap();
    // Through a link too.
    symlink(&root, host.path("www")).unwrap();
    let cache = format!("velox_cache_dir={}", host.path("www/cache").display());
    let root = root.to_str().unwrap();
    let found = host.examine(&["--offline", "--document-root", root, "-d", &cache]);
    assert_eq!(found.code, 2);
    found.has("fail document root", "artifact cache");
    let failures = found
        .lines
        .iter()
        .filter(|line| line.starts_with("fail document root"));
    assert_eq!(failures.count(), 1);
}

#[test]
fn small_tmpfs_is_reported_with_its_sizes() {
    let host = Host::new();
    fs::create_dir(&host.run).unwrap();
    let mount = |arguments: &[&str]| {
        let status = Command::new("/usr/bin/mount")
            .args(arguments)
            .arg(&host.run)
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs"]) {
        eprintln!("skipped: a tmpfs can't be mounted");
        return;
    }
    let found = host.examine(&["--offline"]);
    fs::write(host.run.join("workers-v1.seg"), vec![1; 7 << 20]).unwrap();
    let full = host.examine(&["--offline"]);
    assert!(
        Command::new("/usr/bin/umount")
            .arg(&host.run)
            .status()
            .unwrap()
            .success()
    );
    found.has("fail space of run_dir", "8 MiB of 8 MiB free");
    found.has("fail space of run_dir", "--shm-size");
    full.has("warn space of run_dir", "1 MiB of 8 MiB free");
}

#[test]
fn segments_of_pillion_alone_count_and_small_ones_are_named() {
    let host = Host::new();
    fs::create_dir(&host.run).unwrap();
    mode(&host.run, 0o700);
    fs::write(host.run.join("dump.rdb"), vec![1; 8 << 20]).unwrap();
    let found = host.examine(&["--offline"]);
    let line = found
        .lines
        .iter()
        .find(|line| line.contains("space of run_dir"));
    assert!(line.unwrap().contains("queues have 0 "), "{line:?}");
    fs::write(host.run.join("cache-v2-0fdb.seg"), vec![1; 2 << 20]).unwrap();
    let found = host.examine(&["--offline"]);
    found.has("warn shared cache", "has 2 MiB, not the 32 MiB");
    let line = found
        .lines
        .iter()
        .find(|line| line.contains("space of run_dir"));
    assert!(line.unwrap().contains("queues have 2 MiB"), "{line:?}");
}
