//! Threads that come, go and die, as several mappings of one roster see them.

use super::*;

const ALL: &dyn Fn(Owner) -> bool = &|_| true;

fn owner(pid: u32) -> Owner {
    Owner::of(&format!("{pid}-0000abcd.json")).unwrap()
}

fn seat(roster: &Arc<Roster>, pid: u32, thread: u64) -> Seat {
    let seat = roster.take(owner(pid), ALL).unwrap();
    seat.set(Field::Thread, thread);
    seat.show();
    seat
}

fn threads(roster: &Roster, lives: &dyn Fn(Owner) -> bool) -> Vec<u64> {
    let found = roster.list(lives);
    found.iter().map(|entry| entry.get(Field::Thread)).collect()
}

#[test]
fn two_processes_see_each_others_threads_and_what_they_tell() {
    let dir = tempfile::tempdir().unwrap();
    let one = Arc::new(Roster::open(dir.path()).unwrap());
    let other = Arc::new(Roster::open(dir.path()).unwrap());
    let first = seat(&one, 10, 1);
    let second = seat(&one, 10, 2);
    let third = seat(&other, 11, 3);
    assert_eq!(threads(&other, ALL), [1, 2, 3]);
    second.set(Field::Requests, 77);
    assert_eq!(other.list(ALL)[1].get(Field::Requests), 77);
    drop(second);
    assert_eq!(threads(&other, ALL), [1, 3]);
    drop((first, third));
    assert!(threads(&one, ALL).is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_dead_disappear_wherever_they_died() {
    let dir = tempfile::tempdir().unwrap();
    let roster = Arc::new(Roster::open(dir.path()).unwrap());
    // As after kill -9: nobody gives the slot back.
    std::mem::forget(seat(&roster, 10, 1));
    // Killed before it was filled.
    std::mem::forget(roster.take(owner(10), ALL).unwrap());
    let living = seat(&roster, 11, 2);
    let lives = |asked: Owner| asked.pid() == 11;
    assert_eq!(threads(&roster, &lives), [2]);
    assert_eq!(roster.free(), Some(0));
    // Both are free for others, and show nothing until those have filled them.
    let taken = roster.take(owner(12), ALL).unwrap();
    assert_eq!(threads(&roster, ALL), [2]);
    taken.show();
    assert_eq!(threads(&roster, ALL), [2, 0]);
    drop(living);
}

#[test]
fn one_that_was_taken_for_dead_notices_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let roster = Arc::new(Roster::open(dir.path()).unwrap());
    let lost = seat(&roster, 10, 1);
    assert!(roster.list(&|_| false).is_empty());
    assert!(!lost.is_ours());
    let heir = seat(&roster, 11, 2);
    drop(lost);
    assert!(heir.is_ours());
    assert_eq!(threads(&roster, ALL), [2]);
}

#[test]
fn a_full_roster_makes_room_where_somebody_died_and_refuses_where_nobody_did() {
    let dir = tempfile::tempdir().unwrap();
    let roster = Arc::new(Roster::open(dir.path()).unwrap());
    let mut seats: Vec<Seat> = (0..SLOTS as u64).map(|at| seat(&roster, 10, at)).collect();
    assert!(roster.take(owner(11), ALL).is_none());
    std::mem::forget(seats.split_off(SLOTS - 1));
    seats.iter().for_each(|seat| assert!(seat.is_ours()));
    assert!(roster.take(owner(11), &|_| false).is_some());
}

#[test]
fn the_name_of_a_presence_and_its_number_are_each_others() {
    for name in ["1-00000000.json", "4194304-ffffffff.json"] {
        assert_eq!(Owner::of(name).unwrap().presence(), name);
    }
    for name in ["", "x-1.json", "0-00000000.json", "1-00000000", "1.json"] {
        assert_eq!(Owner::of(name), None, "{name}");
    }
}

#[test]
fn what_is_no_roster_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("workers-v1.seg");
    std::fs::write(&path, [7; 4096]).unwrap();
    assert!(Roster::open(dir.path()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), [7; 4096]);
}
