use super::*;

#[test]
fn others_are_summed_and_freed_slots_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let one = WaitingCounts::open(dir.path(), "7-00000001").unwrap();
    let two = WaitingCounts::open(dir.path(), "8-00000002").unwrap();
    one.set_records(|| 5, 3);
    one.set_bytes(4096);
    two.set_records(|| 2, 0);
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
    two.set_orphaned(|| orphaned);
    assert_eq!(two.free(&slots[0]), 3, "lost with the first one");
    assert_eq!(two.free(&slots[0]), 0);
    assert_eq!(two.others(), Some(orphaned));
    two.end(0, 0);
    let three = WaitingCounts::open(dir.path(), "9-00000003").unwrap();
    assert!(three.slots().is_empty());
}

#[test]
fn process_without_a_slot_invalidates_the_sum() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..MAX_SLOTS)
        .map(|n| WaitingCounts::open(dir.path(), &format!("{n}-00000000")).unwrap())
        .collect();
    assert_eq!(all[0].slots().len(), MAX_SLOTS - 1);
    assert!(WaitingCounts::open(dir.path(), "one more").is_none());
    assert_eq!(all[0].others(), None);
}

#[test]
fn push_under_way_is_counted_whatever_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let process = WaitingCounts::open(dir.path(), "7-00000001").unwrap();
    let records = || process.host.slots().next().unwrap().records;
    process.while_pushing(|| {
        assert_eq!(records(), 1);
        // As the sender does at any moment.
        process.set_records(|| 0, 0);
        assert_eq!(records(), 1);
    });
    process.set_records(|| 0, 0);
    assert_eq!(records(), 0);
}
