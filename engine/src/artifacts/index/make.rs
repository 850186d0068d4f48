//! Making a segment: whole, under a name of its own, and published by link(2), so that nobody maps
//! half of one. Its pages are allocated before anybody stores into them, because a store into a page
//! that a full tmpfs can't give is a SIGBUS. Once a boot, on the thread that first needs it.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use super::segment::Segment;
use crate::{
    failpoint::{FailPoint, reach},
    host::{files, segment},
};

/// How the name of a segment ends that is being made.
const TEMPORARY: &str = ".tmp";
/// Making takes a fraction of a second; whose file is older died over it.
const DEAD: Duration = Duration::from_secs(60);

impl Segment {
    /// Makes a segment that `fill` prepares and publishes it under `path`. `Ok(None)`: another
    /// process was first.
    pub(super) fn create(
        path: &Path,
        bytes: usize,
        fill: impl FnOnce(&Self),
    ) -> io::Result<Option<Self>> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        segment::check_room(dir, bytes)?;
        sweep(path, SystemTime::now());
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{:016x}{TEMPORARY}", random()?));
        let temporary = Path::new(&temporary);
        let made = Self::make(temporary, dir, bytes).and_then(|segment| {
            fill(&segment);
            reach(FailPoint::SegmentFilled);
            let linked = fs::hard_link(temporary, path);
            reach(FailPoint::SegmentLinked);
            match linked {
                Ok(()) => Ok(Some(segment)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(error),
            }
        });
        let _ = fs::remove_file(temporary);
        made
    }

    fn make(path: &Path, dir: &Path, bytes: usize) -> io::Result<Self> {
        let mut file = segment::create_new(path)?;
        reach(FailPoint::SegmentMade);
        segment::share(&file, dir)?;
        segment::allocate(&mut file, bytes)?;
        reach(FailPoint::SegmentAllocated);
        let made = Self::map(&file, bytes, true)?;
        if segment::populate(&made.map).is_err() {
            segment::zeros(&mut file, bytes)?;
        }
        Ok(made)
    }
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

/// Removes what processes left that died while they made the same segment; tells how many files.
pub(super) fn sweep(path: &Path, now: SystemTime) -> u64 {
    let (Some(dir), Some(name)) = (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) else {
        return 0;
    };
    files::sweep(dir, now, DEAD, |found| {
        found.starts_with(name) && found.ends_with(TEMPORARY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, os::unix::fs::MetadataExt as _, sync::atomic::Ordering};

    #[test]
    fn whoever_comes_second_gets_the_segment_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        let made = Segment::create(&path, 8192, |s| s.words()[3].store(7, Ordering::Relaxed));
        assert!(made.unwrap().is_some());
        assert!(Segment::create(&path, 8192, |_| {}).unwrap().is_none());
        let opened = Segment::open(&path, 8192).unwrap().unwrap();
        assert_eq!(opened.words()[3].load(Ordering::Relaxed), 7);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_pages_of_a_segment_are_allocated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        Segment::create(&path, 1 << 20, |_| {}).unwrap();
        assert!(path.metadata().unwrap().blocks() * 512 >= 1 << 20);
    }

    #[test]
    fn what_dead_makers_left_goes_and_what_living_ones_make_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        let (dead, living) = (
            dir.path().join("a.seg.1.tmp"),
            dir.path().join("a.seg.2.tmp"),
        );
        let file = File::create(&dead).unwrap();
        file.set_modified(SystemTime::now() - DEAD * 2).unwrap();
        File::create(&living).unwrap();
        Segment::create(&path, 8192, |_| {}).unwrap();
        assert!(!dead.exists() && living.exists());
    }
}
