//! Reset hooks: PHP callables that run after each request of the script, in the order of their priority. They may
//! throw or never return: each counts as run before it is called, and nothing on these frames has a destructor. If PHP
//! jumps out of a run, the last shutdown function continues it. On PHP's threads.

use pillion_engine::worker::{HookList, hooks::HookRun, request_stats};

use super::state;
use crate::{
    thread_state::thread_state,
    zend::{call, exception, interrupt::is_throwing, owned::OwnedZval},
};

thread_state! {
    static HOOKS: ScriptHooks = ScriptHooks::new();
}

struct ScriptHooks {
    hooks: HookList<OwnedZval>,
    /// Progress of the run after the current request; `None` before it starts.
    run: Option<HookRun>,
    /// PHP will run the remaining hooks at the end of the script.
    is_shutdown_registered: bool,
}

impl ScriptHooks {
    const fn new() -> Self {
        Self {
            hooks: HookList::new(),
            run: None,
            is_shutdown_registered: false,
        }
    }
}

/// Registers a hook and returns its id, or `None` if there are too many. The first one of a script has
/// `register_shutdown` called.
pub(super) fn add(hook: OwnedZval, priority: i64, register_shutdown: fn()) -> Option<u64> {
    let (id, is_first) = HOOKS.with(|script| {
        let is_first = !std::mem::replace(&mut script.is_shutdown_registered, true);
        (script.hooks.add(priority, hook), is_first)
    });
    if id.is_none() {
        hook.release();
    }
    if is_first {
        register_shutdown();
    }
    id
}

/// Removes a hook; returns `false` if none has that id.
pub fn remove(id: u64) -> bool {
    let hook = HOOKS.with(|script| script.hooks.remove(id));
    hook.is_some_and(|hook| {
        hook.release();
        true
    })
}

/// The number of hooks.
#[must_use]
pub fn len() -> usize {
    HOOKS.with(|script| script.hooks.len())
}

/// Whether the run after the current request has started.
#[must_use]
pub fn is_running() -> bool {
    HOOKS.with(|script| script.run.is_some())
}

/// Runs the hooks that have not run after this request; returns `false`, and runs none, if an exception is pending.
pub(super) fn run_remaining() -> bool {
    if is_throwing() {
        return false;
    }
    HOOKS.with(|script| {
        script.run.get_or_insert_with(|| script.hooks.start());
    });
    while let Some(hook) = next() {
        // It may remove itself.
        let held = OwnedZval::new(hook.value());
        if let Ok(returned) = call::call(&held, &[]) {
            returned.release();
        }
        held.release();
        request_stats::hook(exception::log_and_clear("reset hook failed"));
    }
    true
}

fn next() -> Option<OwnedZval> {
    HOOKS.with(|script| script.hooks.next(script.run.as_mut()?))
}

/// A request has started or ended: its hooks have not run.
pub(super) fn clear_run() {
    HOOKS.with(|script| script.run = None);
}

/// Counts the hooks that can't run any more after the last request, because the script has ended. In RSHUTDOWN.
pub(super) fn count_skipped() {
    if !state::is_in_request() {
        return;
    }
    HOOKS.with(|script| {
        let run = script.run.unwrap_or_else(|| script.hooks.start());
        request_stats::skip(script.hooks.left(&run));
    });
}

/// Releases all hooks. In RSHUTDOWN, after PHP has called destructors.
pub(super) fn release() {
    while let Some(hook) = HOOKS.with(|script| script.hooks.pop()) {
        hook.release();
    }
}

/// Forgets the script before. In RINIT, and in GSHUTDOWN.
pub(super) fn clear() {
    HOOKS.replace(ScriptHooks::new());
}
