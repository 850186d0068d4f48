//! Writers on PHP's threads, the sender on the runtime's, and those who make room.

use std::sync::Arc;

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::file::QueueFile;
use crate::{sentry::protocol::category::Priority, shm::epoch::Epoch};

fn file() -> Arc<QueueFile> {
    // Room for the header and two records.
    let made = QueueFile::create(None, Priority::Critical, 64 + 2 * 48, 1);
    match made {
        Ok(file) => Arc::new(file),
        Err(error) => unreachable!("{error}"),
    }
}

fn envelope(file: &QueueFile, index: u32) -> Vec<u8> {
    let record = file.read(index);
    assert!(record.is_some(), "a record that is ready is torn");
    record.map(|record| record.envelope).unwrap_or_default()
}

/// Who finds a record ready finds it whole.
pub fn who_takes_a_record_finds_it_whole() {
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

/// Two who write at once have places of their own, and neither waits for the other.
pub fn two_who_write_at_once() {
    let file = file();
    let writers = [&b"first"[..], b"other"].map(|text| {
        let file = Arc::clone(&file);
        thread::spawn(move || {
            let index = file.push(b"", text, 7);
            assert!(index.is_some(), "there is room for both");
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

/// What was appended before a file was sealed is counted by whoever seals it; afterwards nothing is.
pub fn a_file_is_sealed_while_somebody_writes() {
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
        "it was done with, and is not empty"
    );
    assert_eq!(file.claim(), pushed);
}

/// One that waits is dropped or goes on its way, and never both.
pub fn one_that_waits_is_dropped_while_it_is_resumed() {
    let file = file();
    file.push(b"", b"held", 7);
    assert_eq!(file.claim(), Some(0));
    file.defer(0);
    let dropper = {
        let file = Arc::clone(&file);
        thread::spawn(move || file.evict_oldest(0).is_some())
    };
    let resumed = file.resume(0);
    let dropped = dropper.join().unwrap_or(false);
    assert!(resumed != dropped, "resumed {resumed}, dropped {dropped}");
}

/// A mapping goes when no writer can be looking at it any more.
pub fn a_mapping_goes_while_somebody_writes() {
    let shared =
        loom::sync::Arc::new((Epoch::default(), AtomicUsize::new(1), UnsafeCell::new(true)));
    let writer = {
        let shared = loom::sync::Arc::clone(&shared);
        thread::spawn(move || {
            let (epoch, current, mapping) = &*shared;
            let _pin = epoch.pin();
            if current.load(Ordering::Acquire) == 1 {
                // SAFETY: what the scene is about; loom tells where it does not hold.
                mapping.with(|mapped| assert!(unsafe { *mapped }));
            }
        })
    };
    let (epoch, current, mapping) = &*shared;
    // Somebody may have looked at the turn before this one, and come in after it.
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
