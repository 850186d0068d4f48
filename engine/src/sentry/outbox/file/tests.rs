//! A queue file: order, capacity, the death of writers, untrusted bytes.

use super::{
    format::{ATTEMPTS_SHIFT, STATE},
    *,
};
use proptest::prelude::*;

fn small(bytes: usize) -> QueueFile {
    QueueFile::create(None, Priority::Critical, bytes, 1, false).unwrap()
}

#[test]
fn records_keep_their_order_until_the_file_is_full() {
    let file = small(4096);
    let mut pushed = 0u64;
    while file
        .push(b"dsn", format!("envelope {pushed}").as_bytes(), pushed)
        .is_some()
    {
        pushed += 1;
    }
    assert!(pushed > 50, "{pushed}");
    for at in 0..pushed {
        let index = file.claim().unwrap();
        let record = file.read(index).unwrap();
        assert_eq!(record.envelope, format!("envelope {at}").as_bytes());
        assert_eq!(
            (record.dsn.as_slice(), record.accepted_ms),
            (&b"dsn"[..], at)
        );
        file.settle(index);
    }
    assert!(file.claim().is_none());
    assert!(file.is_drained() && !file.is_finished());
    file.seal();
    assert!(file.is_finished());
    assert!(file.push(b"", b"x", 0).is_none());
}

#[test]
fn deferred_records_are_evictable_and_claimed_ones_are_not() {
    let file = small(4096);
    for n in 0..4u64 {
        file.push(b"", format!("{n}").as_bytes(), n).unwrap();
    }
    let taken: Vec<_> = (0..3).map(|_| file.claim().unwrap()).collect();
    assert_eq!(file.evict_oldest(0), Some(3), "all others are claimed");
    file.count_attempt(1);
    file.defer(1);
    file.defer(0);
    let state = file.slot(2, STATE).unwrap();
    let all_ones = u64::MAX << ATTEMPTS_SHIFT;
    state.fetch_or(all_ones.to_le(), Ordering::Relaxed);
    file.count_attempt(2);
    assert_eq!(
        (file.state(2), file.read(2).unwrap().attempts),
        (RecordState::Claimed, 0)
    );
    assert_eq!(file.claim(), None, "a deferred record is not claimed again");
    assert_eq!(file.evict_oldest(0), Some(0));
    assert!(!file.resume(0) && file.resume(1));
    assert_eq!(file.read(1).unwrap().attempts, 1);
    assert_eq!(file.evict_oldest(0), None);
    taken.into_iter().for_each(|index| file.settle(index));
    assert!(!file.is_drained());
    file.settle(3);
    assert!(file.is_drained());
}

#[test]
fn writer_that_dies_loses_its_own_record_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1.0.0.v1.box");
    let file = QueueFile::create(Some(path.clone()), Priority::High, 8192, 1, true).unwrap();
    file.push(b"", b"first", 1).unwrap();
    // Reserved, and never published.
    file.reserve(64).unwrap();
    file.push(b"", b"third", 3).unwrap();
    assert_eq!(file.claim(), Some(0));
    assert_eq!(file.claim(), Some(2));
    let adopted = QueueFile::adopt(&path, Arc::new(OutboxLock::unowned()))
        .unwrap()
        .unwrap();
    let found = adopted.recover();
    assert_eq!((found.ready, found.evicted.len(), found.torn), (2, 0, 1));
    let texts: Vec<_> = std::iter::from_fn(|| adopted.claim())
        .map(|index| {
            let record = adopted.read(index).unwrap();
            adopted.settle(index);
            record.envelope
        })
        .collect();
    assert_eq!(texts, [b"first".to_vec(), b"third".to_vec()]);
    assert!(adopted.is_finished());
}

#[test]
fn reused_file_has_no_record_of_its_former_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = |number| dir.path().join(format!("1.0.{number}.v1.box"));
    let mut file = QueueFile::create(Some(path(0)), Priority::High, 16 << 10, 1, false).unwrap();
    // Each word of this data looks like the state of a ready record.
    let data = u64::to_le_bytes(RecordState::Ready as u64).repeat(200);
    for number in 1..5 {
        while file.push(b"", &data, 1).is_some() {}
        while let Some(index) = file.claim() {
            assert_eq!(file.read(index).unwrap().envelope, data);
            file.settle(index);
        }
        assert!(!file.is_reusable(), "it takes records");
        file.seal();
        assert!(file.is_reusable());
        file = file.empty();
        assert!(file.push(b"", b"x", 1).is_none(), "not begun");
        file.begin(Priority::Low, Some(path(number)), 2).unwrap();
        assert!(path(number).exists() && !path(number - 1).exists());
        assert_eq!((file.slots(), file.priority), (0, Priority::Low));
    }
    let mut slots = 0;
    while let Some((index, _)) = file.reserve(8) {
        assert_eq!(file.state(index), RecordState::Empty);
        slots += 1;
    }
    assert!(slots > 8, "{slots}");
    assert!(file.fill_percent() > 90);
    assert_eq!(file.claim(), None);
}

#[test]
fn files_on_a_disk_and_hardly_used_ones_are_not_reusable() {
    let dir = tempfile::tempdir().unwrap();
    let finished = |number: u64, records: usize, on_disk: bool| {
        let path = dir.path().join(format!("1.0.{number}.v1.box"));
        let file = QueueFile::create(Some(path), Priority::High, 64 << 10, 1, on_disk).unwrap();
        for _ in 0..records {
            file.push(b"", &[1; 4000], 1).unwrap();
            file.settle(file.claim().unwrap());
        }
        file.seal();
        file.is_reusable()
    };
    assert!(finished(1, 15, false));
    assert!(!finished(2, 15, true));
    assert!(!finished(3, 7, false));
}

#[test]
fn record_with_changed_bytes_is_torn_where_files_are_on_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1.0.0.v1.box");
    let file = QueueFile::create(Some(path), Priority::High, 4096, 1, true).unwrap();
    let index = file.push(b"d", b"some envelope", 1).unwrap();
    file.segment
        .word(9)
        .unwrap()
        .fetch_xor(1, Ordering::Relaxed);
    assert_eq!(file.read(index), None);
}

#[test]
fn concurrent_writers_leave_complete_records() {
    let file = small(1 << 20);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let file = &file;
            scope.spawn(move || {
                for n in 0..500 {
                    let text = format!("{thread}:{n}:").repeat(1 + n % 7);
                    file.push(b"dsn", text.as_bytes(), n as u64).unwrap();
                }
            });
        }
    });
    let mut next = [0; 4];
    while let Some(index) = file.claim() {
        let text = String::from_utf8(file.read(index).unwrap().envelope).unwrap();
        let mut parts = text.split(':');
        let (thread, n): (usize, usize) = (
            parts.next().unwrap().parse().unwrap(),
            parts.next().unwrap().parse().unwrap(),
        );
        assert_eq!(n, next[thread]);
        next[thread] += 1;
    }
    assert_eq!(next, [500; 4]);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(
        words in proptest::collection::vec(any::<u64>(), 16..64),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.v1.box");
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let length = bytes.len() as u64;
        for (at, value) in [(0, MAGIC), (1, length), (2, 1)] {
            bytes[at * 8..at * 8 + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let file = QueueFile::adopt(&path, Arc::new(OutboxLock::unowned())).unwrap().unwrap();
        file.recover();
        while let Some(index) = file.claim() {
            let _ = file.read(index);
            file.settle(index);
        }
    }
}
