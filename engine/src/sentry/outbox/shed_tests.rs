//! A full outbox against a model: what goes, how much of it, and that every record is accounted for.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

const BUDGET: u64 = 1 << 20;

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
enum Step {
    Push {
        project: u32,
        priority: usize,
        size: usize,
        times: usize,
    },
    /// Claims one: settles it, or lets it wait.
    Claim {
        priority: usize,
        settles: bool,
    },
    /// One of those that wait is on its way again, and done.
    Resume,
    /// What was dropped is reported.
    Tell,
    Tidy,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => 8..3000usize, 2 => 3000..40_000usize, 1 => 300_000..400_000usize];
    let push =
        (0..4u32, 0..5usize, size, 1..60usize).prop_map(|(project, priority, size, times)| {
            // A large one alone, or the budget is nothing but those.
            let times = if size > 100_000 { 1 } else { times };
            Step::Push {
                project,
                priority,
                size,
                times,
            }
        });
    prop_oneof![
        8 => push,
        2 => (0..5usize, any::<bool>()).prop_map(|(priority, settles)| Step::Claim { priority, settles }),
        1 => Just(Step::Resume),
        2 => Just(Step::Tell),
        1 => Just(Step::Tidy),
    ]
}

/// What must be in the outbox: each record's project, class and room.
#[derive(Default)]
struct Model {
    alive: BTreeMap<u64, (u32, Priority, usize)>,
    held: VecDeque<(u64, Claim)>,
    next: u64,
}

impl Model {
    /// What was dropped and is not yet reported, taken out of the model.
    fn dropped(&mut self, outbox: &Outbox) -> Vec<(u32, Priority, usize)> {
        let mut gone = Vec::new();
        let chains = outbox.chains();
        for (file, index) in &chains.evicted {
            let claim = Claim {
                file: Arc::clone(file),
                index: *index,
            };
            // None goes twice.
            gone.extend(self.alive.remove(&id_of(&claim)));
        }
        gone
    }

    /// Records and bytes of each project.
    fn held_by(&self) -> [(usize, usize); 4] {
        let mut held = [(0, 0); 4];
        for (project, _, room) in self.alive.values() {
            let one = &mut held[*project as usize];
            *one = (one.0 + 1, one.1 + room);
        }
        held
    }

    fn push(&mut self, outbox: &Outbox, project: u32, priority: Priority, size: usize) {
        let (id, held) = (self.next, self.held_by());
        self.next += 1;
        let pushed = outbox.push(priority, b"", &envelope(id, size), stamp(project));
        let (is_in, count) = match pushed.unwrap() {
            Pushed::Stored(count) => (true, count),
            Pushed::Full(count) => (false, count),
        };
        let gone = self.dropped(outbox);
        assert_eq!(gone.len(), count, "each that goes is counted");
        let room = QueueFile::bytes_for(size.max(8)) - QueueFile::bytes_for(0) + 32;
        // Of its own, before others' went.
        let own_gone = gone.iter().filter(|one| one.0 == project);
        let own_gone = own_gone.fold((0, 0), |sum, one| (sum.0 + 1, sum.1 + one.2));
        let own = held[project as usize];
        let own = (own.0 - own_gone.0, own.1 - own_gone.1);
        for (of, which, _) in &gone {
            if *of == project {
                assert!(*which >= priority, "nothing goes for what matters less");
            } else {
                // By records where those are too many, else by bytes.
                let its = held[*of as usize];
                let is_larger = its.1 >= own.1 || its.0 >= own.0;
                assert!(is_larger, "{its:?} is less than the newcomer's {own:?}");
            }
        }
        // A file's worth, which ends with a record of any size; and the small files beyond the budget that
        // the classes may have.
        let sum: usize = gone.iter().map(|one| one.2).sum();
        let last = gone.iter().map(|one| one.2).max().unwrap_or(0);
        assert!(
            sum - last <= 8 * MIN_FILE_BYTES.max(room),
            "{sum} bytes went for {room}"
        );
        if is_in {
            self.alive.insert(id, (project, priority, room));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn a_full_outbox_does_what_a_small_model_says(
        records in prop_oneof![Just(usize::MAX), 20..300usize],
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let outbox = outbox(dir.path(), BUDGET, records);
        let mut model = Model::default();
        let tell = |outbox: &Outbox| while let Some(claim) = outbox.take_evicted() {
            outbox.settle_evicted(&claim);
        };
        for step in steps {
            match step {
                Step::Push { project, priority, size, times } => {
                    for _ in 0..times {
                        tell(&outbox);
                        model.push(&outbox, project, Priority::ALL[priority], size);
                    }
                }
                Step::Claim { priority, settles } => {
                    if let Some(claim) = outbox.claim(Priority::ALL[priority]) {
                        let id = id_of(&claim);
                        prop_assert!(model.alive.contains_key(&id), "{id} is dropped or done");
                        if settles {
                            outbox.settle(&claim);
                            model.alive.remove(&id);
                        } else {
                            outbox.defer(&claim);
                            model.held.push_back((id, claim));
                        }
                    }
                }
                Step::Resume => {
                    // One that was dropped, or moved, is not to be had.
                    if let Some((id, claim)) = model.held.pop_front() && claim.resume() {
                        prop_assert!(model.alive.remove(&id).is_some());
                        outbox.settle(&claim);
                    }
                }
                Step::Tell => tell(&outbox),
                Step::Tidy => outbox.maintain(false),
            }
            prop_assert_eq!(outbox.queued(), model.alive.len());
            // Each class may have a small file beyond the budget.
            let most = BUDGET + BUDGET / 8 + 6 * MIN_FILE_BYTES as u64 + (512 << 10);
            prop_assert!(outbox.bytes() <= most, "{}", outbox.bytes());
        }
        tell(&outbox);
        while let Some((id, claim)) = model.held.pop_front() {
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
fn a_full_outbox_stays_full() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = outbox(dir.path(), 8 << 20, usize::MAX);
    let (mut is_full, mut dropped) = (false, 0);
    for n in 0..12_000u64 {
        match outbox
            .push(Priority::Critical, b"dsn", &envelope(n, 2200), 1)
            .unwrap()
        {
            Pushed::Stored(count) => dropped += count,
            Pushed::Full(count) => {
                // The runtime is behind: what was dropped has its room still.
                assert_eq!(count, 0);
                while let Some(claim) = outbox.take_evicted() {
                    outbox.settle_evicted(&claim);
                }
                let again = outbox.push(Priority::Critical, b"dsn", &envelope(n, 2200), 1);
                let Pushed::Stored(count) = again.unwrap() else {
                    panic!("{n} has no room");
                };
                dropped += count;
            }
        }
        is_full |= dropped > 0;
        assert_eq!(outbox.queued() + dropped, n as usize + 1);
        assert!(
            !is_full || outbox.queued() > 3300,
            "{} of {n}",
            outbox.queued()
        );
    }
    assert!(is_full);
}

#[test]
fn a_loop_of_one_project_pushes_out_its_own() {
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
        // ReplayState of the quiet project matter less than errors, and stay all the same.
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
fn a_process_gives_way_to_one_that_has_less_than_its_part() {
    let dir = tempfile::tempdir().unwrap();
    let greedy = outbox(dir.path(), 4 << 20, usize::MAX);
    let late = outbox(dir.path(), 4 << 20, usize::MAX);
    let envelope = envelope(1, 4000);
    while greedy.push(Priority::Critical, b"", &envelope, 1).unwrap() == Pushed::Stored(0) {}
    for _ in 0..400 {
        let pushed = late.push(Priority::Critical, b"", &envelope, 1).unwrap();
        assert_eq!(pushed, Pushed::Stored(0), "its part is its own");
    }
    greedy.chains().host_usage = None;
    let before = greedy.queued();
    greedy.maintain(false);
    let gone = greedy.take_evicted_for_others();
    assert_eq!(before - greedy.queued(), gone);
    let both = greedy.chains().live_bytes() + late.chains().live_bytes();
    assert!(
        gone > 0 && both <= (4 << 20) + MIN_FILE_BYTES as u64,
        "{both}"
    );
    assert!(greedy.chains().live_bytes() >= 2 << 20, "no more than that");
    assert_eq!(greedy.take_evicted_for_others(), 0);
}
