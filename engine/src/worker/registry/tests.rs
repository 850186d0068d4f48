//! Threads that register, exit and crash, through several mappings of one registry.

use super::*;

const ALL: &dyn Fn(ProcessId) -> bool = &|_| true;

fn owner(pid: u32) -> ProcessId {
    ProcessId::from_presence(&format!("{pid}-0000abcd.json")).unwrap()
}

fn slot(registry: &Arc<WorkerRegistry>, pid: u32, thread: u64) -> WorkerSlot {
    let slot = registry.acquire(owner(pid), ALL).unwrap();
    slot.set(WorkerField::Thread, thread);
    slot.publish();
    slot
}

fn threads(registry: &WorkerRegistry, is_alive: &dyn Fn(ProcessId) -> bool) -> Vec<u64> {
    let found = registry.list(is_alive);
    found
        .iter()
        .map(|entry| entry.get(WorkerField::Thread))
        .collect()
}

#[test]
fn processes_list_each_others_threads_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let one = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let other = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let first = slot(&one, 10, 1);
    let second = slot(&one, 10, 2);
    let third = slot(&other, 11, 3);
    assert_eq!(threads(&other, ALL), [1, 2, 3]);
    second.set(WorkerField::Requests, 77);
    assert_eq!(other.list(ALL)[1].get(WorkerField::Requests), 77);
    drop(second);
    assert_eq!(threads(&other, ALL), [1, 3]);
    drop((first, third));
    assert!(threads(&one, ALL).is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn slots_of_dead_processes_are_freed() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    // As after kill -9: the slot is not freed.
    std::mem::forget(slot(&registry, 10, 1));
    // Killed before it was filled.
    std::mem::forget(registry.acquire(owner(10), ALL).unwrap());
    let living = slot(&registry, 11, 2);
    let is_alive = |asked: ProcessId| asked.pid() == 11;
    assert_eq!(threads(&registry, &is_alive), [2]);
    assert_eq!(OWNER_SLOTS.owner(&registry.0, 0), 0);
    // Both slots are free, and list nothing until they are published again.
    let taken = registry.acquire(owner(12), ALL).unwrap();
    assert_eq!(threads(&registry, ALL), [2]);
    taken.publish();
    assert_eq!(threads(&registry, ALL), [2, 0]);
    drop(living);
}

#[test]
fn a_freed_slot_is_no_longer_owned_and_not_freed_again() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let lost = slot(&registry, 10, 1);
    assert!(registry.list(&|_| false).is_empty());
    assert!(!lost.is_owned());
    let successor = slot(&registry, 11, 2);
    drop(lost);
    assert!(successor.is_owned());
    assert_eq!(threads(&registry, ALL), [2]);
}

#[test]
fn a_full_registry_reuses_only_slots_of_dead_processes() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let mut slots: Vec<WorkerSlot> = (0..MAX_WORKERS as u64)
        .map(|at| slot(&registry, 10, at))
        .collect();
    assert!(registry.acquire(owner(11), ALL).is_none());
    std::mem::forget(slots.split_off(MAX_WORKERS - 1));
    slots.iter().for_each(|slot| assert!(slot.is_owned()));
    assert!(registry.acquire(owner(11), &|_| false).is_some());
}

#[test]
fn a_presence_name_round_trips() {
    for name in ["1-00000000.json", "4194304-ffffffff.json"] {
        assert_eq!(
            ProcessId::from_presence(name).unwrap().presence_name(),
            name
        );
    }
    for name in ["", "x-1.json", "0-00000000.json", "1-00000000", "1.json"] {
        assert_eq!(ProcessId::from_presence(name), None, "{name}");
    }
}

#[test]
fn a_file_of_another_size_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("workers-v1.seg");
    std::fs::write(&path, [7; 4096]).unwrap();
    assert!(WorkerRegistry::open(dir.path()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), [7; 4096]);
}

#[test]
fn gauges_are_those_of_live_workers() {
    use crate::metrics::{Reading, snapshot};
    let dir = tempfile::tempdir().unwrap();
    let registry = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let busy = slot(&registry, 10, 7);
    busy.set(WorkerField::RequestStartedMs, 1);
    busy.set(WorkerField::Memory, 4096);
    let _idle = slot(&registry, 11, 8);
    std::mem::forget(slot(&registry, 12, 9));
    let families = snapshot(&[&registry.list(&|asked| asked.pid() != 12)]);
    let numbers = |name: &str| -> Vec<String> {
        let family = families.iter().find(|family| family.name == name).unwrap();
        let above_zero = |number: &f64| *number > 0.0;
        let lines = family
            .samples
            .iter()
            .filter_map(|sample| match sample.reading {
                Reading::Number(number) if above_zero(&number) => Some(format!(
                    "{}, {}: {number}",
                    sample.labels[0].1, sample.labels[1].1
                )),
                _ => None,
            });
        lines.collect()
    };
    assert_eq!(numbers("pillion_worker_memory_bytes"), ["10, 7: 4096"]);
    let modes = numbers("pillion_workers");
    assert_eq!(
        modes,
        ["frankenphp-worker, busy: 1", "frankenphp-worker, idle: 1"]
    );
}

#[test]
fn every_mode_is_a_known_label() {
    use crate::{metrics::snapshot, worker::Mode};
    let families = snapshot(&[]);
    let workers = families
        .iter()
        .find(|family| family.name == "pillion_workers");
    let known = &workers.unwrap().samples;
    for mode in (0..)
        .map(Mode::from_code)
        .take_while(|mode| *mode != Mode::Other)
    {
        let is_known = known.iter().any(|sample| sample.labels[0].1 == mode.name());
        assert!(is_known, "{}", mode.name());
    }
}

#[test]
fn running_request_is_listed_without_its_query() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let own = slot(&registry, 10, 1);
    let request = || {
        let listed = registry.list(ALL).remove(0).request;
        listed.map(|request| (request.method, request.uri))
    };
    own.set_request(b"GET", b"/users/7?token=secret");
    assert_eq!(request(), None, "between two requests");
    own.set(WorkerField::RequestStartedMs, 1);
    assert_eq!(request(), Some(("GET", "/users/7".to_owned())));
    own.set_request(b"POST", b"/a#b");
    assert_eq!(request(), Some(("POST", "/a".to_owned())));
    own.set_request(b"PURGE", b"/\xff");
    assert_eq!(request(), Some(("", "/\u{fffd}".to_owned())));
    own.clear_request();
    assert_eq!(request(), None);
    own.set_request(b"GET", b"?x=1");
    assert_eq!(request(), None);
    // Cut within the last character.
    let long = format!("/{}é", "x".repeat(110));
    own.set_request(b"GET", long.as_bytes());
    assert_eq!(request(), Some(("GET", format!("/{}…", "x".repeat(110)))));
    own.set_request(b"GET", "x".repeat(112).as_bytes());
    assert_eq!(request(), Some(("GET", "x".repeat(112))));
    drop(own);
    let next = slot(&registry, 11, 2);
    next.set(WorkerField::RequestStartedMs, 1);
    assert_eq!(request(), None, "the text of the slot's last owner");
}

#[test]
fn text_of_a_request_is_never_that_of_two() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Arc::new(WorkerRegistry::open(dir.path()).unwrap());
    let own = slot(&registry, 10, 1);
    own.set(WorkerField::RequestStartedMs, 1);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200_000_u32 {
                let (method, letter): (&[u8], _) = match round % 2 {
                    0 => (b"GET", "a"),
                    _ => (b"POST", "b"),
                };
                own.set_request(method, letter.repeat(20 + round as usize % 80).as_bytes());
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let mut read = 0;
        while !is_over.load(Ordering::Relaxed) {
            let Some(request) = registry.list(ALL).remove(0).request else {
                continue;
            };
            let letter = if request.method == "GET" { 'a' } else { 'b' };
            assert!(
                request.uri.chars().all(|found| found == letter),
                "{request:?}"
            );
            read += 1;
        }
        assert!(read > 0);
    });
}
