//! The history of one thing, and when it is a leak: it has grown in so many of the looks that followed each other,
//! beyond all that it has been before, and was never smaller in between. Things of random size pass that by chance
//! once in 7! = 5,040 times at the start, and never after they have been smaller once, since the rule is stricter then.
//! It is so from the start where only texts become longer, and for a text that is another one than before.

use super::{
    size::{Shape, Size},
    subject::Kind,
};

/// Growths that make a leak of a thing whose elements become more.
const GROWTHS: u32 = 6;
/// The same of the objects of a class, so that what holds them is named first.
const GROWTHS_OF_OBJECTS: u32 = GROWTHS + 1;
/// The same of a thing that has been smaller before, and where texts in an array make it grow: paths and queries vary
/// by nature.
const GROWTHS_OF_VARYING: u32 = 32;
/// The same of what piles up in PHP itself, where nothing is replaced.
const GROWTHS_OF_PILES: u32 = 2;
/// The same of what has to grow each time.
const GROWTHS_IN_A_ROW: u32 = 8;
/// Looks for each growth: those that are spread further belong to a cache that fills page by page.
const SPREAD: u32 = 4;
/// Growths however far apart: no cache has so many first times without loading code.
const GROWTHS_AT_ALL: u32 = 24;
/// See [`Rule`]; objects are forgotten before that which holds them.
const LASTS: u32 = 64;
const LASTS_OF_OBJECTS: u32 = LASTS / 2;
/// Less memory than this a request is noise.
const LEAST_MEMORY: u64 = 64;

/// The rule of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    growths: u32,
    /// A look without growth starts the count anew.
    is_in_a_row: bool,
    /// Growth of a request that loads code counts too.
    counts_loading: bool,
    /// The least growth.
    least: u64,
    /// Looks after which a thing that no longer grows is no leak any more.
    lasts: u32,
}

impl Rule {
    /// Of a kind.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        let (growths, is_in_a_row, counts_loading, least) = match kind {
            Kind::Class | Kind::Function | Kind::File => (GROWTHS_IN_A_ROW, true, true, 1),
            Kind::Memory => (GROWTHS_IN_A_ROW, true, false, LEAST_MEMORY),
            Kind::Constant
            | Kind::ShutdownFunction
            | Kind::ErrorHandler
            | Kind::ExceptionHandler => (GROWTHS_OF_PILES, false, false, 1),
            Kind::Object => (GROWTHS_OF_OBJECTS, false, false, 1),
            _ => (GROWTHS, false, false, 1),
        };
        Self {
            growths,
            is_in_a_row,
            counts_loading,
            least,
            lasts: match kind {
                Kind::Object => LASTS_OF_OBJECTS,
                _ => LASTS,
            },
        }
    }
}

/// One thing's history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Growth {
    /// The look that has seen it last.
    pub seen: u32,
    /// Growths since it was smaller, or since the check began.
    pub times: u32,
    /// It is a leak.
    pub is_leak: bool,
    /// Before the first of them.
    pub first: Size,
    /// At the last look.
    pub last: Size,
    /// Of a text: the hash of its end.
    pub end: u64,
    /// The most there has been.
    most: (u64, u64),
    /// Growths that are close to each other, and the look of the first of them.
    run: u32,
    since: u32,
    latest: u32,
    is_of_text: bool,
    has_shrunk: bool,
}

impl Growth {
    /// Of a thing that is seen for the first time.
    #[must_use]
    pub fn new(size: Size, look: u32) -> Self {
        Self {
            seen: look,
            first: size,
            last: size,
            most: (size.elements, size.text),
            ..Self::default()
        }
    }

    /// Takes the size at a further look.
    #[inline]
    pub fn add(&mut self, size: Size, look: u32, rule: Rule, is_loading: bool) {
        self.seen = look;
        if self.last.elements == size.elements && self.last.text == size.text && !self.is_watched()
        {
            self.last = size;
            return;
        }
        self.change(size, look, rule, is_loading);
    }

    /// Another one stands in its place.
    pub fn replace(&mut self, size: Size, look: u32) {
        self.start(size);
        (self.seen, self.last, self.has_shrunk) = (look, size, true);
    }

    const fn is_watched(&self) -> bool {
        self.run > 0 || self.is_leak
    }

    #[cold]
    fn change(&mut self, size: Size, look: u32, rule: Rule, is_loading: bool) {
        let is_more = size.elements >= self.most.0 + rule.least;
        let is_longer = size.elements == self.last.elements && size.text > self.most.1;
        if size.has_shrunk(&self.last) {
            self.has_shrunk |= !rule.is_in_a_row;
            self.start(size);
        } else if (is_more || is_longer) && (rule.counts_loading || !is_loading) {
            if self.times == 0 {
                self.first = self.last;
            }
            if look - self.since > SPREAD * self.needed(rule) || self.run == 0 {
                (self.since, self.run) = (look, 0);
            }
            self.run += 1;
            self.times += 1;
            self.latest = look;
            self.is_of_text |= !is_more && matches!(size.shape, Shape::Array);
            self.is_leak |= self.run >= self.needed(rule) || self.times >= GROWTHS_AT_ALL;
        } else if rule.is_in_a_row && !is_loading {
            self.start(size);
        }
        if self.is_leak && look - self.latest > rule.lasts {
            self.start(size);
        }
        self.last = size;
        self.most = (self.most.0.max(size.elements), self.most.1.max(size.text));
    }

    fn start(&mut self, size: Size) {
        (self.run, self.times, self.is_leak) = (0, 0, false);
        (self.first, self.is_of_text) = (size, false);
    }

    const fn needed(&self, rule: Rule) -> u32 {
        match () {
            () if self.has_shrunk || self.is_of_text => GROWTHS_OF_VARYING,
            () => rule.growths,
        }
    }
}
