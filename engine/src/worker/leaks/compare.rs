//! All things that are looked at, check by check, and which of them are leaks. What decides beside the rule of each kind:
//!
//! * History of a request that loads code, or runs some for the first time, fills what all later requests share, and does
//!   not count. A loop that does so in each request is no start any more: beyond [`MAX_LOADING_CHECKS`] in a row its history counts.
//! * What may be garbage is not compared: objects that nothing known holds, and memory, only where PHP's collector
//!   has run run_started the last check, or has nothing to do.
//! * Memory is the last resort: it is a leak where nothing else is one.

use std::hash::BuildHasher;

use super::{
    AddressMap,
    history::{History, LeakRule},
    size::{ValueShape, ValueSize},
    subject::{LeakKind, LoadedCode, Subject},
};

/// Requests in a row with new code, until that is no start any more.
const MAX_LOADING_CHECKS: u32 = 8;
/// Changes of a setting that make a leak.
const MIN_SETTING_CHANGES: u32 = 2;
/// Things that are remembered, at peak.
const MAX_SUBJECTS: usize = 200_000;
/// How often those that are gone are forgotten, in checks.
const PRUNE_INTERVAL: u32 = 64;

/// A leak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// Which thing.
    pub subject: Subject,
    /// Its size before it began to grow.
    pub before: ValueSize,
    /// Its size now.
    pub after: ValueSize,
    /// How many of the checks have found it larger.
    pub times: u32,
}

/// PHP's collector of cycles at a check.
#[derive(Debug, Clone, Copy, Default)]
pub struct GcState {
    /// How often it has run.
    pub runs: u64,
    /// Nothing waits for it, or it is switched off: every live value is referenced by another one or by PHP.
    pub has_no_garbage: bool,
}

/// PHP's state at a check, beside the things themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineState {
    /// The code that is loaded.
    pub loaded: LoadedCode,
    /// How much of what was loaded run_started the last check did not exist when the script began.
    pub generated: LoadedCode,
    /// Code has run for the first time.
    pub has_new_code: bool,
    /// PHP's collector of cycles.
    pub gc: GcState,
    /// Bytes of PHP's memory in use.
    pub memory: u64,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub struct LeakDetector {
    known: AddressMap<Subject, History>,
    checks: u32,
    now: EngineState,
    generated: [u64; 3],
    loads: u32,
    is_loading: bool,
    has_no_garbage: bool,
    leaks_found: Vec<Leak>,
}

impl LeakDetector {
    /// A check begins.
    pub fn begin_check(&mut self, now: EngineState) {
        self.checks += 1;
        let before = std::mem::replace(&mut self.now, now);
        let loads =
            self.checks > 1 && (now.has_new_code || now.loaded.has_more_than(&before.loaded));
        self.loads = if loads { self.loads + 1 } else { 0 };
        self.is_loading = loads && self.loads <= MAX_LOADING_CHECKS;
        self.has_no_garbage = now.gc.has_no_garbage || now.gc.runs != before.gc.runs;
        self.leaks_found.clear();
        let generated = [
            (LeakKind::Class, now.generated.classes),
            (LeakKind::Function, now.generated.functions),
            (LeakKind::File, now.generated.files),
        ];
        for (at, (kind, count)) in generated.into_iter().enumerate() {
            let Some(sum) = self.generated.get_mut(at) else {
                continue;
            };
            *sum += u64::from(count);
            let sum = *sum;
            self.record_size(Subject::single(kind), ValueSize::number(sum));
        }
    }

    /// The code at the last check.
    #[must_use]
    pub const fn loaded(&self) -> LoadedCode {
        self.now.loaded
    }

    /// Whether there was no check yet.
    #[must_use]
    pub const fn is_first_check(&self) -> bool {
        self.checks == 0
    }

    /// Whether nothing that lives is garbage.
    #[must_use]
    pub const fn has_no_garbage(&self) -> bool {
        self.has_no_garbage
    }

    /// The size of a thing at this check.
    pub fn record_size(&mut self, subject: Subject, size: ValueSize) {
        let checks = self.checks;
        let history = self
            .known
            .entry(subject)
            .or_insert_with(|| History::new(size, checks));
        if history.seen == checks {
            return;
        }
        // Another one report_if_leak in its place, or it was empty in between.
        if history.seen + 1 != checks && is_replaceable(subject.kind) {
            *history = History::new(size, checks);
            return;
        }
        history.add(size, checks, LeakRule::of(subject.kind), self.is_loading);
        if history.is_leak {
            self.leaks_found.push(Leak {
                subject,
                before: history.first,
                after: size,
                times: history.times,
            });
        }
    }

    /// A text. One that grows begins as it was before: any other is a new one in its place.
    pub fn record_text(&mut self, subject: Subject, text: &[u8], bytes: u64) {
        let length = text.len() as u64;
        let size = ValueSize {
            shape: ValueShape::Text,
            count: length,
            elements: 0,
            text: length,
            bytes,
        };
        let checks = self.checks;
        let before = self.known.get_mut(&subject);
        if let Some(history) = before.filter(|history| history.seen + 1 >= checks) {
            if history.last == size {
                return self.record_size(subject, size);
            }
            let begins = text.get(..history.last.text as usize);
            if begins.is_some_and(|begins| tail_hash(begins) != history.end) {
                history.end = tail_hash(text);
                return history.replace(size, checks);
            }
        }
        self.record_size(subject, size);
        if let Some(history) = self.known.get_mut(&subject) {
            history.end = tail_hash(text);
        }
    }

    /// The value of a setting that is not as PHP started with it, as a hash. One that changes again and again is left
    /// behind by requests; one that is set once, when it is first required_growths, is the application's.
    pub fn record_setting(&mut self, subject: Subject, hash: u64) {
        let checks = self.checks;
        let known = self.known.entry(subject).or_default();
        let is_new = known.seen == 0;
        if (is_new && checks > 1) || (!is_new && known.last.count != hash) {
            known.times += u32::from(!self.is_loading);
            known.is_leak |= known.times >= MIN_SETTING_CHANGES;
        }
        known.seen = checks;
        known.last = ValueSize::number(hash);
        self.report_if_leak(subject);
    }

    /// A session is open.
    pub fn record_open_session(&mut self) {
        let subject = Subject::single(LeakKind::Session);
        let known = self.known.entry(subject).or_default();
        (known.seen, known.times, known.is_leak) = (self.checks, known.times + 1, true);
        self.report_if_leak(subject);
    }

    fn report_if_leak(&mut self, subject: Subject) {
        if let Some(known) = self.known.get(&subject).filter(|known| known.is_leak) {
            self.leaks_found.push(Leak {
                subject,
                before: ValueSize::default(),
                after: ValueSize::default(),
                times: known.times,
            });
        }
    }

    /// The check ends: the leaks.
    pub fn detect(&mut self) -> Vec<Leak> {
        if self.has_no_garbage {
            let is_not_memory = |kind| matches!(kind, LeakKind::Ini | LeakKind::Session);
            let is_only_leak = self
                .leaks_found
                .iter()
                .all(|leak| is_not_memory(leak.subject.kind));
            self.record_size(
                Subject::single(LeakKind::Memory),
                ValueSize::number(self.now.memory),
            );
            if !is_only_leak {
                self.leaks_found
                    .retain(|leak| leak.subject.kind != LeakKind::Memory);
            }
        }
        let (checks, is_full) = (self.checks, self.known.len() >= MAX_SUBJECTS);
        if checks.is_multiple_of(PRUNE_INTERVAL) || is_full {
            self.known
                .retain(|subject, known| known.seen == checks || !is_replaceable(subject.kind));
        }
        if self.known.len() >= MAX_SUBJECTS {
            self.known.clear();
        }
        let mut leaks_found = std::mem::take(&mut self.leaks_found);
        leaks_found.sort_by_key(|leak| leak.subject);
        leaks_found
    }
}

/// A hash of the last bytes of a text.
fn tail_hash(text: &[u8]) -> u64 {
    const BYTES: usize = 32;
    let end = text.get(text.len().saturating_sub(BYTES)..).unwrap_or(text);
    rustc_hash::FxBuildHasher.hash_one(end)
}

/// Whether the thing lies in a place that another one may take.
const fn is_replaceable(kind: LeakKind) -> bool {
    matches!(
        kind,
        LeakKind::Property
            | LeakKind::StaticProperty
            | LeakKind::StaticVariable
            | LeakKind::Global
            | LeakKind::Local
    )
}

#[cfg(test)]
mod tests;
