//! What waits on the host, as its processes see it.

use super::*;

#[test]
fn others_are_what_waits_in_other_processes() {
    let dir = tempfile::tempdir().unwrap();
    let one = WaitingCounts::open(dir.path(), "7-00000001").unwrap();
    let two = WaitingCounts::open(dir.path(), "8-00000002").unwrap();
    one.set_records(5);
    one.set_bytes(4096);
    two.set_records(2);
    assert_eq!(
        two.others(),
        Some(Backlog {
            records: 5,
            bytes: 4096
        })
    );
    assert_eq!(one.others().unwrap().records, 2);
    // The outbox of the first one is adopted.
    let slots = two.slots();
    assert_eq!((slots.len(), slots[0].name.as_str()), (1, "7-00000001"));
    let orphaned = Backlog {
        records: 1,
        bytes: 8,
    };
    two.set_orphaned(orphaned);
    two.free(&slots[0]);
    assert_eq!(two.others(), Some(orphaned));
    two.end(0);
    let three = WaitingCounts::open(dir.path(), "9-00000003").unwrap();
    assert!(three.slots().is_empty());
}

#[test]
fn more_processes_than_slots_are_counted_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..MAX_SLOTS)
        .map(|n| WaitingCounts::open(dir.path(), &format!("{n}-00000000")).unwrap())
        .collect();
    assert_eq!(all[0].slots().len(), MAX_SLOTS - 1);
    assert!(WaitingCounts::open(dir.path(), "one more").is_none());
    assert_eq!(all[0].others(), None);
}

#[test]
fn folder_that_has_not_changed_is_not_listed_again() {
    let dir = tempfile::tempdir().unwrap();
    let old = SystemTime::now() - Duration::from_secs(5);
    let stamp = |at| {
        std::fs::File::open(dir.path())
            .unwrap()
            .set_modified(at)
            .unwrap()
    };
    stamp(old);
    let listed = CachedFileCount::default();
    assert_eq!(listed.count(dir.path(), || 3), 3);
    std::thread::sleep(LIST_INTERVAL);
    assert_eq!(listed.count(dir.path(), || unreachable!()), 3);
    stamp(old + Duration::from_secs(1));
    assert_eq!(listed.count(dir.path(), || 4), 4);
    assert_eq!(listed.count(&dir.path().join("none"), || 5), 0);
}
