//! One slot of two words, in place of the index's slots of eleven.

use std::sync::Arc;

use loom::thread;

use super::seqlock::{self, SeqRead};
use crate::sync::atomic::AtomicU64;

const LIVE: u64 = 1;
const ATTEMPTS: usize = 2;

struct Words {
    head: AtomicU64,
    body: [AtomicU64; 2],
}

impl Words {
    fn new() -> Arc<Self> {
        let words = Self {
            head: AtomicU64::new(0),
            body: [const { AtomicU64::new(0) }; 2],
        };
        Arc::new(words)
    }

    fn write(&self, value: u64) {
        seqlock::write(&self.head, &self.body, LIVE, [value; 2], || {});
    }

    /// The value; panics if the two words belong to different records.
    fn read(&self) -> Option<u64> {
        match seqlock::read(&self.head, &self.body, LIVE, ATTEMPTS) {
            SeqRead::Words([first, second]) => {
                assert_eq!(first, second, "halves of two records were seen as one");
                assert_ne!(first, 0, "a record was seen before it was stored");
                Some(first)
            }
            SeqRead::Empty | SeqRead::Busy => None,
        }
    }
}

/// A writer stores two records in sequence during a read.
pub fn reader_beside_a_writer_sees_whole_records() {
    let words = Words::new();
    words.write(1);
    let shared = Arc::clone(&words);
    let writer = thread::spawn(move || {
        shared.write(2);
        shared.write(3);
    });
    words.read();
    let _ = writer.join();
    assert_eq!(words.read(), Some(3));
}

/// A reader that has read a record never reads an older one.
pub fn later_read_never_sees_an_older_record() {
    let words = Words::new();
    words.write(1);
    let shared = Arc::clone(&words);
    let writer = thread::spawn(move || shared.write(2));
    let first = words.read();
    let second = words.read();
    assert!(second.is_none() || second >= first, "{first:?}, {second:?}");
    let _ = writer.join();
}

/// A writer dies after its first word; the next one stores, during a read.
pub fn writer_takes_over_from_a_dead_one() {
    let words = Words::new();
    words.write(1);
    let shared = Arc::clone(&words);
    let dies = thread::spawn(move || {
        let mut stored = 0;
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            seqlock::write(&shared.head, &shared.body, LIVE, [2, 2], || {
                stored += 1;
                if stored == 1 {
                    std::panic::resume_unwind(Box::new("killed"));
                }
            });
        }));
        assert!(killed.is_err());
        shared.write(3);
    });
    words.read();
    let _ = dies.join();
    assert_eq!(words.read(), Some(3));
}
