//! Writers on PHP's threads, the sender on a thread of the runtime, evictions, and freed mappings.

use std::sync::Arc;

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::file::QueueFile;
use crate::{sentry::protocol::category::Priority, shm::epoch::Epoch};

fn file() -> Arc<QueueFile> {
    // Space for the header and two records.
    let made = QueueFile::create(None, Priority::Critical, 64 + 2 * 48, 1, false);
    match made {
        Ok(file) => Arc::new(file),
        Err(error) => unreachable!("{error}"),
    }
}

fn envelope(file: &QueueFile, index: u32) -> Vec<u8> {
    let record = file.read(index);
    assert!(record.is_some(), "a ready record is torn");
    record.map(|record| record.envelope).unwrap_or_default()
}

/// A claimed record is complete.
pub fn claimed_record_is_complete() {
    let file = file();
    let sender = {
        let file = Arc::clone(&file);
        thread::spawn(move || {
            if let Some(index) = file.claim() {
                assert_eq!(envelope(&file, index), b"first");
                file.settle(index);
                assert!(file.is_drained());
            }
        })
    };
    let _ = file.push(b"d", b"first", 7);
    let _ = sender.join();
}

/// Concurrent writers get different slots, and neither waits for the other.
pub fn concurrent_writers_get_slots_of_their_own() {
    let file = file();
    let writers = [&b"first"[..], b"other"].map(|text| {
        let file = Arc::clone(&file);
        thread::spawn(move || {
            let index = file.push(b"", text, 7);
            assert!(index.is_some(), "both records fit");
            assert_eq!(envelope(&file, index.unwrap_or(0)), text);
        })
    });
    for writer in writers {
        let _ = writer.join();
    }
    assert_eq!(file.slots(), 2);
    let mut found = [file.claim(), file.claim()].map(|index| envelope(&file, index.unwrap_or(9)));
    found.sort();
    assert_eq!(found, [b"first".to_vec(), b"other".to_vec()]);
}

/// Records appended before a file is sealed are counted; none is appended afterwards.
pub fn file_is_sealed_while_a_thread_writes() {
    let file = file();
    let writer = {
        let file = Arc::clone(&file);
        thread::spawn(move || file.push(b"", b"late", 7))
    };
    file.seal();
    let (slots, finished) = (file.slots(), file.is_finished());
    let pushed = writer.join().ok().flatten();
    assert_eq!(pushed.is_some(), slots == 1);
    assert!(
        !finished || pushed.is_none(),
        "it was finished, and has a record"
    );
    assert_eq!(file.claim(), pushed);
}

/// A deferred record is evicted or resumed, never both.
pub fn deferred_record_is_evicted_while_it_is_resumed() {
    let file = file();
    file.push(b"", b"deferred", 7);
    assert_eq!(file.claim(), Some(0));
    file.defer(0);
    let evictor = {
        let file = Arc::clone(&file);
        thread::spawn(move || file.evict_oldest(0).is_some())
    };
    let resumed = file.resume(0);
    let evicted = evictor.join().unwrap_or(false);
    assert!(resumed != evicted, "resumed {resumed}, evicted {evicted}");
}

/// A mapping is freed when no writer uses it any more.
pub fn mapping_is_freed_while_a_thread_writes() {
    let shared =
        loom::sync::Arc::new((Epoch::default(), AtomicUsize::new(1), UnsafeCell::new(true)));
    let writer = {
        let shared = loom::sync::Arc::clone(&shared);
        thread::spawn(move || {
            let (epoch, current, mapping) = &*shared;
            let _pin = epoch.pin();
            if current.load(Ordering::Acquire) == 1 {
                // SAFETY: this is the subject of the scene; loom reports a violation.
                mapping.with(|mapped| assert!(unsafe { *mapped }));
            }
        })
    };
    let (epoch, current, mapping) = &*shared;
    // A writer may have read the turn before this one, and be pinned after it.
    let before = epoch.turn();
    if epoch.is_over(before) {
        current.swap(0, Ordering::AcqRel);
        let turn = epoch.turn();
        if epoch.is_over(turn) {
            // SAFETY: as above.
            mapping.with_mut(|mapped| unsafe { *mapped = false });
        }
    }
    let _ = writer.join();
}
