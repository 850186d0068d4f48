//! Processes and PHPs of the machine.

use std::fs;

use crate::test_host::{Host, mode};

#[test]
fn processes_of_two_run_dirs_are_named() {
    let (one, other) = (Host::new(), Host::new());
    let (server, _) = one.serve();
    let found = other.examine(&["--offline"]);
    let pid = server.0.id().to_string();
    found.has("warn processes", one.run.to_str().unwrap());
    found.has("warn processes", &pid);
    found.has("warn pillion serve", &pid);
    one.examine(&["--offline"])
        .has("ok pillion serve", "one serves this run_dir");
}

#[test]
fn php_fpm_is_asked_for_its_modules() {
    let host = Host::new();
    let path = host.path("php-fpm8.4");
    let own = env!("CARGO_PKG_VERSION");
    let script = format!(
        "#!/bin/sh\ncase $1 in\n-v) echo 'PHP 8.4.1 (fpm-fcgi)';;\n-i) printf 'Thread Safety => disabled\\n\\nPillion => enabled\\nVersion => {own}\\n'; i=0; while [ $i -lt 9000 ]; do echo 'a row of another module'; i=$((i + 1)); done;;\n*) exit 64;;\nesac\n"
    );
    fs::write(&path, script).unwrap();
    mode(&path, 0o755);
    let found = host.examine(&["--offline", "--php", path.to_str().unwrap()]);
    found.has("ok php", &format!("(PHP 8.4.1, NTS) has pillion {own}"));
}

#[test]
fn other_versions_are_named() {
    let host = Host::new();
    let php = host.php("php", "0.0.9");
    let (server, _) = host.serve();
    let arguments = ["--offline", "--php", php.to_str().unwrap()];
    let found = host.examine(&arguments);
    found.has("warn php", "has pillion 0.0.9");
    assert!(
        !found.lines.concat().contains("segments of another version"),
        "{:#?}",
        found.lines
    );
    fs::write(host.run.join("cache-v1-0fdb.seg"), "").unwrap();
    let found = host.examine(&arguments);
    found.has("warn versions", "cache-v1-0fdb.seg");
    drop(server);
    // Killed: its presence is left, and stays.
    host.examine(&arguments)
        .has("ok dead processes", "1 presence of killed");
    assert_eq!(fs::read_dir(host.run.join("presence")).unwrap().count(), 1);
}
