//! Random calls of several openings of a segment, compared with a model: a value may be lost by eviction, but none is
//! read that was replaced, removed, invalidated, expired, or stored under another key. Each key is changed by one
//! thread and read by all, so that the model knows which values are possible. `PILLION_MODEL_CALLS` for a long run,
//! `PILLION_SEED` for the same calls again.

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use super::*;
use crate::shm::groups::mix;

const THREADS: u64 = 4;
const KEYS: u64 = 48;

/// The state of a key. Its changes are numbered.
#[derive(Default)]
struct Key {
    /// The last change that has begun, and the last that has ended.
    begun: AtomicU64,
    ended: AtomicU64,
    last: Mutex<Last>,
}

/// The last stored value of a key.
#[derive(Clone, Copy, Default)]
struct Last {
    change: u64,
    /// Clearances that had begun when it was stored.
    clears: u64,
    /// The latest time at which it expires.
    expires: u64,
}

/// Calls that make values of all keys invalid: begun, and ended.
#[derive(Default)]
struct Calls {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Calls {
    fn run(&self, call: impl FnOnce()) {
        self.begun.fetch_add(1, SeqCst);
        call();
        self.ended.fetch_add(1, SeqCst);
    }
}

#[derive(Default)]
struct Model {
    keys: Vec<Key>,
    clears: Calls,
    invalidations: Calls,
    is_locked: AtomicBool,
}

/// The model before a read.
struct Before {
    ended: u64,
    clears: u64,
    invalidations: u64,
    now: u64,
}

impl Model {
    fn before(&self, key: u64) -> Before {
        Before {
            ended: self.keys[key as usize].ended.load(SeqCst),
            clears: self.clears.ended.load(SeqCst),
            invalidations: self.invalidations.ended.load(SeqCst),
            now: clock::coarse_ms(),
        }
    }

    /// Asserts that a value may be read.
    fn check(&self, key: u64, value: Content, before: &Before) {
        let state = &self.keys[key as usize];
        let begun = state.begun.load(SeqCst);
        let last = *state.last.lock().unwrap();
        assert_eq!(value.key, key, "the value of another key");
        assert!(value.change >= before.ended, "a replaced or removed value");
        assert!(value.change <= begun, "a value that was never stored");
        assert!(
            !value.is_tagged() || before.invalidations <= value.invalidations,
            "an invalidated value"
        );
        if last.change == value.change {
            assert!(before.clears <= last.clears, "a cleared value");
            assert!(before.now <= last.expires, "an expired value");
        }
    }
}

/// The content of a value, which is followed by bytes that depend on it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Content {
    key: u64,
    change: u64,
    /// Invalidations that had begun when its tag was read; all ones: it has none.
    invalidations: u64,
}

impl Content {
    fn is_tagged(self) -> bool {
        self.invalidations != u64::MAX
    }

    fn to_bytes(self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = [self.key, self.change, self.invalidations]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        bytes.extend((0..length).map(|at| self.byte(at)));
        bytes
    }

    fn byte(self, at: usize) -> u8 {
        (self.key as usize * 7 + self.change as usize * 13 + at) as u8
    }

    /// Asserts that the bytes are those of one value.
    fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let content = Self {
            key: word(0),
            change: word(8),
            invalidations: word(16),
        };
        let rest = bytes[24..].iter().enumerate();
        assert!(
            rest.into_iter().all(|(at, byte)| *byte == content.byte(at)),
            "a torn value"
        );
        content
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

struct Process<'a> {
    model: &'a Model,
    cache: Cache,
    number: u64,
    random: Random,
    /// Values that were read, with their versions.
    local: HashMap<u64, (Version, Content)>,
}

impl Process<'_> {
    fn call(&mut self) {
        let key = self.random.below(KEYS);
        let own = key - key % THREADS + self.number;
        match self.random.below(100) {
            0..30 => self.set(own),
            30..35 => self.delete(own),
            35..40 => self.touch(own),
            40..75 => self.read(key),
            75..90 => self.read_local(key),
            90..93 => {
                let cache = &self.cache;
                let invalidate = || cache.invalidate_tag(b"tag");
                self.model.invalidations.run(invalidate);
            }
            93 => self.model.clears.run(|| self.cache.clear()),
            94 => self.cache.prune(),
            95 => drop(self.cache.recover()),
            96 => self.cache.for_each_key(None, |key| {
                assert!(key.len() == 8 && u64::from_le_bytes(key.try_into().unwrap()) < KEYS);
                true
            }),
            _ => self.lock(),
        }
    }

    fn delete(&mut self, key: u64) {
        let state = &self.model.keys[key as usize];
        let change = state.begun.fetch_add(1, SeqCst) + 1;
        self.cache.delete(&key.to_le_bytes());
        state.ended.store(change, SeqCst);
    }

    fn set(&mut self, key: u64) {
        let state = &self.model.keys[key as usize];
        let length = match self.random.below(20) {
            0 => self.random.below(60_000),
            1..5 => self.random.below(6000),
            _ => self.random.below(400),
        };
        let (ttl, milliseconds) = match self.random.below(4) {
            0 => {
                let milliseconds = 1 + self.random.below(30);
                (Ttl::For(Duration::from_millis(milliseconds)), milliseconds)
            }
            _ => (Ttl::Forever, u64::MAX),
        };
        let tag = (self.random.below(3) == 0).then(|| self.cache.tag(b"tag"));
        let invalidations = match tag {
            Some(_) => self.model.invalidations.begun.load(SeqCst),
            None => u64::MAX,
        };
        let change = state.begun.fetch_add(1, SeqCst) + 1;
        let content = Content {
            key,
            change,
            invalidations,
        };
        let stored = self.cache.set(
            &key.to_le_bytes(),
            &NewValue {
                bytes: &content.to_bytes(length as usize),
                encoding: 5,
                ttl,
                tags: tag.as_slice(),
            },
        );
        // A refused store leaves the former value.
        if stored == Stored::Yes {
            *state.last.lock().unwrap() = Last {
                change,
                clears: self.model.clears.begun.load(SeqCst),
                expires: clock::coarse_ms().saturating_add(milliseconds),
            };
            state.ended.store(change, SeqCst);
        }
    }

    fn touch(&mut self, key: u64) {
        let last = &self.model.keys[key as usize].last;
        last.lock().unwrap().expires = u64::MAX;
        let milliseconds = 1 + self.random.below(20);
        let ttl = Ttl::For(Duration::from_millis(milliseconds));
        if self.cache.touch(&key.to_le_bytes(), ttl) {
            last.lock().unwrap().expires = clock::coarse_ms() + milliseconds;
        }
    }

    fn read(&mut self, key: u64) {
        let before = self.model.before(key);
        let is_slow = self.random.below(4) == 0;
        let found = self.cache.get_with_version(&key.to_le_bytes(), |value| {
            // Others change the value meanwhile.
            if is_slow {
                thread::yield_now();
            }
            value.to_vec()
        });
        if let Some((bytes, version)) = found {
            let content = Content::of(&bytes);
            self.model.check(key, content, &before);
            if version.is_checkable() {
                self.local.insert(key, (version, content));
            }
        }
    }

    /// As a thread that has decoded the value.
    fn read_local(&mut self, key: u64) {
        let before = self.model.before(key);
        if let Some((version, content)) = self.local.get(&key)
            && self.cache.check_version(version).is_some()
        {
            self.model.check(key, *content, &before);
        }
    }

    fn lock(&mut self) {
        let owner = self.number.to_le_bytes();
        let lease = Ttl::For(Duration::from_secs(600));
        if self.cache.lock(b"lock", &owner, lease).is_some() {
            assert!(!self.model.is_locked.swap(true, SeqCst), "two owners");
            assert!(self.cache.refresh_lock(b"lock", &owner, lease));
            assert_eq!(self.cache.held_lock(b"lock").unwrap().owner, owner);
            self.model.is_locked.store(false, SeqCst);
            assert!(self.cache.unlock(b"lock", &owner));
        } else {
            assert!(!self.cache.unlock(b"lock", &owner));
        }
    }
}

#[test]
fn random_calls_read_nothing_that_the_model_excludes() {
    let number =
        |name: &str, default: u64| env::var(name).map_or(default, |text| text.parse().unwrap());
    let calls = number("PILLION_MODEL_CALLS", 10_000);
    let seed = number("PILLION_SEED", clock::unix_ms());
    println!("PILLION_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let model = Model {
        keys: (0..KEYS).map(|_| Key::default()).collect(),
        ..Model::default()
    };
    thread::scope(|scope| {
        for process in 0..THREADS {
            let mut process = Process {
                model: &model,
                // Smaller than all values together at times.
                cache: open(dir.path(), MIN_BYTES),
                number: process,
                random: Random(mix(seed ^ process << 56) | 1),
                local: HashMap::new(),
            };
            scope.spawn(move || (0..calls).for_each(|_| process.call()));
        }
    });
    let cache = open(dir.path(), MIN_BYTES);
    let (stats, classes) = (cache.stats(), cache.class_stats());
    let wasted: u64 = classes.iter().map(|class| class.wasted).sum();
    assert_eq!(stats.memory_wasted, wasted);
    assert_eq!(
        Occupancy::counted(&cache.memory),
        Occupancy::of_blocks(&cache.memory)
    );
    cache.clear();
    assert_eq!((cache.stats().entries, cache.stats().memory_used), (0, 0));
}
