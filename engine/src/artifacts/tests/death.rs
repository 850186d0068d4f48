//! A change is broken off at each of its steps, as by the death of its process, and another process goes on: no partial
//! file under a final name, never a wrong record, right counts, and in the end no leftover. The chaos tests kill real
//! processes at the same steps.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use super::*;
use crate::failpoint;

const SEEN: u64 = 1;
const OTHER: u64 = 2;

/// A cache before the change, and the change.
struct Scene {
    act: &'static str,
    old: &'static [u64],
    max_entries: u32,
    max_size: u64,
}

const SCENES: &[Scene] = &[
    Scene {
        act: "put",
        old: &[],
        max_entries: 64,
        max_size: 1000,
    },
    Scene {
        act: "put",
        old: &[OTHER],
        max_entries: 64,
        max_size: 1000,
    },
    Scene {
        act: "replace",
        old: &[SEEN, OTHER],
        max_entries: 64,
        max_size: 1000,
    },
    Scene {
        act: "forget",
        old: &[SEEN, OTHER],
        max_entries: 64,
        max_size: 1000,
    },
    // The index is full, then the bytes are too many: 2 has to go for 1.
    Scene {
        act: "put",
        old: &[OTHER],
        max_entries: 1,
        max_size: 1000,
    },
    Scene {
        act: "put",
        old: &[OTHER],
        max_entries: 64,
        max_size: 5,
    },
];

impl Scene {
    fn set(&self) -> (Fixture, StoreOptions) {
        let fixture = Fixture::in_memory();
        let mut options = fixture.options();
        options.max_entries = self.max_entries;
        options.max_size = self.max_size;
        let store = fixture.open_with(options.clone());
        for key in self.old {
            put(&store, *key, b"old");
        }
        fixture.advance(LATER);
        (fixture, options)
    }
}

/// The change that is broken off.
fn act(store: &Store, act: &str) {
    match act {
        "put" => drop(put(store, SEEN, b"new")),
        "replace" => drop(put_as(store, replacing(SEEN), b"new").unwrap()),
        "forget" => assert!(store.forget(Key(SEEN)).unwrap()),
        other => panic!("no act {other}"),
    }
}

/// The places that the act comes to, and how often.
fn places(scene: &Scene) -> BTreeMap<String, u64> {
    let (fixture, options) = scene.set();
    let store = fixture.open_with(options);
    let seen = Rc::new(RefCell::new(BTreeMap::new()));
    let sink = Rc::clone(&seen);
    failpoint::tests::set(move |at| *sink.borrow_mut().entry(at.to_owned()).or_insert(0) += 1);
    act(&store, scene.act);
    failpoint::tests::clear();
    let places = seen.borrow().clone();
    assert!(places.len() >= 3, "{places:?}");
    places
}

#[test]
fn death_at_any_step_leaves_the_old_or_the_new_state() {
    let mut deaths = 0;
    for scene in SCENES {
        for (place, times) in places(scene) {
            // All steps of writing a slot are alike but the first, a middle and the last one.
            let nth = if times > 4 {
                vec![1, times / 2, times]
            } else {
                (1..=times).collect()
            };
            for nth in nth {
                let (fixture, options) = scene.set();
                let survivor = fixture.open_with(options.clone());
                let what = format!(
                    "{}, {:?}, at {place} for the {nth}. time",
                    scene.act, scene.old
                );
                let dying = fixture.open_with(options.clone());
                let is_dead = act_until(&dying, scene.act, &place, nth);
                assert!(is_dead, "{what}");
                drop(dying);
                inspect(scene, &fixture, &survivor, &what);
                deaths += 1;
            }
        }
    }
    assert!(deaths > 40, "{deaths}");
}

/// Begins a change that unwinds when it reaches `place` for the `nth` time: it leaves all that a killed process leaves,
/// except for its temporary file. Returns whether it did.
fn act_until(store: &Store, name: &str, place: &str, nth: u64) -> bool {
    let (place, mut left) = (place.to_owned(), nth);
    failpoint::tests::set(move |at| {
        left -= u64::from(at == place);
        if left == 0 {
            resume_unwind(Box::new(()));
        }
    });
    let ended = catch_unwind(AssertUnwindSafe(|| act(store, name)));
    failpoint::tests::clear();
    ended.is_err()
}

fn inspect(scene: &Scene, fixture: &Fixture, store: &Store, what: &str) {
    for key in [SEEN, OTHER] {
        if let Some(found) = store.find(Key(key)) {
            check_binary(store, &found, what);
        }
    }
    store.prepare().unwrap();
    // The first process repairs.
    drop(store.writer().unwrap());
    assert!(!store.needs_preparation(), "{what}");
    // In an index of one place the other one, used just now, leaves it and stays on disk.
    let kept = if scene.max_entries > 1 {
        &[SEEN, OTHER][..]
    } else {
        &[SEEN]
    };
    for key in kept.iter().copied() {
        let found = store.find(Key(key));
        let disk = store.cache_dir.read_record(Key(key)).unwrap();
        assert_eq!(found.map(|r| r.sha256), disk.map(|r| r.sha256), "{what}");
        if let Some(found) = found {
            check_binary(store, &found, what);
        }
    }
    if scene.act == "replace" {
        assert!(store.find(Key(SEEN)).is_some(), "{what}");
    }
    if scene.max_entries > 1 && scene.max_size > 5 {
        let there = store.find(Key(OTHER)).is_some();
        assert_eq!(there, scene.old.contains(&OTHER), "{what}");
    }

    fixture.advance(LATER);
    store.clean(fixture.now()).unwrap();
    let left = store.entries(10, None);
    let files = fixture.files();
    assert_eq!(files.len(), 3 * left.len(), "{what}: {files:?}");
    let stats = store.stats();
    assert_eq!(stats.entries, left.len() as u64, "{what}");
    assert_eq!(stats.bytes, 3 * left.len() as u64, "{what}");
    for record in left {
        assert!(store.verify(&record).unwrap(), "{what}");
        let link = store
            .path(&record)
            .with_file_name(format!("{}.bin", record.key));
        assert_eq!(
            fs::read(link).unwrap(),
            fs::read(store.path(&record)).unwrap(),
            "{what}"
        );
    }
    act(
        store,
        if store.peek(Key(SEEN)).is_some() {
            "replace"
        } else {
            "put"
        },
    );
    assert!(store.find(Key(SEEN)).is_some(), "{what}: life goes on");
}

/// A hit is the whole binary, or a miss when it is opened.
fn check_binary(store: &Store, found: &IndexRecord, what: &str) {
    if store.open_binary(found).unwrap().is_some() {
        assert!(store.verify(found).unwrap(), "{what}");
    }
}
