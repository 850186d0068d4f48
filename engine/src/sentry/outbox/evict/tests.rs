//! A full outbox against a model: which records are evicted, how many, and that every record is accounted for.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::{super::Pushed, super::*, *};

const CAPACITY: u64 = 1 << 20;

fn outbox(dir: &Path, bytes: u64, records: usize) -> Outbox {
    let (outbox, error) = Outbox::open(Some(dir), Capacity { bytes, records });
    assert!(error.is_none());
    outbox
}

fn envelope(id: u64, size: usize) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.resize(size.max(8), b'x');
    bytes
}

fn id_of(claim: &Claim) -> u64 {
    let record = claim.read().unwrap();
    u64::from_le_bytes(record.envelope[..8].try_into().unwrap())
}

fn stamp(project: u32) -> RecordInfo {
    RecordInfo {
        accepted_ms: 1,
        attempts: 0,
        project,
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Push {
        project: u32,
        priority: usize,
        size: usize,
        times: usize,
    },
    /// Claims a record and settles or defers it.
    Claim {
        priority: usize,
        settles: bool,
    },
    /// Resumes a deferred record and settles it.
    Resume,
    /// Settles evicted records.
    Report,
    Maintain,
}

fn operation() -> impl Strategy<Value = Operation> {
    let size = prop_oneof![8 => 8..3000usize, 2 => 3000..40_000usize, 1 => 300_000..400_000usize];
    let push =
        (0..4u32, 0..5usize, size, 1..60usize).prop_map(|(project, priority, size, times)| {
            // Few large ones, or they fill the capacity.
            let times = if size > 100_000 { 1 } else { times };
            Operation::Push {
                project,
                priority,
                size,
                times,
            }
        });
    prop_oneof![
        8 => push,
        2 => (0..5usize, any::<bool>()).prop_map(|(priority, settles)| Operation::Claim { priority, settles }),
        1 => Just(Operation::Resume),
        2 => Just(Operation::Report),
        1 => Just(Operation::Maintain),
    ]
}

/// The expected records: project, priority and size of each.
#[derive(Default)]
struct Model {
    alive: BTreeMap<u64, (u32, Priority, usize)>,
    deferred: VecDeque<(u64, Claim)>,
    next: u64,
}

impl Model {
    /// Takes evicted records out of the model.
    fn take_evicted(&mut self, outbox: &Outbox) -> Vec<(u32, Priority, usize)> {
        let mut evicted = Vec::new();
        let chains = outbox.chains();
        for (file, index) in &chains.evicted {
            let claim = Claim {
                file: Arc::clone(file),
                index: *index,
            };
            // Each is evicted once.
            evicted.extend(self.alive.remove(&id_of(&claim)));
        }
        evicted
    }

    /// Records and bytes of each project.
    fn usage(&self) -> [(usize, usize); 4] {
        let mut usage = [(0, 0); 4];
        for (project, _, room) in self.alive.values() {
            let one = &mut usage[*project as usize];
            *one = (one.0 + 1, one.1 + room);
        }
        usage
    }

    fn push(&mut self, outbox: &Outbox, project: u32, priority: Priority, size: usize) {
        let (id, usage) = (self.next, self.usage());
        self.next += 1;
        let pushed = outbox.push(priority, b"", &envelope(id, size), stamp(project));
        let (is_stored, count) = match pushed.unwrap() {
            Pushed::Stored(count) => (true, count),
            Pushed::Full(count) => (false, count),
        };
        let evicted = self.take_evicted(outbox);
        assert_eq!(evicted.len(), count, "each eviction is counted");
        let room = QueueFile::bytes_for(size.max(8)) - QueueFile::bytes_for(0) + 32;
        // Usage of the own project, before records of others were evicted.
        let own_evicted = evicted.iter().filter(|one| one.0 == project);
        let own_evicted = own_evicted.fold((0, 0), |sum, one| (sum.0 + 1, sum.1 + one.2));
        let own = usage[project as usize];
        let own = (own.0 - own_evicted.0, own.1 - own_evicted.1);
        for (other, its_priority, _) in &evicted {
            if *other == project {
                assert!(
                    *its_priority >= priority,
                    "nothing is evicted for a lower priority"
                );
            } else {
                // By records if their number is the limit, else by bytes.
                let its = usage[*other as usize];
                let is_larger = its.1 >= own.1 || its.0 >= own.0;
                assert!(is_larger, "{its:?} is less than the newcomer's {own:?}");
            }
        }
        // A file of records, the last one of any size; and the small files beyond the capacity that each priority may
        // have.
        let sum: usize = evicted.iter().map(|one| one.2).sum();
        let last = evicted.iter().map(|one| one.2).max().unwrap_or(0);
        assert!(
            sum - last <= 8 * MIN_FILE_BYTES.max(room),
            "{sum} bytes went for {room}"
        );
        if is_stored {
            self.alive.insert(id, (project, priority, room));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn full_outbox_matches_a_model(
        records in prop_oneof![Just(usize::MAX), 20..300usize],
        has_files in any::<bool>(),
        operations in proptest::collection::vec(operation(), 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let capacity = Capacity { bytes: CAPACITY, records };
        let (outbox, _) = Outbox::open(has_files.then(|| dir.path()), capacity);
        let mut model = Model::default();
        let report = |outbox: &Outbox| while let Some(claim) = outbox.take_evicted() {
            outbox.settle_evicted(&claim);
        };
        for operation in operations {
            match operation {
                Operation::Push { project, priority, size, times } => {
                    for _ in 0..times {
                        report(&outbox);
                        model.push(&outbox, project, Priority::ALL[priority], size);
                    }
                }
                Operation::Claim { priority, settles } => {
                    if let Some(claim) = outbox.claim(Priority::ALL[priority]) {
                        let id = id_of(&claim);
                        prop_assert!(model.alive.contains_key(&id), "{id} is evicted or done");
                        if settles {
                            outbox.settle(&claim);
                            model.alive.remove(&id);
                        } else {
                            outbox.defer(&claim);
                            model.deferred.push_back((id, claim));
                        }
                    }
                }
                Operation::Resume => {
                    // An evicted or moved record can't be resumed.
                    if let Some((id, claim)) = model.deferred.pop_front() && claim.resume() {
                        prop_assert!(model.alive.remove(&id).is_some());
                        outbox.settle(&claim);
                    }
                }
                Operation::Report => report(&outbox),
                Operation::Maintain => outbox.maintain(false),
            }
            prop_assert_eq!(outbox.queued(), model.alive.len());
            prop_assert_eq!(outbox.in_memory_records(), if has_files { 0 } else { outbox.queued() });
            // Each priority may have a small file beyond the capacity.
            let most = CAPACITY + CAPACITY / 8 + 6 * MIN_FILE_BYTES as u64 + (512 << 10);
            prop_assert!(outbox.bytes() <= most, "{}", outbox.bytes());
        }
        report(&outbox);
        while let Some((id, claim)) = model.deferred.pop_front() {
            if claim.resume() {
                prop_assert!(model.alive.remove(&id).is_some());
                outbox.settle(&claim);
            }
        }
        for priority in Priority::ALL {
            while let Some(claim) = outbox.claim(priority) {
                let known = model.alive.remove(&id_of(&claim));
                prop_assert_eq!(known.map(|one| one.1), Some(priority));
                outbox.settle(&claim);
            }
        }
        prop_assert!(model.alive.is_empty(), "{:?} are lost", model.alive);
        prop_assert_eq!(outbox.queued(), 0);
    }
}

#[test]
fn full_outbox_stays_full() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = outbox(dir.path(), 8 << 20, usize::MAX);
    let (mut is_full, mut evicted) = (false, 0);
    for n in 0..12_000u64 {
        match outbox
            .push(Priority::Critical, b"dsn", &envelope(n, 2200), 1)
            .unwrap()
        {
            Pushed::Stored(count) => evicted += count,
            Pushed::Full(count) => {
                // Evicted records occupy their space until they are reported.
                assert_eq!(count, 0);
                while let Some(claim) = outbox.take_evicted() {
                    outbox.settle_evicted(&claim);
                }
                let again = outbox.push(Priority::Critical, b"dsn", &envelope(n, 2200), 1);
                let Pushed::Stored(count) = again.unwrap() else {
                    panic!("{n} has no room");
                };
                evicted += count;
            }
        }
        is_full |= evicted > 0;
        assert_eq!(outbox.queued() + evicted, n as usize + 1);
        assert!(
            !is_full || outbox.queued() > 3300,
            "{} of {n}",
            outbox.queued()
        );
    }
    assert!(is_full);
}

#[test]
fn project_that_loops_evicts_its_own_records() {
    for (bytes, records) in [(1 << 20, usize::MAX), (64 << 20, 300)] {
        let dir = tempfile::tempdir().unwrap();
        let outbox = outbox(dir.path(), bytes, records);
        let push = |n, priority, project| {
            while let Some(claim) = outbox.take_evicted() {
                outbox.settle_evicted(&claim);
            }
            let pushed = outbox.push(priority, b"", &envelope(n, 2000), stamp(project));
            assert!(matches!(pushed.unwrap(), Pushed::Stored(_)), "{n}");
        };
        // Replays of the quiet project have a lower priority than errors, and are kept nevertheless.
        for n in 0..20 {
            push(n, [Priority::Lowest, Priority::Critical][n as usize % 2], 1);
            (0..10).for_each(|_| push(1000, Priority::Critical, 2));
        }
        (0..3000).for_each(|_| push(1000, Priority::Critical, 2));
        let mut ids = Vec::new();
        for priority in Priority::ALL {
            while let Some(claim) = outbox.claim(priority) {
                ids.push(id_of(&claim));
                outbox.settle(&claim);
            }
        }
        ids.retain(|id| *id < 1000);
        let expected: Vec<u64> = (0..10)
            .map(|n| 2 * n + 1)
            .chain((0..10).map(|n| 2 * n))
            .collect();
        assert_eq!(ids, expected, "in their order, class by class");
    }
}

#[test]
fn process_above_its_share_evicts_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let greedy = outbox(dir.path(), 4 << 20, usize::MAX);
    let late = outbox(dir.path(), 4 << 20, usize::MAX);
    let envelope = envelope(1, 4000);
    while greedy.push(Priority::Critical, b"", &envelope, 1).unwrap() == Pushed::Stored(0) {}
    for _ in 0..400 {
        let pushed = late.push(Priority::Critical, b"", &envelope, 1).unwrap();
        assert_eq!(pushed, Pushed::Stored(0), "within its share");
    }
    greedy.chains().host_usage = None;
    let before = greedy.queued();
    greedy.maintain(false);
    let evicted = greedy.take_evicted_for_others();
    assert_eq!(before - greedy.queued(), evicted);
    let both = greedy.chains().live_bytes() + late.chains().live_bytes();
    assert!(
        evicted > 0 && both <= (4 << 20) + MIN_FILE_BYTES as u64,
        "{both}"
    );
    assert!(greedy.chains().live_bytes() >= 2 << 20, "no more than that");
    assert_eq!(greedy.take_evicted_for_others(), 0);
}
