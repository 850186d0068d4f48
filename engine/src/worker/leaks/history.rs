//! The history of one subject, and the rule for a leak: it has grown in a number of consecutive checks, each time
//! beyond its former peak, and never shrunk in between. Subjects of random size pass the rule by chance once in
//! 7! = 5,040 times at the start, and not after they have shrunk once, because the rule is stricter then. It is
//! stricter from the start if only strings become longer, and for a string that was replaced.

use super::{
    size::{ValueShape, ValueSize},
    subject::LeakKind,
};

/// Growths that make a subject with more and more elements a leak.
const MIN_GROWTHS: u32 = 6;
/// The same for the number of objects of a class: more, so that their holder is reported first.
const MIN_OBJECT_GROWTHS: u32 = MIN_GROWTHS + 1;
/// The same for a subject that has shrunk before, or grows by longer strings in an array: paths and queries vary by
/// nature.
const MIN_VARYING_GROWTHS: u32 = 32;
/// The same for stacks of PHP's own, where nothing is ever replaced.
const MIN_STACK_GROWTHS: u32 = 2;
/// The same for subjects that have to grow at each check.
const MIN_CONSECUTIVE_GROWTHS: u32 = 8;
/// Checks for each growth: growths that are spread further belong to a cache that fills page by page.
const MAX_CHECKS_PER_GROWTH: u32 = 4;
/// Growths, however far apart, that make a leak: no cache fills so often without loading code.
const MAX_GROWTHS: u32 = 24;
/// Checks without growth after which a leak is none any more; fewer for objects, so that their holder is reported
/// longer.
const LEAK_EXPIRES_AFTER: u32 = 64;
const OBJECT_LEAK_EXPIRES_AFTER: u32 = LEAK_EXPIRES_AFTER / 2;
/// Less growth of memory in a request is noise.
const MIN_MEMORY_GROWTH: u64 = 64;

/// The rule of a kind.
#[derive(Debug, Clone, Copy)]
pub struct LeakRule {
    min_growths: u32,
    /// A check without growth restarts the count.
    is_consecutive: bool,
    /// Growth in a request that loads code counts too.
    counts_while_loading: bool,
    /// Less growth does not count.
    min_growth: u64,
    /// Checks without growth after which it is no leak any more.
    expires_after: u32,
}

impl LeakRule {
    /// The rule of a kind.
    #[must_use]
    pub const fn of(kind: LeakKind) -> Self {
        let (min_growths, is_consecutive, counts_while_loading, min_growth) = match kind {
            LeakKind::Class | LeakKind::Function | LeakKind::File => {
                (MIN_CONSECUTIVE_GROWTHS, true, true, 1)
            }
            LeakKind::Memory => (MIN_CONSECUTIVE_GROWTHS, true, false, MIN_MEMORY_GROWTH),
            LeakKind::Constant
            | LeakKind::ShutdownFunction
            | LeakKind::ErrorHandler
            | LeakKind::ExceptionHandler => (MIN_STACK_GROWTHS, false, false, 1),
            LeakKind::Object => (MIN_OBJECT_GROWTHS, false, false, 1),
            _ => (MIN_GROWTHS, false, false, 1),
        };
        Self {
            min_growths,
            is_consecutive,
            counts_while_loading,
            min_growth,
            expires_after: match kind {
                LeakKind::Object => OBJECT_LEAK_EXPIRES_AFTER,
                _ => LEAK_EXPIRES_AFTER,
            },
        }
    }
}

/// The history of one subject.
#[derive(Debug, Clone, Copy, Default)]
pub struct History {
    /// The number of the last check that has recorded it.
    pub last_check: u32,
    /// Growths since it has shrunk, or since the first check.
    pub times: u32,
    /// It is a leak.
    pub is_leak: bool,
    /// The size before the first growth.
    pub first: ValueSize,
    /// The size at the last check.
    pub last: ValueSize,
    /// For a string: the hash of its last bytes.
    pub tail_hash: u64,
    /// The largest number of elements and of bytes of text.
    peak: (u64, u64),
    /// Growths that are close to each other, and the number of the check of the first one.
    run: u32,
    run_started: u32,
    last_growth: u32,
    is_text_growth: bool,
    has_shrunk: bool,
}

impl History {
    /// The history of a subject at its first check.
    #[must_use]
    pub fn new(size: ValueSize, check: u32) -> Self {
        Self {
            last_check: check,
            first: size,
            last: size,
            peak: (size.elements, size.text),
            ..Self::default()
        }
    }

    /// Adds the size at a further check.
    #[inline]
    pub fn add(&mut self, size: ValueSize, check: u32, rule: LeakRule, is_loading: bool) {
        self.last_check = check;
        if self.last.elements == size.elements && self.last.text == size.text && !self.is_tracked()
        {
            self.last = size;
            return;
        }
        self.change(size, check, rule, is_loading);
    }

    /// Restarts: another value has taken its place.
    pub fn replace(&mut self, size: ValueSize, check: u32) {
        self.restart(size);
        (self.last_check, self.last, self.has_shrunk) = (check, size, true);
    }

    const fn is_tracked(&self) -> bool {
        self.run > 0 || self.is_leak
    }

    #[cold]
    fn change(&mut self, size: ValueSize, check: u32, rule: LeakRule, is_loading: bool) {
        let has_more_elements = size.elements >= self.peak.0 + rule.min_growth;
        let is_longer = size.elements == self.last.elements && size.text > self.peak.1;
        if size.has_shrunk(&self.last) {
            self.has_shrunk |= !rule.is_consecutive;
            self.restart(size);
        } else if (has_more_elements || is_longer) && (rule.counts_while_loading || !is_loading) {
            if self.times == 0 {
                self.first = self.last;
            }
            if check - self.run_started > MAX_CHECKS_PER_GROWTH * self.required_growths(rule)
                || self.run == 0
            {
                (self.run_started, self.run) = (check, 0);
            }
            self.run += 1;
            self.times += 1;
            self.last_growth = check;
            self.is_text_growth |= !has_more_elements && matches!(size.shape, ValueShape::Array);
            self.is_leak |= self.run >= self.required_growths(rule) || self.times >= MAX_GROWTHS;
        } else if rule.is_consecutive && !is_loading {
            self.restart(size);
        }
        if self.is_leak && check - self.last_growth > rule.expires_after {
            self.restart(size);
        }
        self.last = size;
        self.peak = (self.peak.0.max(size.elements), self.peak.1.max(size.text));
    }

    fn restart(&mut self, size: ValueSize) {
        (self.run, self.times, self.is_leak) = (0, 0, false);
        (self.first, self.is_text_growth) = (size, false);
    }

    const fn required_growths(&self, rule: LeakRule) -> u32 {
        match () {
            () if self.has_shrunk || self.is_text_growth => MIN_VARYING_GROWTHS,
            () => rule.min_growths,
        }
    }
}
