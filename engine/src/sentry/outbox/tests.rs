//! The outbox as a whole: growing, room, threads, memory that comes back.

use super::*;

fn room(bytes: u64, records: usize) -> Capacity {
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
fn four_threads_write_while_one_reads_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, error) = Outbox::open(Some(dir.path()), room(64 << 20, 1 << 30));
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
fn an_idle_outbox_is_small_and_a_busy_one_keeps_to_the_hosts_budget() {
    let dir = tempfile::tempdir().unwrap();
    let (other, _) = Outbox::open(Some(dir.path()), room(4 << 20, 1 << 30));
    let (outbox, _) = Outbox::open(Some(dir.path()), room(4 << 20, 1 << 30));
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
fn chain_gets_its_next_file_ahead_once_it_has_grown() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(Some(dir.path()), room(64 << 20, 1000));
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
    // An idle one has none, though its records wait.
    outbox.maintain(true);
    assert_eq!(files(), 2);
    outbox.maintain(false);
    let all = MIN_FILE_BYTES * (1 + GROWTH_FACTOR + GROWTH_FACTOR * GROWTH_FACTOR);
    assert_eq!((files(), outbox.bytes()), (3, all as u64));
    outbox.maintain(true);
    assert_eq!(files(), 2);
}

#[test]
fn where_no_file_can_be_had_memory_does_and_it_is_said() {
    let (outbox, error) = Outbox::open(Some(Path::new("/proc/nowhere")), room(1 << 20, 10));
    assert!(error.is_some() && !outbox.is_durable());
    assert_eq!(
        outbox.push(Priority::High, b"", b"x", 1).unwrap(),
        Pushed::Stored(0)
    );
    assert_eq!(drain(&outbox), 1);
}

#[test]
fn it_is_durable_while_nothing_lies_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("outboxes");
    std::fs::create_dir(&place).unwrap();
    let (outbox, _) = Outbox::open(Some(&place), room(1 << 20, 1000));
    let push = || {
        outbox
            .push(Priority::Critical, b"", &[b'x'; 10_000], 1)
            .unwrap()
    };
    push();
    assert!(outbox.is_durable());
    assert_eq!(outbox.in_memory(), Backlog::default());
    // No more files can be made.
    std::fs::rename(&place, dir.path().join("gone")).unwrap();
    (0..5).for_each(|_| assert_eq!(push(), Pushed::Stored(0)));
    assert!(!outbox.is_durable());
    let lost = outbox.in_memory().records;
    assert!((1..=5).contains(&lost), "{lost} of 6");
    // They can again: what comes next has one, when those in memory are done.
    std::fs::rename(dir.path().join("gone"), &place).unwrap();
    drain(&outbox);
    outbox.maintain(false);
    assert_eq!(outbox.in_memory(), Backlog::default());
    push();
    assert!(outbox.is_durable());
    assert_eq!(backlog_in(&place).records, 1);
}
