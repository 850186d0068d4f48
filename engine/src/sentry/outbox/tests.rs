//! The outbox: growth, capacity, concurrent writers, freed memory.

use super::{
    sizes::{GROWTH_FACTOR, MIN_FILE_BYTES},
    *,
};

fn capacity(bytes: u64, records: usize) -> Capacity {
    Capacity { bytes, records }
}

fn drain(outbox: &Outbox) -> usize {
    let mut count = 0;
    for priority in Priority::ALL {
        while let Some(claim) = outbox.claim(priority) {
            assert!(claim.read().is_some());
            outbox.settle(&claim);
            count += 1;
        }
    }
    count
}

#[test]
fn four_writers_and_one_reader_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, error) = Outbox::open(Some(dir.path()), capacity(64 << 20, 1 << 30));
    assert!(error.is_none());
    let done = std::sync::atomic::AtomicBool::new(false);
    let envelope = vec![b'x'; 5000];
    let mut read = 0;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let pushed = outbox
                            .push(Priority::Critical, b"dsn", &envelope, 1)
                            .unwrap();
                        assert_eq!(pushed, Pushed::Stored(0));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            writers
                .into_iter()
                .for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) || outbox.queued() > 0 {
            read += drain(&outbox);
            outbox.maintain(false);
        }
    });
    assert_eq!(read, 4000);
    for _ in 0..4 {
        outbox.maintain(true);
    }
    assert!(outbox.bytes() <= 256 << 10, "{}", outbox.bytes());
    drop(outbox);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn busy_outboxes_keep_to_the_capacity_of_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let (other, _) = Outbox::open(Some(dir.path()), capacity(4 << 20, 1 << 30));
    let (outbox, _) = Outbox::open(Some(dir.path()), capacity(4 << 20, 1 << 30));
    assert_eq!(outbox.bytes(), 0);
    let envelope = vec![b'x'; 10_000];
    for _ in 0..100 {
        other.push(Priority::Critical, b"", &envelope, 1).unwrap();
    }
    let mut evicted = 0;
    for _ in 0..2000 {
        match outbox.push(Priority::Critical, b"", &envelope, 1).unwrap() {
            Pushed::Stored(more) => evicted += more,
            Pushed::Full(more) => evicted += more + 1,
        }
        while let Some(claim) = outbox.take_evicted() {
            outbox.settle_evicted(&claim);
        }
    }
    let on_disk: u64 = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(on_disk <= (4 << 20) + (1 << 20), "{on_disk}");
    assert!(evicted > 1000);
    assert_eq!(outbox.queued() + evicted, 2000);
}

#[test]
fn grown_chain_gets_its_next_file_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(Some(dir.path()), capacity(64 << 20, 1000));
    let files = || std::fs::read_dir(dir.path()).unwrap().count() - 1;
    let push = |bytes| {
        let pushed = outbox.push(Priority::Critical, b"", &vec![b'x'; bytes], 1);
        assert_eq!(pushed.unwrap(), Pushed::Stored(0));
    };
    push(20_000);
    outbox.maintain(false);
    assert_eq!(
        (files(), outbox.bytes()),
        (1, MIN_FILE_BYTES as u64),
        "the small one"
    );
    push(80_000);
    assert_eq!(files(), 2);
    // An idle outbox has none, even if it has records.
    outbox.maintain(true);
    assert_eq!(files(), 2);
    outbox.maintain(false);
    let all = MIN_FILE_BYTES * (1 + GROWTH_FACTOR + GROWTH_FACTOR * GROWTH_FACTOR);
    assert_eq!((files(), outbox.bytes()), (3, all as u64));
    outbox.maintain(true);
    assert_eq!(files(), 2);
}

#[test]
fn largest_files_take_turns_while_a_chain_is_busy() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let (outbox, _) = Outbox::open(Some(dir.path()), capacity(4 << 20, 1000));
    let boxes = || {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let files = entries.map(|entry| entry.unwrap().metadata().unwrap());
        let files = files.filter(|file| file.len() == 128 << 10);
        files.map(|file| file.ino()).collect::<Vec<_>>()
    };
    let mut seen = std::collections::HashSet::new();
    // Dozens of files' worth, in records of different sizes and of two classes.
    for n in 0..800usize {
        let envelope = vec![1; 2000 + 97 * n % 9000];
        let priority = [Priority::Critical, Priority::Low][n % 2];
        outbox.push(priority, b"", &envelope, 1).unwrap();
        assert_eq!(drain(&outbox), 1);
        outbox.maintain(false);
        seen.extend(boxes());
        assert!(boxes().len() <= 2 + sizes::MAX_SPARES);
    }
    assert!(seen.len() <= 2 + sizes::MAX_SPARES, "{}", seen.len());
    outbox.maintain(true);
    assert!(boxes().is_empty(), "an idle outbox keeps none");
    drop(outbox);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn spares_yield_to_a_full_host() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let (outbox, _) = Outbox::open(Some(dir.path()), capacity(4 << 20, 10_000));
    let push = || {
        let pushed = outbox.push(Priority::Critical, b"", &[1; 10_000], 1);
        pushed.unwrap() == Pushed::Stored(0)
    };
    for _ in 0..60 {
        assert!(push());
        drain(&outbox);
        outbox.maintain(false);
    }
    let kept = |chains: &Chains| !chains.spares.is_empty() || chains.kept().next().is_some();
    assert!(kept(&outbox.chains()));
    let stored = std::iter::repeat_with(push)
        .take_while(|stored| *stored)
        .count();
    assert!(stored > 340, "{stored} of 4 MiB");
}

#[test]
fn reused_files_are_adopted_in_the_order_of_their_records() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let (outbox, _) = Outbox::open(Some(dir.path()), capacity(4 << 20, 10_000));
    let push = |n: u64| {
        outbox.push(Priority::Critical, b"", &[1; 5000], n).unwrap();
    };
    for n in 0..200 {
        push(n);
        drain(&outbox);
        outbox.maintain(false);
    }
    // Four files: spares among them.
    (200..300).for_each(push);
    let lock = outbox.lock.as_ref().unwrap();
    let mut found = Vec::new();
    for path in lock.list_files() {
        let file = QueueFile::adopt(&path, std::sync::Arc::new(OutboxLock::unowned()));
        let file = file.unwrap().unwrap();
        let ready = (0..file.slots()).filter(|index| file.state(*index) == RecordState::Ready);
        found.extend(ready.map(|index| file.read(index).unwrap().accepted_ms));
    }
    assert_eq!(found, (200..300).collect::<Vec<_>>());
}

#[test]
fn outbox_falls_back_to_memory_with_an_error() {
    let (outbox, error) = Outbox::open(Some(Path::new("/proc/nowhere")), capacity(1 << 20, 10));
    assert!(error.is_some() && !outbox.is_durable());
    assert_eq!(
        outbox.push(Priority::High, b"", b"x", 1).unwrap(),
        Pushed::Stored(0)
    );
    assert_eq!(drain(&outbox), 1);
}

#[test]
fn records_in_no_file_are_evicted_at_the_end_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let outboxes = dir.path().join("outboxes");
    std::fs::create_dir(&outboxes).unwrap();
    let (outbox, _) = Outbox::open(Some(&outboxes), capacity(1 << 20, 1000));
    let push = |priority| outbox.push(priority, b"", &[b'x'; 100], 1).unwrap();
    push(Priority::Critical);
    std::fs::rename(&outboxes, dir.path().join("gone")).unwrap();
    (0..5).for_each(|_| assert_eq!(push(Priority::Low), Pushed::Stored(0)));
    push(Priority::Critical);
    let under_way = outbox.claim(Priority::Low).unwrap();
    let deferred = outbox.claim(Priority::Low).unwrap();
    outbox.defer(&deferred);
    assert_eq!((outbox.queued(), outbox.in_memory_records()), (7, 5));
    assert_eq!(outbox.evict_in_memory(), 4);
    assert_eq!(outbox.evict_in_memory(), 0);
    assert_eq!((outbox.queued(), outbox.in_memory_records()), (3, 1));
    outbox.settle(&under_way);
    assert_eq!((outbox.queued(), outbox.in_memory_records()), (2, 0));
    assert_eq!(std::iter::from_fn(|| outbox.take_evicted()).count(), 4);
}

#[test]
fn outbox_is_durable_without_records_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let outboxes = dir.path().join("outboxes");
    std::fs::create_dir(&outboxes).unwrap();
    let (outbox, _) = Outbox::open(Some(&outboxes), capacity(1 << 20, 1000));
    let push = || {
        outbox
            .push(Priority::Critical, b"", &[b'x'; 10_000], 1)
            .unwrap()
    };
    push();
    assert!(outbox.is_durable());
    assert_eq!(outbox.in_memory(), Backlog::default());
    // Files can no longer be created.
    std::fs::rename(&outboxes, dir.path().join("gone")).unwrap();
    (0..5).for_each(|_| assert_eq!(push(), Pushed::Stored(0)));
    assert!(!outbox.is_durable());
    let lost = outbox.in_memory().records;
    assert!((1..=5).contains(&lost), "{lost} of 6");
    assert_eq!(lost, outbox.in_memory_records());
    // They can again: once the records in memory are done, the next ones are in a file.
    std::fs::rename(dir.path().join("gone"), &outboxes).unwrap();
    drain(&outbox);
    outbox.maintain(false);
    assert_eq!(outbox.in_memory(), Backlog::default());
    push();
    assert!(outbox.is_durable());
    assert_eq!(backlog_in(&outboxes).records, 1);
}
