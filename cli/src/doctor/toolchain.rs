//! The Go toolchain of each `pillion velox` of the host, from the environment of its process. One of another user is
//! left out, because its environment can't be read.

use std::{env, ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, os::unix::fs::PermissionsExt as _};

use super::{processes::Process, report::Report};

const CHECK: &str = "go toolchain";

pub(super) fn examine(running: &[Process], report: &mut Report) {
    for process in running.iter().filter(|process| process.is("velox")) {
        let Ok(variables) = fs::read(format!("/proc/{}/environ", process.pid)) else {
            continue;
        };
        let mut variables = variables.split(|byte| *byte == 0);
        let path = variables.find_map(|variable| variable.strip_prefix(b"PATH="));
        let (pid, path) = (process.pid, OsStr::from_bytes(path.unwrap_or_default()));
        let programs = env::split_paths(path).map(|dir| dir.join("go"));
        match programs.into_iter().find(|program| is_executable(program)) {
            Some(go) => report.ok(CHECK, format!("`pillion velox` {pid} has {}", go.display())),
            None => report.fail(
                CHECK,
                format!("`pillion velox` {pid} has no `go` in PATH"),
                "install Go, and start it with a PATH that has it: each build fails",
            ),
        }
    }
}

fn is_executable(path: &std::path::Path) -> bool {
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
