//! Reads an archive of a fuzzer, entry by entry. Restores nothing.
#![allow(clippy::panic, reason = "a broken invariant is a failing input")]

use std::{fs::File, io::Write as _};

use rustix::fs::{MemfdFlags, memfd_create};

use super::{
    entry::{EntryPath, Kind, check_target},
    header::{self, BLOCK, Header},
    log,
    reader::{Limits, Reader},
};

const LIMITS: Limits = Limits {
    max_entries: 100,
    max_bytes: 1 << 20,
};

/// Reads an archive, and checks each entry that would be created.
pub fn read(archive: &[u8]) {
    let Ok(file) = memfd_create(c"archive", MemfdFlags::CLOEXEC).map(File::from) else {
        return;
    };
    if (&file).write_all(archive).is_err() {
        return;
    }
    if let Ok(log) = log::read_log(&file) {
        assert!(log.len() <= log::MAX_LOG);
    }
    let Ok(mut reader) = Reader::new(&file, LIMITS) else {
        return;
    };
    let mut last: Option<EntryPath> = None;
    while let Ok(Some(entry)) = reader.next() {
        assert!(entry.mode <= 0o777);
        assert!(
            entry
                .path
                .names()
                .all(|name| name != "." && name != ".." && !name.is_empty())
        );
        assert!(last.is_none_or(|last| last < entry.path));
        if let Kind::Link(target) = &entry.kind {
            assert_eq!(check_target(&entry.path, target), Ok(()));
        }
        let head = header::encode(&entry);
        let (blocks, rest) = head.as_chunks::<BLOCK>();
        assert!(rest.is_empty());
        if let [block] = blocks {
            assert_eq!(
                header::decode(block, None),
                Ok(Header::Entry(entry.clone()))
            );
        }
        last = Some(entry.path);
    }
}
