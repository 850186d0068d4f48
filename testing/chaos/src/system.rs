//! The state of locks, processes and requests, as the kernel and the build server see it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::process::Command;

use crate::{
    environment::{Environment, MAX_CONCURRENT_BUILDS},
    report::Report,
};

/// Has the kernel kill the command's process when this one dies, in any way.
pub fn dies_with_us(command: &mut Command) {
    let tie = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: one system call between fork and exec, no memory of ours.
    unsafe { command.pre_exec(tie) };
}

/// The process that holds a lock on that file.
pub fn holder(path: &Path) -> Option<u32> {
    let inode = fs::metadata(path).ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let kind = words.next()?;
        // `->` stands before a waiting process.
        let pid = words.nth(2)?;
        let place = words.next()?;
        (kind == "FLOCK" && place.rsplit(':').next()? == inode)
            .then(|| pid.parse().ok())
            .flatten()
    })
}

/// The leader's process.
pub fn leader(environment: &Environment) -> Option<u32> {
    holder(&environment.run_dir().join("leader.lock"))
}

/// Whether a process was stopped by a signal.
pub fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}

/// A request that is at the build server.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildRequest {
    /// The server's number for it.
    pub request: u64,
    /// Number of the process.
    pub by: usize,
    /// Its life, lower 24 bits.
    pub life: u64,
    /// The configuration's number.
    pub configuration: usize,
    /// When it came, in seconds since the server's start.
    pub at: f64,
    /// Whether it is still being built.
    pub open: bool,
}

/// The build requests that the server remembers, oldest first.
pub fn build_requests(environment: &Environment) -> Vec<BuildRequest> {
    let recent = environment.velox.counters().recent;
    let builds = recent
        .into_iter()
        .filter(|seen| seen.path.ends_with("/Build"));
    builds
        .filter_map(|seen| {
            let body: serde_json::Value = serde_json::from_str(&seen.body).ok()?;
            let id = body
                .get("requestId")
                .or_else(|| body.get("request_id"))?
                .as_str()?;
            let hex = |from: usize, to: usize| u64::from_str_radix(id.get(from..to)?, 16).ok();
            Some(BuildRequest {
                request: seen.number,
                by: hex(0, 8)? as usize,
                configuration: hex(9, 13)? as usize,
                life: hex(24, 30)?,
                at: seen.at,
                open: seen.done_at.is_none(),
            })
        })
        .collect()
}

/// Checks after the end of all processes that no build is running, and that never too many were.
pub async fn builds_have_ended(environment: &Environment, report: &mut Report) {
    let until = Instant::now() + Duration::from_secs(20);
    while environment.velox.counters().in_flight > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counters = environment.velox.counters();
    let ended = counters.builds_finished + counters.builds_failed + counters.builds_cancelled;
    if counters.in_flight > 0 || ended != counters.builds_started {
        report.fail(
            "a build ends when nobody wants it",
            &format!(
                "{} in flight, {} begun, {ended} ended",
                counters.in_flight, counters.builds_started
            ),
        );
    }
    if counters.max_in_flight as usize > MAX_CONCURRENT_BUILDS {
        report.fail(
            "never more than max_concurrent_builds at the server",
            &format!(
                "{} at once, {MAX_CONCURRENT_BUILDS} allowed",
                counters.max_in_flight
            ),
        );
    }
}
