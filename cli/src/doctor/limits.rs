//! Limits of descriptors and of file sizes.

use std::fs;

use pillion_engine::host::dirs::living;
use rustix::process::{Resource, getrlimit};

use super::{
    processes::Process,
    report::{Report, bytes},
    subject::Subject,
};

/// Descriptors that a process of PHP with all parts of Pillion has room in.
const MIN_DESCRIPTORS: u64 = 1024;

pub(super) fn examine(subject: &Subject, running: &[Process], report: &mut Report) {
    descriptors(subject, running, report);
    let limit = getrlimit(Resource::Fsize).current;
    if let Some(limit) = limit {
        report.warn(
            "file size limit",
            format!("files may have {}", bytes(limit)),
            "remove it (`ulimit -f unlimited`, LimitFSIZE=infinity): larger segments are refused",
        );
    }
}

fn descriptors(subject: &Subject, running: &[Process], report: &mut Report) {
    const CHECK: &str = "descriptor limit";
    let own = getrlimit(Resource::Nofile);
    let hard = own.maximum.unwrap_or(u64::MAX);
    let connections = u64::from(subject.settings().serve.max_connections);
    let mut is_right = true;
    if own.current.is_some_and(|soft| soft < MIN_DESCRIPTORS) {
        is_right = false;
        report.warn(
            CHECK,
            format!("{} for this user", own.current.unwrap_or_default()),
            format!(
                "raise it to {MIN_DESCRIPTORS} (LimitNOFILE= of systemd, rlimit_files of php-fpm)"
            ),
        );
    }
    if super::delivery::is_served(&subject.dirs.run) || subject.settings().delivery.url.is_some() {
        let needed = connections.saturating_add(MIN_DESCRIPTORS);
        if hard < needed {
            is_right = false;
            report.warn(
                CHECK,
                format!("{hard} at most, and serve.max_connections is {connections}"),
                format!(
                    "set LimitNOFILE={needed} for `pillion serve`, or lower serve.max_connections"
                ),
            );
        }
    }
    let (members, _) = living(&subject.dirs.run);
    for process in running {
        let soft = limit_of(process.pid);
        let is_member = members.iter().any(|member| member.pid == process.pid);
        if (is_member || process.library.is_some())
            && let Some(soft) = soft
            && soft < MIN_DESCRIPTORS
        {
            is_right = false;
            report.warn(
                CHECK,
                format!("{soft} for process {} ({})", process.pid, process.name()),
                format!("raise it to {MIN_DESCRIPTORS} for that service"),
            );
        }
    }
    if is_right {
        let soft = own
            .current
            .map_or("unlimited".into(), |soft| soft.to_string());
        report.ok(CHECK, soft);
    }
}

/// The soft limit of a process.
fn limit_of(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
