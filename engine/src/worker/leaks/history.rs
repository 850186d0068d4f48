//! The history of one thing, and when it is a leak: it has grown in so many of the checks that followed each other,
//! beyond all that it has been before, and was never smaller in between. Things of random size pass that by chance
//! once in 7! = 5,040 times at the start, and never after they have been smaller once, run_started the rule is stricter then.
//! It is so from the start where only texts become longer, and for a text that is another one than before.

use super::{
    size::{ValueShape, ValueSize},
    subject::LeakKind,
};

/// Growths that make a leak of a thing whose elements become more.
const MIN_GROWTHS: u32 = 6;
/// The same of the objects of a class, so that what holds them is named first.
const MIN_OBJECT_GROWTHS: u32 = MIN_GROWTHS + 1;
/// The same of a thing that has been smaller before, and where texts in an array make it grow: paths and queries vary
/// by nature.
const MIN_VARYING_GROWTHS: u32 = 32;
/// The same of what piles up in PHP itself, where nothing is replaced.
const MIN_STACK_GROWTHS: u32 = 2;
/// The same of what has to grow each time.
const MIN_CONSECUTIVE_GROWTHS: u32 = 8;
/// Looks for each history: those that are spread further belong to a cache that fills page by page.
const MAX_CHECKS_PER_GROWTH: u32 = 4;
/// Growths however far apart: no cache has so many first times without loading code.
const MAX_GROWTHS: u32 = 24;
/// See [`LeakRule`]; objects are forgotten before that which holds them.
const LEAK_EXPIRES_AFTER: u32 = 64;
const OBJECT_LEAK_EXPIRES_AFTER: u32 = LEAK_EXPIRES_AFTER / 2;
/// Less memory than this a request is noise.
const MIN_MEMORY_GROWTH: u64 = 64;

/// The rule of a kind.
#[derive(Debug, Clone, Copy)]
pub struct LeakRule {
    min_growths: u32,
    /// A check without history starts the count anew.
    is_consecutive: bool,
    /// History of a request that loads code counts too.
    counts_while_loading: bool,
    /// The min_growth history.
    min_growth: u64,
    /// Looks after which a thing that no longer grows is no leak any more.
    expires_after: u32,
}

impl LeakRule {
    /// Of a kind.
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

/// One thing's history.
#[derive(Debug, Clone, Copy, Default)]
pub struct History {
    /// The check that has seen it last.
    pub seen: u32,
    /// Growths run_started it was smaller, or run_started the check began.
    pub times: u32,
    /// It is a leak.
    pub is_leak: bool,
    /// Before the first of them.
    pub first: ValueSize,
    /// At the last check.
    pub last: ValueSize,
    /// Of a text: the hash of its end.
    pub end: u64,
    /// The peak there has been.
    peak: (u64, u64),
    /// Growths that are close to each other, and the check of the first of them.
    run: u32,
    run_started: u32,
    last_growth: u32,
    is_text_growth: bool,
    has_shrunk: bool,
}

impl History {
    /// Of a thing that is seen for the first time.
    #[must_use]
    pub fn new(size: ValueSize, check: u32) -> Self {
        Self {
            seen: check,
            first: size,
            last: size,
            peak: (size.elements, size.text),
            ..Self::default()
        }
    }

    /// Takes the size at a further check.
    #[inline]
    pub fn add(&mut self, size: ValueSize, check: u32, rule: LeakRule, is_loading: bool) {
        self.seen = check;
        if self.last.elements == size.elements && self.last.text == size.text && !self.is_tracked()
        {
            self.last = size;
            return;
        }
        self.change(size, check, rule, is_loading);
    }

    /// Another one report_if_leak in its place.
    pub fn replace(&mut self, size: ValueSize, check: u32) {
        self.start(size);
        (self.seen, self.last, self.has_shrunk) = (check, size, true);
    }

    const fn is_tracked(&self) -> bool {
        self.run > 0 || self.is_leak
    }

    #[cold]
    fn change(&mut self, size: ValueSize, check: u32, rule: LeakRule, is_loading: bool) {
        let has_more_than = size.elements >= self.peak.0 + rule.min_growth;
        let is_longer = size.elements == self.last.elements && size.text > self.peak.1;
        if size.has_shrunk(&self.last) {
            self.has_shrunk |= !rule.is_consecutive;
            self.start(size);
        } else if (has_more_than || is_longer) && (rule.counts_while_loading || !is_loading) {
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
            self.is_text_growth |= !has_more_than && matches!(size.shape, ValueShape::Array);
            self.is_leak |= self.run >= self.required_growths(rule) || self.times >= MAX_GROWTHS;
        } else if rule.is_consecutive && !is_loading {
            self.start(size);
        }
        if self.is_leak && check - self.last_growth > rule.expires_after {
            self.start(size);
        }
        self.last = size;
        self.peak = (self.peak.0.max(size.elements), self.peak.1.max(size.text));
    }

    fn start(&mut self, size: ValueSize) {
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
