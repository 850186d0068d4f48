//! The clocks: processes compare times of files and tickets by the wall clock, and deadlines by the boot clock.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pillion_engine::host::{clock, dirs::living};

use super::{report::Report, subject::Subject};

const CHECK: &str = "clock";
/// A later time than now is one of a clock that was ahead. Clocks of file systems lag by a tick.
const TOLERANCE: Duration = Duration::from_secs(5);
/// 2026-01-01: a clock before it was never set.
const EARLIEST: u64 = 1_767_225_600;

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    let now = SystemTime::now();
    let boot = clock::boot_id();
    if boot.is_empty() {
        report.fail(
            CHECK,
            "the boot has no id",
            "mount /proc: deadlines between processes need it",
        );
        return;
    }
    if now < UNIX_EPOCH + Duration::from_secs(EARLIEST) {
        report.fail(
            CHECK,
            "the wall clock is not set",
            "start NTP (`timedatectl set-ntp true`)",
        );
        return;
    }
    let (processes, _) = living(&subject.dirs.run);
    if let Some(other) = processes.iter().find(|process| process.boot_id != boot) {
        report.fail(
            CHECK,
            format!(
                "process {} of another machine uses {}",
                other.pid,
                subject.dirs.run.display()
            ),
            "give each machine a pillion.run_dir of its own",
        );
        return;
    }
    let later = now + TOLERANCE;
    let future = [&subject.dirs.state, &subject.dirs.run]
        .into_iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
        .filter(|entry| {
            let modified = entry.metadata().and_then(|found| found.modified());
            modified.is_ok_and(|modified| modified > later)
        });
    let future: Vec<_> = future.map(|entry| entry.path()).collect();
    let since = later
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let began = processes
        .iter()
        .find(|process| u128::from(process.since_ms) > since);
    match (future.first(), began) {
        (Some(path), _) => report.warn(
            CHECK,
            format!("{} is of a later time than now", path.display()),
            "check NTP: the wall clock was ahead, or went back; restart PHP if times of artifacts are wrong",
        ),
        (None, Some(process)) => report.warn(
            CHECK,
            format!("process {} began at a later time than now", process.pid),
            "check NTP: the wall clock went back; restart PHP",
        ),
        (None, None) => report.ok(CHECK, "no time of a file or process is later than now"),
    }
}
