//! The segment of the host that the counters are in: `metrics-v1.seg` in `run_dir`, shared by all versions of Pillion,
//! and left alone when the service restarts. Before it is mapped, and where it can't be, a process counts in memory of
//! its own. Any thread; no lock, because a forked child may have inherited it locked.

use std::{
    io,
    path::{Path, PathBuf},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use super::{GROUPS, application};
use crate::shm::counters::CounterSegment;

const NAME: &str = "metrics-v1.seg";

/// The mapped segment. Never unmapped, because any thread may be about to count in it.
struct Mapped {
    segment: CounterSegment,
    path: PathBuf,
}

/// The last one. Null: this process counts in its own memory.
static MAPPED: AtomicPtr<Mapped> = AtomicPtr::new(ptr::null_mut());

fn mapped() -> Option<&'static Mapped> {
    // SAFETY: null, or leaked by `share`.
    unsafe { MAPPED.load(Ordering::Acquire).as_ref() }
}

/// Counts in the segment in `run_dir` from now on, creates it if it is absent, and moves earlier counts there.
/// Does so anew if its file was removed. Closes the application's metrics if theirs was.
///
/// # Errors
/// The segment can't be opened; counts stay in the memory of this process. `StorageFull`: some do.
pub fn share(run_dir: &Path) -> io::Result<()> {
    application::check(run_dir);
    let path = run_dir.join(NAME);
    let same = mapped().filter(|mapped| mapped.path == path);
    let current = match same {
        Some(mapped) if mapped.segment.is_current(&path) => mapped,
        _ => {
            let segment = CounterSegment::open(&path)?;
            let new = Box::leak(Box::new(Mapped { segment, path }));
            MAPPED.store(new, Ordering::Release);
            &*new
        }
    };
    let replaces = same.is_some();
    let shared = super::all().map(|metric| metric.share(&current.segment, replaces));
    match shared.fold(true, |all, shared| all & shared) {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::StorageFull,
            format!("{}: no space for further metrics", current.path.display()),
        )),
    }
}

/// Whether the file of the segment was removed, or that of the application's metrics, so that [`share`] is due. Two
/// system calls.
#[must_use]
pub fn is_lost() -> bool {
    mapped().is_some_and(|mapped| !mapped.segment.is_current(&mapped.path))
        || application::is_lost()
}

/// Resets all metrics, because a forked child starts at zero, and its directories may be others. Async-signal-safe.
pub fn after_fork() {
    MAPPED.store(ptr::null_mut(), Ordering::Release);
    application::after_fork();
    for metric in GROUPS.iter().flat_map(|group| group.metrics) {
        metric.reset();
    }
}
