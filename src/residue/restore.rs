//! Compares the thread's state with the baseline in detail, after a quick comparison has found a difference: each
//! change is reported, then restored or accepted into the baseline. Restoring may run PHP code, so the work lies
//! with the baseline and is taken from there one by one.

use pillion_engine::worker::residue::{Action, ResidueKind};

use super::{
    baseline::{HANDLER_KINDS, action, with_baseline},
    error_handlers::{self, HandlerKind, HandlerStack},
    ini::ModifiedSettings,
    observed_calls::CALLS,
    report::log_findings,
    session::Session,
    stream_wrappers::WrapperTable,
    timezone::Timezone,
};
use crate::zend::exception;

/// The event of an exception that restoring has thrown: it must not stop the reset.
const RESET_FAILED: &str = "reset failed";

/// Compares all state of the thread.
#[cold]
pub fn compare_and_restore(request_id: fn() -> String) {
    // A session first: its module refuses changes of its settings while one is open.
    session(request_id);
    settings(request_id);
    handlers(request_id);
    timezone(request_id);
    stream_wrappers(request_id);
}

fn session(request_id: fn() -> String) {
    let Some(session) = with_baseline(|baseline| baseline.session).filter(Session::is_open) else {
        return;
    };
    let action = match action(ResidueKind::Session) {
        Action::Restored if !Session::can_be_closed() => Action::Reported,
        action => action,
    };
    with_baseline(|baseline| {
        baseline.add_finding(ResidueKind::Session, "session", "open", action);
    });
    log_findings(request_id);
    if action == Action::Restored && !session.close() {
        log::error!(reason = "code that runs when the session ends opens one again"; "reset failed");
    }
}

fn settings(request_id: fn() -> String) {
    let action = action(ResidueKind::Ini);
    with_baseline(|baseline| {
        let changes = baseline.settings.changes();
        for change in &changes {
            baseline.add_finding(ResidueKind::Ini, change.name(), "changed", action);
        }
        if action == Action::Restored {
            baseline.pending_settings = changes;
        }
    });
    log_findings(request_id);
    while let Some(change) = with_baseline(|baseline| baseline.pending_settings.pop()).flatten() {
        change.restore();
        exception::log_and_clear(RESET_FAILED);
    }
    with_baseline(|baseline| baseline.settings = ModifiedSettings::capture());
}

fn handlers(request_id: fn() -> String) {
    let action = action(ResidueKind::Handlers);
    for (index, kind) in HANDLER_KINDS.into_iter().enumerate() {
        let is_unchanged = with_baseline(|baseline| {
            let stack = baseline.handlers.get(index);
            stack.is_none_or(HandlerStack::is_unchanged)
        });
        if is_unchanged != Some(false) {
            continue;
        }
        with_baseline(|baseline| {
            let change = error_handlers::describe_active(kind);
            baseline.add_finding(ResidueKind::Handlers, kind.name(), change, action);
        });
        log_findings(request_id);
        if action == Action::Restored {
            restore_handlers(index, kind);
        } else {
            with_baseline(|baseline| {
                if let Some(stack) = baseline.handlers.get_mut(index) {
                    let stale = std::mem::replace(stack, HandlerStack::capture(kind));
                    baseline.stale_handlers = vec![stale];
                }
            });
            release_stale_handlers();
        }
    }
}

/// Removes all handlers, which may run PHP code (a destructor), and sets those of the baseline.
fn restore_handlers(index: usize, kind: HandlerKind) {
    loop {
        let (handler, has_more) = error_handlers::pop_active(kind);
        handler.release();
        exception::log_and_clear(RESET_FAILED);
        if !has_more {
            break;
        }
    }
    let handler = |position: usize| {
        with_baseline(|baseline| baseline.handlers.get(index)?.get(position)).flatten()
    };
    for position in 0.. {
        let Some((handler, mask)) = handler(position) else {
            return;
        };
        error_handlers::push(kind, handler, mask, position == 0);
    }
}

/// Releases the handlers of an earlier baseline. May run PHP code.
pub fn release_stale_handlers() {
    let next = || {
        with_baseline(|baseline| {
            let last = baseline.stale_handlers.last_mut()?;
            match last.pop() {
                Some(handler) => Some(Some(handler)),
                None => baseline.stale_handlers.pop().map(|_| None),
            }
        })
        .flatten()
    };
    while let Some(handler) = next() {
        if let Some(handler) = handler {
            handler.release();
            exception::log_and_clear(RESET_FAILED);
        }
    }
}

fn timezone(request_id: fn() -> String) {
    let action = action(ResidueKind::Timezone);
    with_baseline(|baseline| {
        if baseline.timezone.is_unchanged() {
            return;
        }
        let zone = baseline.timezone.describe_current();
        baseline.add_finding(ResidueKind::Timezone, "default time zone", zone, action);
        if action == Action::Restored {
            baseline.timezone.restore();
        } else {
            baseline.timezone = Timezone::capture();
        }
    });
    log_findings(request_id);
}

fn stream_wrappers(request_id: fn() -> String) {
    let action = action(ResidueKind::Wrappers);
    CALLS.with(|calls| {
        if !calls.wrappers_may_differ {
            return;
        }
        with_baseline(|baseline| {
            for change in baseline.wrappers.changes(calls) {
                let (name, words) = change.describe();
                baseline.add_finding(ResidueKind::Wrappers, name, words, action);
                if action == Action::Restored {
                    baseline.pending_wrappers.extend(change.restore_steps());
                }
            }
        });
    });
    log_findings(request_id);
    let next = || with_baseline(|baseline| baseline.pending_wrappers.pop_front()).flatten();
    while let Some(step) = next() {
        step.run();
        exception::log_and_clear(RESET_FAILED);
    }
    CALLS.with(|calls| {
        if calls.wrappers_may_differ {
            let is_renewed =
                with_baseline(|baseline| baseline.wrappers = WrapperTable::capture(calls))
                    .is_some();
            calls.wrappers_may_differ = !is_renewed;
        }
    });
}
