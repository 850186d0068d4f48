//! Memory and disk space against the sizes that the settings allow.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use pillion_engine::cache::MIN_BYTES;

use super::{
    mounts::Mount,
    processes::{is_foreign, is_segment},
    report::{Report, bytes},
    subject::Subject,
};

/// Counters, the registry of workers, presences.
const OTHER_SEGMENTS: u64 = 2 << 20;
/// The index takes about this much for an artifact.
const INDEX_ENTRY: u64 = 128;
/// The size of `/dev/shm` in a container of Docker, Podman and Kubernetes that sets none.
const CONTAINER_MEMORY: u64 = 64 << 20;
/// Directories of Pillion in `run_dir`.
const OWN_DIRS: [&str; 4] = ["presence", "sentry", "velox", "requests"];
/// Below it a disk is reported as full.
const MIN_DISK: u64 = 256 << 20;

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    memory(subject, report);
    caches(subject, report);
    disk(subject, report);
}

/// The sizes that segments and queues in `run_dir` may reach.
fn needed(subject: &Subject) -> u64 {
    let settings = subject.settings();
    let mut needed = OTHER_SEGMENTS + settings.metrics.memory_bytes;
    if settings.cache.enabled {
        needed = needed.saturating_add(settings.cache.memory_bytes);
    }
    if settings.velox.cache.enabled {
        let entries = settings.velox.cache.max_entries as u64;
        needed = needed.saturating_add(entries.saturating_mul(INDEX_ENTRY));
    }
    if settings.sentry.dsn.is_some() && !settings.sentry.on_disk {
        needed = needed.saturating_add(settings.sentry.outbox_size);
    }
    needed
}

fn memory(subject: &Subject, report: &mut Report) {
    const CHECK: &str = "space of run_dir";
    let run = &subject.dirs.run;
    let Some(mount) = Mount::of(run) else {
        return;
    };
    let (needed, used) = (needed(subject), allocated_by_pillion(run));
    let missing = needed.saturating_sub(used);
    let found = format!(
        "{} of {} free in {}; segments and queues have {} and may have {}",
        bytes(mount.free),
        bytes(mount.size),
        mount.point.display(),
        bytes(used),
        bytes(needed),
    );
    let larger = match mount.is_memory() && mount.size <= CONTAINER_MEMORY {
        true => {
            "give the container more (`docker run --shm-size=256m`, `shm_size: 256m` of Compose, an emptyDir with `medium: Memory` at /dev/shm)"
        }
        false => "make it larger (`mount -o remount,size=512M`)",
    };
    let smaller = "or lower pillion.cache_memory and pillion.sentry_outbox_size";
    if mount.free_files == 0 {
        report.fail(
            CHECK,
            "no inode is free",
            "remove files, or mount it with more inodes",
        );
    } else if mount.free < missing && used == 0 {
        let advice = format!(
            "{larger}, {smaller}; otherwise segments are smaller, on the disk, or of one process"
        );
        report.fail(CHECK, found, advice);
    } else if mount.free < missing {
        report.warn(CHECK, found, format!("{larger}, {smaller}"));
    } else {
        report.ok(CHECK, found);
    }
}

/// Bytes of the segments and queues in `run_dir`, in which other programs may have files too.
fn allocated_by_pillion(run: &Path) -> u64 {
    let entries = fs::read_dir(run).into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        is_segment(&name) || OWN_DIRS.contains(&&*name)
    });
    own.map(|entry| match entry.path() {
        dir if dir.is_dir() => allocated(&dir),
        file => file.metadata().map_or(0, |found| found.blocks() * 512),
    })
    .sum()
}

/// A segment keeps the size with which it was created: one from a full file system, or from a process with another
/// setting, stays small.
fn caches(subject: &Subject, report: &mut Report) {
    const CHECK: &str = "shared cache";
    let settings = &subject.settings().cache;
    let wanted = settings.memory_bytes.max(MIN_BYTES as u64);
    let run = &subject.dirs.run;
    let entries = fs::read_dir(run).into_iter().flatten().flatten();
    let is_own = |name: &str| {
        name.starts_with("cache-")
            && name.ends_with(".seg")
            && is_segment(name)
            && !is_foreign(name)
    };
    let found = entries.filter(|entry| is_own(&entry.file_name().to_string_lossy()));
    for entry in found.filter(|_| settings.enabled) {
        let size = entry.metadata().map_or(0, |found| found.len());
        if size < wanted {
            report.warn(
                CHECK,
                format!(
                    "{} has {}, not the {} of pillion.cache_memory",
                    entry.path().display(),
                    bytes(size),
                    bytes(wanted)
                ),
                "its creator had no more space, or a smaller setting: make space, and remove the file to have a new one",
            );
        }
    }
}

fn disk(subject: &Subject, report: &mut Report) {
    const CHECK: &str = "space of the artifact cache";
    let cache = &subject.settings().velox.cache;
    let artifacts = subject.artifacts();
    let (path, needed) = match cache.enabled {
        true => (&artifacts, cache.max_size_bytes),
        false => (&subject.dirs.state, 0),
    };
    let Some(mount) = Mount::of(path) else {
        return;
    };
    let used = match cache.enabled {
        true => allocated(path),
        false => 0,
    };
    let found = format!(
        "{} of {} free in {}; artifacts have {} and may have {}",
        bytes(mount.free),
        bytes(mount.size),
        mount.point.display(),
        bytes(used),
        bytes(needed),
    );
    if mount.free < MIN_DISK || mount.free_files == 0 {
        report.fail(
            CHECK,
            found,
            "free some: builds are not kept, and dead letters are lost",
        );
    } else if mount.free < needed.saturating_sub(used) {
        let advice = "lower velox.cache.max_size_gb, or make the disk larger: the disk is full before artifacts are removed";
        report.warn(CHECK, found, advice);
    } else {
        report.ok(CHECK, found);
    }
}

/// Bytes that the files below a directory have allocated. Links are not followed; depth and number are bounded.
fn allocated(dir: &Path) -> u64 {
    fn add(dir: &Path, depth: u32, files: &mut u32) -> u64 {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut sum: u64 = 0;
        for entry in entries {
            *files += 1;
            let Ok(found) = entry.metadata() else {
                continue;
            };
            if *files > MAX_FILES {
                break;
            }
            sum = sum.saturating_add(match found.is_dir() && depth > 0 {
                true => add(&entry.path(), depth - 1, files),
                // A hard link of another name has the same bytes.
                false => found.blocks() * 512 / found.nlink().max(1),
            });
        }
        sum
    }
    const MAX_FILES: u32 = 200_000;
    add(dir, 6, &mut 0)
}
