//! Several Pillions on one host: directories, versions, servers, and files that dead processes have left.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use pillion_engine::host::dirs::living;

use super::{
    processes::{Process, is_foreign},
    report::{Report, counted},
    subject::Subject,
};

const OWN: &str = env!("CARGO_PKG_VERSION");

pub(super) fn examine(subject: &Subject, running: &[Process], report: &mut Report) {
    run_dirs(subject, running, report);
    versions(subject, running, report);
    servers(subject, running, report);
    leftovers(subject, report);
}

fn run_dirs(subject: &Subject, running: &[Process], report: &mut Report) {
    const CHECK: &str = "processes";
    let own = fs::canonicalize(&subject.dirs.run).unwrap_or_else(|_| subject.dirs.run.clone());
    let mut users: BTreeMap<PathBuf, Vec<u32>> = BTreeMap::new();
    // The build server has an index of its own, and shares nothing.
    for process in running.iter().filter(|process| !process.is("velox")) {
        for dir in &process.run_dirs {
            users.entry(dir.clone()).or_default().push(process.pid);
        }
    }
    let (members, _) = living(&subject.dirs.run);
    let others: Vec<_> = users.iter().filter(|(dir, _)| **dir != own).collect();
    for (dir, pids) in &others {
        report.warn(
            CHECK,
            format!("{} with segments of {}, not {}", list(pids), dir.display(), own.display()),
            "set the same pillion.run_dir for all that shall share values, limits and metrics (pillion.group for several users); nothing to do if they are separate on purpose",
        );
    }
    for other in &subject.dirs.other_runs {
        let (alive, _) = living(other);
        let pids: Vec<u32> = alive.iter().map(|process| process.pid).collect();
        if !pids.is_empty() && others.iter().all(|(dir, _)| *dir != other) {
            report.warn(
                CHECK,
                format!("{} in {}", list(&pids), other.display()),
                "restart them: they began while the preferred directory could not be used",
            );
        }
    }
    if others.is_empty() {
        let count = counted(members.len(), "process has", "processes have");
        report.ok(CHECK, format!("{count} joined in {}", own.display()));
    }
}

fn versions(subject: &Subject, running: &[Process], report: &mut Report) {
    const CHECK: &str = "versions";
    let (members, _) = living(&subject.dirs.run);
    let found: BTreeSet<&str> = members
        .iter()
        .map(|member| member.version.as_str())
        .collect();
    let mut is_right = true;
    if found.iter().any(|version| *version != OWN) {
        is_right = false;
        let versions: Vec<_> = found.into_iter().collect();
        report.warn(
            CHECK,
            format!(
                "processes of {} run, and this program is {OWN}",
                versions.join(" and ")
            ),
            "install one version for all, and restart PHP and `pillion serve`",
        );
    }
    let libraries: BTreeSet<&str> = running
        .iter()
        .filter_map(|process| process.library.as_deref())
        .collect();
    for library in &libraries {
        if let Some(path) = library.strip_suffix(" (deleted)") {
            is_right = false;
            report.warn(
                CHECK,
                format!("{path} was replaced, and processes run the former file"),
                "restart PHP",
            );
        }
    }
    let entries = fs::read_dir(&subject.dirs.run)
        .into_iter()
        .flatten()
        .flatten();
    let mut foreign: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".seg") && is_foreign(name))
        .collect();
    foreign.sort();
    if !foreign.is_empty() {
        is_right = false;
        report.warn(
            CHECK,
            format!(
                "segments of another version in {}: {}",
                subject.dirs.run.display(),
                foreign.join(", ")
            ),
            "remove them once no process of that version runs",
        );
    }
    if is_right {
        report.ok(CHECK, format!("all processes and segments are of {OWN}"));
    }
}

fn servers(subject: &Subject, running: &[Process], report: &mut Report) {
    const CHECK: &str = "pillion serve";
    let own = fs::canonicalize(&subject.dirs.run).unwrap_or_else(|_| subject.dirs.run.clone());
    let servers = || running.iter().filter(|process| process.is_server());
    let elsewhere: Vec<u32> = servers()
        .filter(|server| !server.run_dirs.is_empty() && !server.run_dirs.contains(&own))
        .map(|server| server.pid)
        .collect();
    let here = servers()
        .filter(|server| server.run_dirs.contains(&own))
        .count();
    match (super::delivery::is_served(&subject.dirs.run), here) {
        (false, _) => report.ok(
            CHECK,
            "none serves this run_dir; a worker does the periodic work",
        ),
        (true, 0 | 1) => report.ok(CHECK, "one serves this run_dir"),
        (true, count) => {
            let found = format!("one serves this run_dir; stand-by: {}", count - 1);
            report.ok(CHECK, found);
        }
    }
    if !elsewhere.is_empty() {
        report.warn(
            CHECK,
            format!(
                "{} with other directories than {}",
                list(&elsewhere),
                own.display()
            ),
            "start it with the user and the settings of PHP, unless it is for another PHP",
        );
    }
}

fn leftovers(subject: &Subject, report: &mut Report) {
    const CHECK: &str = "dead processes";
    let (alive, dead) = living(&subject.dirs.run);
    let found = counted(dead, "presence", "presences");
    match (dead, alive.is_empty()) {
        (0, _) => report.ok(CHECK, "none has left a presence"),
        (_, false) if dead > alive.len().saturating_mul(10).max(100) => report.warn(
            CHECK,
            format!("{found} of killed processes"),
            "find out why they are killed (out of memory, pm.process_idle_timeout, time limits)",
        ),
        _ => report.ok(
            CHECK,
            format!("{found} of killed processes, which the next process removes"),
        ),
    }
}

fn list(pids: &[u32]) -> String {
    let shown: Vec<_> = pids.iter().take(5).map(u32::to_string).collect();
    let more = match pids.len().saturating_sub(5) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if pids.len() == 1 {
        "process"
    } else {
        "processes"
    };
    format!("{noun} {}{more}", shown.join(", "))
}
