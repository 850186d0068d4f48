//! The processes of the host that this user may examine, from `/proc`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Processes that are examined at most.
const MAX_PROCESSES: usize = 20_000;

/// A process.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) arguments: Vec<String>,
    pub(super) directory: Option<PathBuf>,
    /// The extension that it has loaded; with `(deleted)` if the file was replaced.
    pub(super) library: Option<String>,
    /// Directories of the segments that it has mapped.
    pub(super) run_dirs: BTreeSet<PathBuf>,
}

impl Process {
    /// The program's name.
    pub(super) fn name(&self) -> &str {
        let program = self.arguments.first().map_or("", String::as_str);
        // php-fpm shows its state: `php-fpm: pool www`.
        program.rsplit('/').next().unwrap_or(program)
    }

    /// Whether it is `pillion serve`.
    pub(super) fn is_server(&self) -> bool {
        self.is("serve")
    }

    /// Whether it is this command of `pillion`.
    pub(super) fn is(&self, command: &str) -> bool {
        let second = self.arguments.get(1).map(String::as_str);
        self.name() == "pillion" && second == Some(command)
    }
}

/// All processes except this one.
pub(super) fn running() -> Vec<Process> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != own)
        .take(MAX_PROCESSES)
        .filter_map(read)
        .collect()
}

fn read(pid: u32) -> Option<Process> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let line = fs::read(proc.join("cmdline")).ok()?;
    let arguments = line
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned());
    let mut arguments: Vec<String> = arguments.collect();
    arguments.pop();
    if arguments.is_empty() {
        return None;
    }
    let maps = fs::read_to_string(proc.join("maps")).unwrap_or_default();
    let (library, run_dirs) = mapped(&maps);
    Some(Process {
        pid,
        arguments,
        directory: fs::read_link(proc.join("cwd")).ok(),
        library,
        run_dirs,
    })
}

/// The extension and the directories of segments in a table of mapped files.
fn mapped(maps: &str) -> (Option<String>, BTreeSet<PathBuf>) {
    let (mut library, mut run_dirs) = (None, BTreeSet::new());
    for line in maps.lines() {
        let Some(start) = line.find('/') else {
            continue;
        };
        let text = line.get(start..).unwrap_or_default();
        let path = Path::new(text.strip_suffix(" (deleted)").unwrap_or(text));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if matches!(&*name, "pillion.so" | "libpillion.so") {
            library = Some(text.to_owned());
        } else if is_segment(&name)
            && let Some(parent) = path.parent()
        {
            run_dirs.insert(parent.to_owned());
        }
    }
    (library, run_dirs)
}

/// Families of segments, with the version of this program.
const SEGMENTS: [(&str, u32); 7] = [
    ("application-metrics", 1),
    ("metrics", 1),
    ("workers", 1),
    ("index", 1),
    ("cache", 2),
    ("sentry", 2),
    ("sentry-queues", 1),
];

/// Whether it is the name of a segment, of any version.
pub(super) fn is_segment(name: &str) -> bool {
    segment_version(name).is_some()
}

/// Whether it is the name of a segment of another version.
pub(super) fn is_foreign(name: &str) -> bool {
    segment_version(name).is_some_and(|(found, own)| found != own)
}

/// The version in a name, and the one of this program.
fn segment_version(name: &str) -> Option<(u32, u32)> {
    // The process that has created one has it mapped under its first name, `….seg.<random>.tmp`.
    let (stem, rest) = name.rsplit_once(".seg")?;
    if !rest.is_empty() && !rest.ends_with(".tmp") {
        return None;
    }
    SEGMENTS.iter().find_map(|(family, own)| {
        let rest = stem.strip_prefix(family)?.strip_prefix("-v")?;
        let version = rest.split('-').next()?.parse().ok()?;
        Some((version, *own))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_files_name_the_extension_and_the_run_dir() {
        let maps = "\
            7f-80 r--s 00000000 00:19 12 /dev/shm/pillion-33/metrics-v1.seg\n\
            7f-80 rw-s 00000000 00:19 12 /srv/my run/cache-v2-0f.seg.af81.tmp (deleted)\n\
            7f-80 r-xp 00000000 fe:00 9 /usr/lib/php/pillion.so (deleted)\n\
            7f-80 r-xp 00000000 fe:00 9 /usr/lib/other.seg\n\
            7f-80 rw-p 00000000 00:00 0 [heap]\n";
        let (library, run_dirs) = mapped(maps);
        assert_eq!(
            library.as_deref(),
            Some("/usr/lib/php/pillion.so (deleted)")
        );
        let expected = ["/dev/shm/pillion-33", "/srv/my run"].map(PathBuf::from);
        assert_eq!(run_dirs, expected.into());
    }

    #[test]
    fn segment_of_another_version_is_foreign() {
        assert!(is_foreign("cache-v1-0fdb.seg") && is_foreign("workers-v2.seg"));
        for name in [
            "cache-v2-0fdb.seg",
            "sentry-queues-v1-a.seg",
            "a.seg",
            "cache-v2-a.lock",
        ] {
            assert!(!is_foreign(name), "{name}");
        }
    }
}
