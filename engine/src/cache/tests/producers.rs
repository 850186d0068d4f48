//! The right to produce, and values that outlive their lifetime.

use std::time::Instant;

use super::*;
use crate::runtime::Interrupt;

/// Long enough that a test which waits for it fails.
const LONG: Duration = Duration::from_secs(60);

struct NoInterrupt;

impl Interrupt for NoInterrupt {
    fn pending(&self) -> bool {
        false
    }

    fn serve(&self) -> bool {
        true
    }
}

fn begin(cache: &Cache, key: &[u8]) -> Producer {
    match cache.begin_producing(key, LONG) {
        Producing::Begun(producer) => producer,
        other => panic!("{other:?}"),
    }
}

fn busy(cache: &Cache, key: &[u8]) -> Holder {
    match cache.begin_producing(key, LONG) {
        Producing::Busy(holder) => holder,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_process_produces_and_others_are_woken() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), MIN_BYTES));
    let producer = begin(&one, b"k");
    let holder = busy(&other, b"k");
    assert!(holder.is(producer) && busy(&one, b"k") == holder);
    let elsewhere = begin(&other, b"l");
    let waited = other.wait_for_holder(holder, Duration::from_millis(1), &NoInterrupt);
    assert_eq!(waited, HolderWait::TimedOut);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| other.wait_for_holder(holder, LONG, &NoInterrupt));
        one.end_producing(producer);
        assert_eq!(waiter.join().unwrap(), HolderWait::Ended);
    });
    let next = begin(&other, b"k");
    one.end_producing(producer);
    assert!(
        busy(&one, b"k").is(next),
        "an end of the past has no effect"
    );
    other.end_producing(elsewhere);
    assert_eq!((one.stats().stores, get(&one, b"k")), (0, None));
}

#[test]
fn interrupt_ends_the_wait_for_a_producer() {
    struct Stop;
    impl Interrupt for Stop {
        fn pending(&self) -> bool {
            true
        }
        fn serve(&self) -> bool {
            false
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    begin(&cache, b"k");
    let waited = cache.wait_for_holder(busy(&cache, b"k"), LONG, &Stop);
    assert_eq!(waited, HolderWait::Interrupted);
}

#[test]
fn producer_whose_process_ended_is_replaced_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), MIN_BYTES));
    begin(&one, b"k");
    let holder = busy(&other, b"k");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let start = Instant::now();
            let waited = other.wait_for_holder(holder, LONG, &NoInterrupt);
            (waited, start.elapsed() < LONG)
        });
        drop(one);
        assert_eq!(waiter.join().unwrap(), (HolderWait::Ended, true));
    });
    // Another process may get the number of the dead one.
    let number = other.owners.own();
    let again = open(dir.path(), MIN_BYTES);
    assert_ne!(number, again.owners.own());
    begin(&again, b"k");
}

#[test]
fn lease_ends_the_right_of_a_stopped_producer() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), MIN_BYTES), open(dir.path(), MIN_BYTES));
    let short = one.begin_producing(b"k", Duration::from_millis(20));
    let Producing::Begun(late) = short else {
        panic!("{short:?}");
    };
    let holder = busy(&other, b"k");
    let waited = other.wait_for_holder(holder, LONG, &NoInterrupt);
    assert_eq!(waited, HolderWait::Ended);
    let next = begin(&other, b"k");
    one.end_producing(late);
    assert!(busy(&one, b"k").is(next));
}

#[test]
fn stale_value_is_no_value_but_for_remember() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let tags = [cache.tag(b"t")];
    let short = NewValue {
        ttl: Ttl::For(Duration::from_millis(1)),
        tags: &tags,
        ..value(b"stale")
    };
    let stale = |limit| {
        cache
            .get_again(b"k", limit, |value| value.to_vec())
            .map(|found| found.0)
    };
    cache.set_produced(b"k", &short, Production::new(Duration::from_secs(1), LONG));
    while cache.has(b"k") {
        thread::yield_now();
    }
    cache.prune();
    assert_eq!((get(&cache, b"k"), stale(Duration::ZERO)), (None, None));
    assert_eq!(stale(LONG).unwrap(), b"stale");
    cache.invalidate_tag(b"t");
    assert_eq!(stale(LONG), None);
    cache.prune();
    assert_eq!(cache.stats().entries, 0);
}

#[test]
fn produced_value_keeps_its_production_when_it_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path(), MIN_BYTES);
    let how = Production::new(Duration::from_secs(3600), Duration::ZERO);
    let minute = NewValue {
        ttl: Ttl::For(LONG),
        ..value(&[7; 20_000])
    };
    cache.set_produced(b"k", &minute, how);
    assert!(cache.touch(b"k", Ttl::For(LONG * 2)));
    let (bytes, version) = cache
        .get_with_version(b"k", |value| value.to_vec())
        .unwrap();
    assert_eq!(bytes, [7; 20_000]);
    assert!(
        cache.is_refresh_due(&version, cache.now(), 1.0, || 0.5)
            && cache.is_stored_version(&version)
    );
    assert!(!cache.is_refresh_due(&version, cache.now(), 0.0, || 0.5));
    cache.set(b"k", &minute);
    let (_, plain) = cache.get_with_version(b"k", |value| value.len()).unwrap();
    assert!(
        !cache.is_refresh_due(&plain, cache.now(), 1.0, || 0.5)
            && !cache.is_stored_version(&version)
    );
}
