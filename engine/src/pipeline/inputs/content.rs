//! Hashes the content of input files, on several threads. A file counts with its content and with whether its owner may
//! execute it; other bits of its mode differ with each user's umask. A link counts with its target and is not followed.
//! Blocking threads.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sha2::{Digest as _, Sha256};

use crate::{pipeline::workspace::tree::File, remote::protocol::Checksum};

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Marks of files by path, or the reason why there is none.
pub type Marks = HashMap<PathBuf, Result<String, String>>;

/// The marks of all files; `threads` share the work.
pub fn marks(root: &Path, files: &[&File], threads: usize) -> Marks {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Marks::with_capacity(files.len()));
    let work = || {
        let mut own = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            own.push((
                file.path.clone(),
                mark(root, file).map_err(|error| error.to_string()),
            ));
        }
        found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(own);
    };
    thread::scope(|scope| {
        // A refused thread leaves its work to this one.
        for _ in 1..threads.min(files.len()) {
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The mark of one file: its kind and its SHA-256.
fn mark(root: &Path, file: &File) -> io::Result<String> {
    let path = root.join(&file.path);
    if file.is_link {
        let target = fs::read_link(&path)?;
        let hash = Sha256::digest(target.as_os_str().as_bytes());
        return Ok(format!("link {}", Checksum(hash.into())));
    }
    let mut open = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(&path)?;
    let metadata = open.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("no regular file"));
    }
    let kind = if metadata.mode() & 0o100 == 0 {
        "file"
    } else {
        "program"
    };
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match open.read(&mut block) {
            Ok(0) => break,
            Ok(length) => hash.update(block.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(format!("{kind} {}", Checksum(hash.finalize().into())))
}
