//! A closer look, where something of the thread's own is not as it was: it is told, and put back or taken over.
//! Putting back may run PHP code, so what is to be done lies with the thread, and is taken from there one by one.

use pillion_engine::worker::residue::{Action, ResidueKind};

use super::{
    WHICH, action,
    error_handlers::{self, Handlers, Which},
    ini::Ini,
    report::tell,
    session::Session,
    stream_wrappers::Wrappers,
    throw_away,
    timezone::Timezone,
    with,
};
use crate::thread_state::Thread;

/// Looks through all that is the thread's.
#[cold]
pub fn look_closer() {
    // A session first: settings of its module are refused while one is open.
    if let Some(session) = with(|before| before.session).filter(Session::is_open) {
        let action = match action(ResidueKind::Session) {
            Action::Restored if !Session::can_be_closed() => Action::Reported,
            action => action,
        };
        with(|before| before.note(ResidueKind::Session, "session", "open", action));
        tell();
        if action == Action::Restored && !session.close() {
            log::error!(reason = "code that runs when the session ends opens one again"; "reset failed");
        }
    }
    inis();
    handlers();
    timezone();
    stream_wrappers();
}

fn inis() {
    let action = action(ResidueKind::Ini);
    with(|before| {
        let changes = before.ini.changes();
        for change in &changes {
            before.note(ResidueKind::Ini, change.name(), "changed", action);
        }
        if action == Action::Restored {
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
    let action = action(ResidueKind::Handlers);
    for (index, which) in WHICH.into_iter().enumerate() {
        let is_same = with(|before| before.handlers.get(index).is_none_or(Handlers::is_same));
        if is_same != Some(false) {
            continue;
        }
        with(|before| {
            before.note(
                ResidueKind::Handlers,
                which.name(),
                error_handlers::describe(which),
                action,
            )
        });
        tell();
        if action == Action::Restored {
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
        let (handler, is_more) = error_handlers::take(which);
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
        error_handlers::put(which, handler, mask, place == 0);
    }
}

/// Gives back handlers that are not looked for any more. May run PHP code.
pub fn release_old() {
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
    let action = action(ResidueKind::Timezone);
    with(|before| {
        if before.timezone.is_same() {
            return;
        }
        let zone = before.timezone.describe();
        before.note(ResidueKind::Timezone, "default time zone", zone, action);
        if action == Action::Restored {
            before.timezone.put_back();
        } else {
            before.timezone = Timezone::now();
        }
    });
    tell();
}

fn stream_wrappers() {
    let action = action(ResidueKind::Wrappers);
    Thread::with(|thread| {
        let (calls, before) = (&mut thread.worker.observed_calls, &mut thread.worker.before);
        let Some(before) = before.as_deref_mut().filter(|_| calls.wrappers_may_differ) else {
            return;
        };
        for change in before.wrappers.changes(calls) {
            let (name, what) = change.describe();
            before.note(ResidueKind::Wrappers, name, what, action);
            if action == Action::Restored {
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
        let (calls, before) = (&mut thread.worker.observed_calls, &mut thread.worker.before);
        if let Some(before) = before.as_deref_mut().filter(|_| calls.wrappers_may_differ) {
            before.wrappers = Wrappers::now(calls);
            calls.wrappers_may_differ = false;
        }
    });
}
