//! All things that are looked at, look by look, and which of them are leaks. What decides beside the rule of each kind:
//!
//! * Growth of a request that loads code, or runs some for the first time, fills what all later requests share, and does
//!   not count. A loop that does so in each request is no start any more: beyond [`LOADS`] in a row its growth counts.
//! * What may be garbage is not compared: objects that nothing known holds, and memory, only where PHP's collector
//!   has run since the last look, or has nothing to do.
//! * Memory is the last resort: it is a leak where nothing else is one.

use std::hash::BuildHasher;

use super::{
    Map,
    history::{Growth, Rule},
    size::{Shape, Size},
    subject::{Key, Kind, Loaded},
};

/// Requests in a row with new code, until that is no start any more.
const LOADS: u32 = 8;
/// Changes of a setting that make a leak.
const CHANGES: u32 = 2;
/// Things that are remembered, at most.
const MOST: usize = 200_000;
/// How often those that are gone are forgotten, in looks.
const FORGET_EVERY: u32 = 64;

/// A leak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Which thing.
    pub key: Key,
    /// Its size before it began to grow.
    pub before: Size,
    /// Its size now.
    pub after: Size,
    /// How many of the looks have found it larger.
    pub times: u32,
}

/// PHP's state at a look, beside the things themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// The code that is loaded.
    pub loaded: Loaded,
    /// How much of what was loaded since the last look did not exist when the script began.
    pub generated: Loaded,
    /// Code has run for the first time.
    pub has_new_code: bool,
    /// How often PHP's collector has run.
    pub runs: u64,
    /// Nothing waits for the collector: all that lives is held.
    pub no_garbage: bool,
    /// Bytes of PHP's memory in use.
    pub memory: u64,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub struct Judge {
    known: Map<Key, Growth>,
    looks: u32,
    now: Circumstances,
    generated: [u64; 3],
    loads: u32,
    is_loading: bool,
    is_settled: bool,
    verdicts: Vec<Verdict>,
}

impl Judge {
    /// A look begins.
    pub fn begin(&mut self, now: Circumstances) {
        self.looks += 1;
        let before = std::mem::replace(&mut self.now, now);
        let loads = self.looks > 1 && (now.has_new_code || now.loaded.is_more(&before.loaded));
        self.loads = if loads { self.loads + 1 } else { 0 };
        self.is_loading = loads && self.loads <= LOADS;
        self.is_settled = now.no_garbage || now.runs != before.runs;
        self.verdicts.clear();
        let generated = [
            (Kind::Class, now.generated.classes),
            (Kind::Function, now.generated.functions),
            (Kind::File, now.generated.files),
        ];
        for (at, (kind, count)) in generated.into_iter().enumerate() {
            let Some(sum) = self.generated.get_mut(at) else {
                continue;
            };
            *sum += u64::from(count);
            let sum = *sum;
            self.sized(Key::only(kind), Size::number(sum));
        }
    }

    /// The code at the last look.
    #[must_use]
    pub const fn loaded(&self) -> Loaded {
        self.now.loaded
    }

    /// Whether there was no look yet.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.looks == 0
    }

    /// Whether nothing that lives is garbage.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// The size of a thing at this look.
    pub fn sized(&mut self, key: Key, size: Size) {
        let looks = self.looks;
        let growth = self
            .known
            .entry(key)
            .or_insert_with(|| Growth::new(size, looks));
        if growth.seen == looks {
            return;
        }
        // Another one stands in its place, or it was empty in between.
        if growth.seen + 1 != looks && is_reached(key.kind) {
            *growth = Growth::new(size, looks);
            return;
        }
        growth.add(size, looks, Rule::of(key.kind), self.is_loading);
        if growth.is_leak {
            self.verdicts.push(Verdict {
                key,
                before: growth.first,
                after: size,
                times: growth.times,
            });
        }
    }

    /// A text. One that grows begins as it was before: any other is a new one in its place.
    pub fn text(&mut self, key: Key, text: &[u8], bytes: u64) {
        let length = text.len() as u64;
        let size = Size {
            shape: Shape::Text,
            count: length,
            elements: 0,
            text: length,
            bytes,
        };
        let looks = self.looks;
        let before = self.known.get_mut(&key);
        if let Some(growth) = before.filter(|growth| growth.seen + 1 >= looks) {
            if growth.last == size {
                return self.sized(key, size);
            }
            let begins = text.get(..growth.last.text as usize);
            if begins.is_some_and(|begins| end_of(begins) != growth.end) {
                growth.end = end_of(text);
                return growth.replace(size, looks);
            }
        }
        self.sized(key, size);
        if let Some(growth) = self.known.get_mut(&key) {
            growth.end = end_of(text);
        }
    }

    /// The value of a setting that is not as PHP started with it, as a hash. One that changes again and again is left
    /// behind by requests; one that is set once, when it is first needed, is the application's.
    pub fn setting(&mut self, key: Key, hash: u64) {
        let looks = self.looks;
        let known = self.known.entry(key).or_default();
        let is_new = known.seen == 0;
        if (is_new && looks > 1) || (!is_new && known.last.count != hash) {
            known.times += u32::from(!self.is_loading);
            known.is_leak |= known.times >= CHANGES;
        }
        known.seen = looks;
        known.last = Size::number(hash);
        self.stands(key);
    }

    /// A session is open.
    pub fn session(&mut self) {
        let key = Key::only(Kind::Session);
        let known = self.known.entry(key).or_default();
        (known.seen, known.times, known.is_leak) = (self.looks, known.times + 1, true);
        self.stands(key);
    }

    fn stands(&mut self, key: Key) {
        if let Some(known) = self.known.get(&key).filter(|known| known.is_leak) {
            self.verdicts.push(Verdict {
                key,
                before: Size::default(),
                after: Size::default(),
                times: known.times,
            });
        }
    }

    /// The look ends: the leaks.
    pub fn end(&mut self) -> Vec<Verdict> {
        if self.is_settled {
            let takes_none = |kind| matches!(kind, Kind::Ini | Kind::Session);
            let is_alone = self
                .verdicts
                .iter()
                .all(|verdict| takes_none(verdict.key.kind));
            self.sized(Key::only(Kind::Memory), Size::number(self.now.memory));
            if !is_alone {
                self.verdicts
                    .retain(|verdict| verdict.key.kind != Kind::Memory);
            }
        }
        let (looks, is_full) = (self.looks, self.known.len() >= MOST);
        if looks.is_multiple_of(FORGET_EVERY) || is_full {
            self.known
                .retain(|key, known| known.seen == looks || !is_reached(key.kind));
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let mut verdicts = std::mem::take(&mut self.verdicts);
        verdicts.sort_by_key(|verdict| verdict.key);
        verdicts
    }
}

/// A hash of the last bytes of a text.
fn end_of(text: &[u8]) -> u64 {
    const BYTES: usize = 32;
    let end = text.get(text.len().saturating_sub(BYTES)..).unwrap_or(text);
    rustc_hash::FxBuildHasher.hash_one(end)
}

/// Whether the thing lies in a place that another one may take.
const fn is_reached(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Property | Kind::StaticProperty | Kind::StaticVariable | Kind::Global | Kind::Local
    )
}

#[cfg(test)]
mod tests;
