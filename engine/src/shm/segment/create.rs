//! Creation of segments: allocated and filled under a temporary name, then published once. On the thread that first
//! needs the segment.

use std::{
    fs::{self, File},
    io,
    path::Path,
    time::SystemTime,
};

use super::Segment;
use crate::{
    failpoint::failpoint,
    shm::{allocate, publish},
};

/// Suffix of a segment that is being created.
const TEMPORARY: &str = ".tmp";
/// Attempts to open or create a segment while other processes remove it.
const MAX_ATTEMPTS: usize = 4;

/// The result of [`Segment::open_or_create`].
#[derive(Debug)]
pub(crate) enum Opened {
    /// This process created it.
    Created(Segment),
    /// It existed.
    Existing(Segment),
}

impl Opened {
    /// Returns the segment, created or not.
    pub(crate) fn into_segment(self) -> Segment {
        match self {
            Self::Created(segment) | Self::Existing(segment) => segment,
        }
    }
}

impl Segment {
    /// Opens the segment of `bytes` at `path`, or creates it: allocates a temporary file, lets `fill` prepare it, and
    /// links it to `path`, so that no process maps a half-made one and only one creates it. Removes what crashed
    /// creators left in the directory. `bytes` is a multiple of 8.
    ///
    /// # Errors
    /// `InvalidData` if the file at `path` is no segment of that size; `StorageFull`; an I/O error.
    pub(crate) fn open_or_create(
        path: &Path,
        bytes: usize,
        fill: impl Fn(&Self),
    ) -> io::Result<Opened> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(segment) = Self::open(path)? {
                segment.check_size(bytes)?;
                return Ok(Opened::Existing(segment));
            }
            if let Some(segment) = Self::publish(path, bytes, &fill)? {
                return Ok(Opened::Created(segment));
            }
        }
        Err(io::Error::other("it is removed again and again"))
    }

    /// Returns `None` if another process was first.
    pub(super) fn publish(
        path: &Path,
        bytes: usize,
        fill: impl Fn(&Self),
    ) -> io::Result<Option<Self>> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        sweep(dir, SystemTime::now());
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{:016x}{TEMPORARY}", publish::random()?));
        let make = |temporary: &Path| {
            let segment = Self::create(temporary, bytes)?;
            fill(&segment);
            failpoint!("segment.filled");
            Ok(segment)
        };
        let linked = || failpoint!("segment.linked");
        publish::publish(Path::new(&temporary), path, make, linked)
    }

    /// Creates a file of zeros at `path`, visible to others before it has its size; `bytes` is a multiple of 8.
    ///
    /// # Errors
    /// `AlreadyExists`; `StorageFull`, also if less than a megabyte would remain; an I/O error.
    pub(crate) fn create(path: &Path, bytes: usize) -> io::Result<Self> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        allocate::check_space(dir, bytes)?;
        let mut file = allocate::create_new(path)?;
        failpoint!("segment.made");
        let made = Self::allocate(&mut file, dir, bytes);
        if made.is_err() {
            let _ = fs::remove_file(path);
        }
        made
    }

    fn allocate(file: &mut File, dir: &Path, bytes: usize) -> io::Result<Self> {
        allocate::inherit_group_mode(file, dir)?;
        allocate::allocate_blocks(file, bytes)?;
        failpoint!("segment.allocated");
        let segment = Self::map(file, bytes, true)?;
        allocate::allocate_pages(&segment.map, file)?;
        Ok(segment)
    }
}

/// Removes the segments in `dir` that crashed processes left half-made. Returns how many.
pub(crate) fn sweep(dir: &Path, now: SystemTime) -> u64 {
    publish::remove_stale(dir, now, publish::STALE_TEMP_AGE, is_temporary)
}

/// Whether a name ends as those of segments that are being created: 16 hex digits after a separator, and [`TEMPORARY`].
fn is_temporary(name: &str) -> bool {
    let Some((stem, digits)) = name
        .strip_suffix(TEMPORARY)
        .and_then(|name| name.split_at_checked(name.len().checked_sub(16)?))
    else {
        return false;
    };
    // Versions before this one separate the digits by a hyphen.
    stem.ends_with(['.', '-']) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}
