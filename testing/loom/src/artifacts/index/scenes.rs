//! The table around the slots.

use std::sync::Arc;

use loom::thread;

use super::Index;
use crate::artifacts::{ConfigDigest, IndexRecord, Key, journal::Position};

const KEY: Key = Key(0x2ecc_b077_c71e_1f91);

/// The position in the journal.
const SEEN: Position = Position {
    file: 1,
    offset: 64,
};

fn record(build: u32) -> IndexRecord {
    IndexRecord {
        key: KEY,
        sha256: [build as u8; 32],
        size: build.into(),
        created_ms: 1,
        expires_ms: u64::MAX,
        accessed_ms: 1,
        build_ms: build,
        digest: ConfigDigest(build.into()),
    }
}

/// A process that has read the position finds every record up to there, because it does not read that part of the
/// journal itself.
pub fn reader_of_the_position_finds_the_record() {
    let index = Arc::new(Index::new());
    let shared = Arc::clone(&index);
    let writer = thread::spawn(move || {
        shared.writer().store(&record(1));
        shared.set_position(SEEN);
    });
    if index.position() == SEEN {
        assert_eq!(index.get(KEY), Some(record(1)));
    }
    let _ = writer.join();
}

/// The same for a process that has read the number of records.
pub fn reader_of_the_count_finds_the_record() {
    let index = Arc::new(Index::new());
    let shared = Arc::clone(&index);
    let writer = thread::spawn(move || {
        shared.writer().store(&record(1));
    });
    if index.len() == 1 {
        assert_eq!(index.get(KEY), Some(record(1)));
    }
    let _ = writer.join();
}

/// A second writer changes the record of the first.
pub fn second_writer_builds_on_the_first() {
    let index = Arc::new(Index::new());
    let shared = Arc::clone(&index);
    let first = thread::spawn(move || {
        shared.writer().store(&record(1));
    });
    index.writer().remove(KEY);
    index.writer().store(&record(2));
    let _ = first.join();
    assert_eq!(index.len(), 1, "one key, one record");
    let found = index.get(KEY).map(|found| found.build_ms);
    assert!(matches!(found, Some(1 | 2)), "{found:?}");
}
