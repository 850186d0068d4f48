//! What a request of a worker's has left behind of PHP's own state: told by name, counted, and put back where
//! `worker.reset` says so. In a script of its own PHP does all that by itself at the end.
//!
//! What counts is the difference to what was there before: when the loop first waits for a request, so that
//! what the application set at its start is no change; and after each request anew, so that each is told
//! what it did itself. Frameworks set much when they first need it, and that is in the first request: what
//! that one leaves is kept as the application's own.
//!
//! In an idle request all that is a few comparisons with Zend's own tables, without a call and without an
//! allocation. On PHP's thread, between two requests.

mod handlers;
mod ini;
pub mod session;
mod timezone;
mod wrappers;

use std::collections::VecDeque;

use pillion_engine::worker::{
    LeftBehind,
    left::{Fate, Kind},
};

use self::{
    handlers::{Handlers, Which},
    ini::Ini,
    session::Session,
    timezone::Timezone,
    wrappers::Wrappers,
};
use super::{identity, report, witness, witness::Witness};
use crate::{process, thread::Thread, zend::interrupt::is_throwing};

/// In the order of [`Before::handlers`].
const WHICH: [Which; 2] = [Which::Error, Which::Exception];

/// What the requests of all threads of this process have left behind.
pub static LEFT: LeftBehind = LeftBehind::new();

/// What was there before the request.
pub struct Before {
    ini: Ini,
    handlers: [Handlers; 2],
    timezone: Timezone,
    wrappers: Wrappers,
    session: Session,
    /// No request has ended since the loop began.
    is_first: bool,
    /// Handlers that are not looked for any more, to be released.
    old: Vec<Handlers>,
    /// What is to be told.
    found: Vec<Found>,
    /// What is to be put back, one after the other.
    inis: Vec<ini::Change>,
    steps: VecDeque<wrappers::Step>,
}

struct Found {
    kind: Kind,
    name: String,
    what: String,
    fate: Fate,
}

impl Before {
    fn now(witness: &Witness) -> Self {
        Self {
            ini: Ini::now(),
            handlers: WHICH.map(Handlers::now),
            timezone: Timezone::now(),
            wrappers: Wrappers::now(witness),
            session: Session::now(),
            is_first: true,
            old: Vec::new(),
            found: Vec::new(),
            inis: Vec::new(),
            steps: VecDeque::new(),
        }
    }

    fn is_same(&self) -> bool {
        self.ini.is_same()
            && self.handlers.iter().all(Handlers::is_same)
            && self.timezone.is_same()
            && !self.session.is_open()
    }

    fn note(&mut self, kind: Kind, name: impl Into<String>, what: impl Into<String>, fate: Fate) {
        self.found.push(Found {
            kind,
            name: name.into(),
            what: what.into(),
            fate,
        });
    }
}

/// The loop waits for its first request: what is there now is the application's.
pub fn waits() {
    Thread::with(|thread| {
        let local = &mut thread.worker;
        if local.before.is_none() {
            local.witness.forget();
            local.witness.has_rewired = false;
            local.before = Some(Box::new(Before::now(&local.witness)));
        }
    });
}

/// A request of a loop that tells of its own: what that has changed between two requests is the loop's.
/// (In FrankenPHP the code between two requests belongs to them: `terminate()` and its like.)
pub fn begins() {
    waits();
    Thread::with(|thread| {
        let local = &mut thread.worker;
        let has_rewired = std::mem::take(&mut local.witness.has_rewired);
        let Some(before) = local.before.as_deref_mut() else {
            return;
        };
        if has_rewired || !before.is_same() {
            let is_first = before.is_first;
            let now = Before::now(&local.witness);
            let old = std::mem::replace(before, Before { is_first, ..now });
            before.old = old.handlers.into();
        }
    });
    release_old();
}

/// A request is over, and so are its hooks.
pub fn look() {
    let (is_same, has_seen) = Thread::with(|thread| {
        let local = &thread.worker;
        let (before, witness) = (local.before.as_ref(), &local.witness);
        (
            !witness.has_rewired && before.is_none_or(|before| before.is_same()),
            witness.has_seen(),
        )
    });
    if !is_same {
        look_closer();
    }
    if has_seen {
        look_at_the_process();
    }
    Thread::with(|thread| {
        if let Some(before) = &mut thread.worker.before {
            before.is_first = false;
        }
    });
}

/// Gives back what is held on to. At the end of the script.
pub fn release() {
    with(|before| {
        let handlers = std::mem::replace(&mut before.handlers, WHICH.map(Handlers::none));
        before.old = handlers.into();
    });
    release_old();
    Thread::with(|thread| thread.worker.before = None);
}

#[cold]
fn look_closer() {
    // A session first: settings of its module are refused while one is open.
    if with(|before| before.session.is_open()) == Some(true) {
        let fate = fate(Kind::Session);
        with(|before| before.note(Kind::Session, "session", "open", fate));
        tell();
        if fate == Fate::PutBack {
            Session::close();
            throw_away();
        }
    }
    inis();
    handlers();
    timezone();
    stream_wrappers();
}

fn inis() {
    let fate = fate(Kind::Ini);
    with(|before| {
        let changes = before.ini.changes();
        for change in &changes {
            before.note(Kind::Ini, change.name(), "changed", fate);
        }
        if fate == Fate::PutBack {
            before.inis = changes;
        }
    });
    tell();
    while let Some(change) = with(|before| before.inis.pop()).flatten() {
        change.put_back();
        throw_away();
    }
    with(|before| before.ini = Ini::now());
}

fn handlers() {
    let fate = fate(Kind::Handlers);
    for (index, which) in WHICH.into_iter().enumerate() {
        let is_same = with(|before| before.handlers.get(index).is_none_or(Handlers::is_same));
        if is_same != Some(false) {
            continue;
        }
        with(|before| {
            before.note(
                Kind::Handlers,
                which.name(),
                handlers::describe(which),
                fate,
            )
        });
        tell();
        if fate == Fate::PutBack {
            put_back(index, which);
        } else {
            with(|before| {
                if let Some(place) = before.handlers.get_mut(index) {
                    before.old = vec![std::mem::replace(place, Handlers::now(which))];
                }
            });
            release_old();
        }
    }
}

/// Takes all handlers away, which may run PHP code (a destructor), and lets those hold again that did.
fn put_back(index: usize, which: Which) {
    loop {
        let (handler, is_more) = handlers::take(which);
        handler.release();
        throw_away();
        if !is_more {
            break;
        }
    }
    let get = |place: usize| with(|before| before.handlers.get(index)?.get(place)).flatten();
    for place in 0.. {
        let Some((handler, mask)) = get(place) else {
            return;
        };
        handlers::put(which, handler, mask, place == 0);
    }
}

/// Gives back handlers that are not looked for any more. May run PHP code.
fn release_old() {
    let next = || {
        with(|before| {
            let last = before.old.last_mut()?;
            match last.pop() {
                Some(handler) => Some(Some(handler)),
                None => before.old.pop().map(|_| None),
            }
        })
        .flatten()
    };
    while let Some(handler) = next() {
        if let Some(handler) = handler {
            handler.release();
            throw_away();
        }
    }
}

fn timezone() {
    let fate = fate(Kind::Timezone);
    with(|before| {
        if before.timezone.is_same() {
            return;
        }
        let zone = before.timezone.describe();
        before.note(Kind::Timezone, "default time zone", zone, fate);
        if fate == Fate::PutBack {
            before.timezone.put_back();
        } else {
            before.timezone = Timezone::now();
        }
    });
    tell();
}

fn stream_wrappers() {
    let fate = fate(Kind::Wrappers);
    Thread::with(|thread| {
        let (witness, before) = (&mut thread.worker.witness, &mut thread.worker.before);
        let Some(before) = before.as_deref_mut().filter(|_| witness.has_rewired) else {
            return;
        };
        for change in before.wrappers.changes(witness) {
            let (name, what) = change.describe();
            before.note(Kind::Wrappers, name, what, fate);
            if fate == Fate::PutBack {
                before.steps.extend(change.steps());
            }
        }
    });
    tell();
    while let Some(step) = with(|before| before.steps.pop_front()).flatten() {
        step.take();
        throw_away();
    }
    Thread::with(|thread| {
        let (witness, before) = (&mut thread.worker.witness, &mut thread.worker.before);
        if let Some(before) = before.as_deref_mut().filter(|_| witness.has_rewired) {
            before.wrappers = Wrappers::now(witness);
            witness.has_rewired = false;
        }
    });
}

/// What all threads share: told, and never put back.
#[cold]
fn look_at_the_process() {
    let (umask, locale) = Thread::with(|thread| {
        let witness = &mut thread.worker.witness;
        (witness.take_umask(), witness.take_locale())
    });
    let note = |kind: Kind, name: &str, what: String| {
        with(|before| before.note(kind, name, what, Fate::Left));
    };
    if let Some((before, now)) = umask {
        note(Kind::Umask, "umask", format!("{before:04o} to {now:04o}"));
    }
    if let Some((before, now)) = locale {
        let what = locale_changes(&before.to_string_lossy(), &now.to_string_lossy());
        note(Kind::Locale, "locale", what);
    }
    while let Some(variable) = witness::next_variable() {
        if let Some(name) = variable {
            let name = String::from_utf8_lossy(&name);
            note(Kind::Environment, &name, "changed".to_owned());
        }
    }
    tell();
}

/// The categories that have another locale: the system names all of them where they differ.
fn locale_changes(before: &str, now: &str) -> String {
    let was: Vec<_> = before.split(';').collect();
    let is_other = |part: &&str| match part.split_once('=') {
        Some((_, locale)) => !was.contains(part) && before != locale,
        None => true,
    };
    now.split(';')
        .filter(is_other)
        .collect::<Vec<_>>()
        .join(" ")
}

fn fate(kind: Kind) -> Fate {
    let wanted = process::current().resolved().settings.worker.reset;
    kind.fate(wanted, with(|before| before.is_first) == Some(true))
}

/// A line in the log the first time, and a number in `Worker\status()` each time. Values of settings and
/// variables are no business of a log's: they may be passwords.
fn tell() {
    for found in with(|before| std::mem::take(&mut before.found)).unwrap_or_default() {
        let Found {
            kind,
            name,
            what,
            fate,
        } = found;
        if !LEFT.count(kind, name.as_bytes(), fate) {
            continue;
        }
        let level = match fate {
            Fate::Left => log::Level::Warn,
            Fate::Kept | Fate::PutBack => log::Level::Info,
        };
        log::log!(
            level,
            kind = kind.name(),
            name = name.as_str(),
            what = what.as_str(),
            fate = fate.name(),
            request_id = identity::known_id().as_str();
            "left behind"
        );
    }
}

/// What was thrown meanwhile stops nothing.
fn throw_away() {
    if is_throwing() {
        report("reset failed");
    }
}

fn with<R>(work: impl FnOnce(&mut Before) -> R) -> Option<R> {
    Thread::with(|thread| thread.worker.before.as_deref_mut().map(work))
}
