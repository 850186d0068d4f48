//! A wall clock that is set back and forth by days, while artifacts are found, made and cleaned. The
//! rules: a step evicts nothing at once, nothing stays for ever because of it, and no lookup is wrong.

use super::*;

const DAY: u64 = 24 * HOUR;

/// A fixture with a wall clock that is set apart from its boot clock.
struct Tower {
    fixture: Fixture,
    hands: Arc<[AtomicU64; 2]>,
}

impl Tower {
    fn new() -> Self {
        let mut fixture = Fixture::in_memory();
        let hands = Arc::new([AtomicU64::new(fixture.now()), AtomicU64::new(5 * HOUR)]);
        fixture.clock = Clock::Set(Arc::clone(&hands));
        Self { fixture, hands }
    }

    /// Sets the wall clock, without a moment going by.
    fn set(&self, ms: i64) {
        self.hands[0].fetch_add(ms as u64, Ordering::Relaxed);
    }

    fn advance(&self, ms: u64) {
        for hand in self.hands.iter() {
            hand.fetch_add(ms, Ordering::Relaxed);
        }
    }

    fn clean(&self, store: &Store) -> (u64, u64) {
        let report = store.clean(self.fixture.now()).unwrap();
        assert!(report.complete);
        (report.expired_removed, report.lru_removed)
    }
}

#[test]
fn short_jump_of_the_clock_evicts_nothing() {
    let tower = Tower::new();
    let store = tower.fixture.open();
    let records: Vec<IndexRecord> = (1..=20).map(|key| put(&store, key, b"binary")).collect();
    assert_eq!(tower.clean(&store), (0, 0));
    tower.advance(HOUR);
    for days in [1i64, 8, 400, 36_500] {
        tower.set(days * DAY as i64);
        assert_eq!(tower.clean(&store), (0, 0), "{days} days ahead");
        assert_eq!(
            store.find(Key(1)).is_some(),
            days < 7,
            "an expired one is not found"
        );
        tower.set(-days * DAY as i64);
        tower.advance(HOUR);
        assert_eq!(tower.clean(&store), (0, 0), "{days} days ahead and back");
        assert!(
            records
                .iter()
                .all(|record| store.find(record.key).is_some())
        );
        assert!(records.iter().all(|record| store.verify(record).unwrap()));
    }
}

#[test]
fn clock_that_stays_ahead_counts_from_the_second_cleaning() {
    let tower = Tower::new();
    let store = tower.fixture.open();
    put(&store, 1, b"binary");
    tower.clean(&store);
    tower.set(8 * DAY as i64);
    assert_eq!(tower.clean(&store), (0, 0));
    assert_eq!(tower.clean(&store), (1, 0));
    assert!(
        tower.fixture.files().is_empty(),
        "{:?}",
        tower.fixture.files()
    );
}

#[test]
fn clock_set_back_expires_and_evicts_nothing() {
    let tower = Tower::new();
    let store = tower.fixture.open();
    let record = put(&store, 1, b"binary");
    tower.clean(&store);
    for days in [1i64, 30, 10_000] {
        tower.set(-days * DAY as i64);
        assert_eq!(tower.clean(&store), (0, 0), "{days} days back");
        assert_eq!(
            store.find(Key(1)).map(|found| found.sha256),
            Some(record.sha256)
        );
        put_as(&store, replacing(2), b"made meanwhile").unwrap();
        assert!(store.find(Key(2)).is_some());
    }
    assert_eq!(store.entries(10, None).len(), 2);
}

#[test]
fn artifact_of_a_clock_ahead_is_evicted_like_any_other() {
    let tower = Tower::new();
    let mut options = tower.fixture.options();
    options.max_size = 60;
    let store = tower.fixture.open_with(options);
    tower.set(365 * DAY as i64);
    for key in 1..=8 {
        put(&store, key, b"0123456789");
    }
    // Full, and all of them were made just now: they stay.
    assert_eq!(tower.clean(&store), (0, 0));
    tower.set(-365 * DAY as i64);
    tower.advance(LATER);
    // Used now, by the clock that is right.
    assert!(store.find(Key(3)).is_some());
    assert_eq!(store.peek(Key(3)).unwrap().accessed_ms, tower.fixture.now());
    let (expired, lru) = tower.clean(&store);
    assert_eq!((expired, lru), (0, 2), "down to 60 bytes");
    assert!(store.find(Key(3)).is_some(), "it was used just now");
}

#[test]
fn leftovers_with_future_times_are_removed() {
    let tower = Tower::new();
    let store = tower.fixture.open();
    let record = put(&store, 1, b"binary");
    let stray = store
        .path(&record)
        .with_file_name("0000000000000001.00000000.bin");
    fs::write(&stray, "stray").unwrap();
    // The file is of today, and the clock says a year ago.
    tower.set(-365 * DAY as i64);
    store.clean(tower.fixture.now()).unwrap();
    assert!(!stray.exists());
    assert!(store.verify(&record).unwrap());
}

#[test]
fn index_filled_with_a_wrong_clock_is_valid() {
    for days in [-400i64, 400] {
        let tower = Tower::new();
        let record = put(&tower.fixture.open(), 1, b"binary");
        tower.set(days * DAY as i64);
        fs::remove_file(tower.fixture.open().stats().index_path.unwrap()).unwrap();
        let store = tower.fixture.open();
        assert_eq!(store.find(Key(1)).is_some(), days < 0);
        tower.set(-days * DAY as i64);
        assert_eq!(
            store.find(Key(1)).map(|found| found.sha256),
            Some(record.sha256)
        );
    }
}
