//! Compares the sizes of all subjects from check to check, and decides which of them are leaks. Beside the rule of
//! each kind:
//!
//! * Growth in a request that loads code, or runs some for the first time, fills caches that all later requests
//!   share, and does not count; unless more than [`MAX_LOADING_CHECKS`] requests in a row do so.
//! * Values that may be garbage are not compared: unreached objects, and memory, only if PHP's collector has run since
//!   the last check, or has nothing to do.
//! * Memory is a leak only if nothing else is one.

use std::hash::BuildHasher;

use super::{
    AddressMap,
    engine_state::EngineState,
    history::{History, LeakRule},
    size::{ValueShape, ValueSize},
    subject::{LeakKind, LoadedCode, Subject},
};

/// Requests in a row with new code in which growth does not count.
const MAX_LOADING_CHECKS: u32 = 8;
/// Changes of a setting that make it a leak.
const MIN_SETTING_CHANGES: u32 = 2;
/// Subjects that are remembered.
const MAX_SUBJECTS: usize = 200_000;
/// Checks between two removals of subjects that are gone.
const PRUNE_INTERVAL: u32 = 64;

/// A subject that grows from request to request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// The subject.
    pub subject: Subject,
    /// Its size before it began to grow.
    pub before: ValueSize,
    /// Its size now.
    pub after: ValueSize,
    /// The number of checks that have found it larger.
    pub times: u32,
}

/// The histories of all subjects of one thread.
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
    /// Begins a check.
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

    /// The code that was loaded at the last check.
    #[must_use]
    pub const fn loaded(&self) -> LoadedCode {
        self.now.loaded
    }

    /// Whether there was no check yet.
    #[must_use]
    pub const fn is_first_check(&self) -> bool {
        self.checks == 0
    }

    /// Whether no live value is garbage at this check.
    #[must_use]
    pub const fn has_no_garbage(&self) -> bool {
        self.has_no_garbage
    }

    /// Records the size of a subject at this check.
    pub fn record_size(&mut self, subject: Subject, size: ValueSize) {
        let checks = self.checks;
        let history = self
            .known
            .entry(subject)
            .or_insert_with(|| History::new(size, checks));
        if history.last_check == checks {
            return;
        }
        // Another value has taken its place, or it was empty in between.
        if history.last_check + 1 != checks && is_replaceable(subject.kind) {
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

    /// Records a string. One that grows still begins with its former bytes; any other replaces it.
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
        if let Some(history) = before.filter(|history| history.last_check + 1 >= checks) {
            if history.last == size {
                return self.record_size(subject, size);
            }
            let prefix = text.get(..history.last.text as usize);
            if prefix.is_some_and(|prefix| tail_hash(prefix) != history.tail_hash) {
                history.tail_hash = tail_hash(text);
                return history.replace(size, checks);
            }
        }
        self.record_size(subject, size);
        if let Some(history) = self.known.get_mut(&subject) {
            history.tail_hash = tail_hash(text);
        }
    }

    /// Records the hash of the value of a changed setting. One that changes again and again is residue of requests; one
    /// that is set once, when it is first needed, is the application's.
    pub fn record_setting(&mut self, subject: Subject, hash: u64) {
        let checks = self.checks;
        let known = self.known.entry(subject).or_default();
        let is_new = known.last_check == 0;
        if (is_new && checks > 1) || (!is_new && known.last.count != hash) {
            known.times += u32::from(!self.is_loading);
            known.is_leak |= known.times >= MIN_SETTING_CHANGES;
        }
        known.last_check = checks;
        known.last = ValueSize::number(hash);
        self.report_if_leak(subject);
    }

    /// Records that a session is open.
    pub fn record_open_session(&mut self) {
        let subject = Subject::single(LeakKind::Session);
        let known = self.known.entry(subject).or_default();
        (known.last_check, known.times, known.is_leak) = (self.checks, known.times + 1, true);
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

    /// Ends the check and returns the leaks.
    pub fn detect(&mut self) -> Vec<Leak> {
        if self.has_no_garbage {
            let takes_no_memory = |kind| matches!(kind, LeakKind::Ini | LeakKind::Session);
            let is_only_leak = self
                .leaks_found
                .iter()
                .all(|leak| takes_no_memory(leak.subject.kind));
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
            self.known.retain(|subject, known| {
                known.last_check == checks || !is_replaceable(subject.kind)
            });
        }
        if self.known.len() >= MAX_SUBJECTS {
            self.known.clear();
        }
        let mut leaks_found = std::mem::take(&mut self.leaks_found);
        leaks_found.sort_by_key(|leak| leak.subject);
        leaks_found
    }
}

/// The hash of the last bytes of a string.
fn tail_hash(text: &[u8]) -> u64 {
    const BYTES: usize = 32;
    let end = text.get(text.len().saturating_sub(BYTES)..).unwrap_or(text);
    rustc_hash::FxBuildHasher.hash_one(end)
}

/// Whether another value may take the place of the subject.
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
