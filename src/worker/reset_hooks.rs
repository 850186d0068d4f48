//! What happens between two requests: the application's hooks in their order, then what Pillion resets by
//! itself. It runs when the client has its answer, where the runtime allows that: after
//! `frankenphp_handle_request` has served, before RoadRunner's worker waits again, in `request_end()`; else
//! (php-fpm, scripts, after `exit()` and fatal errors) as the last of PHP's shutdown functions.
//!
//! PHP code runs here, and may throw or never come back: nothing on these frames has a destructor, and each
//! hook counts as run before it is called. What was left when PHP jumped out goes on as a shutdown function.

use super::{REQUEST_STATS, gc, log_and_clear_exception, runtimes::roadrunner, sentry_scope};
use crate::{leak_check, residue};
use crate::{
    thread_state::Thread,
    zend::{cwd, interrupt::is_throwing, output, owned::OwnedZval, shutdown},
};

/// The line that tells of a hook which has thrown.
const HOOK: &str = "reset hook failed";

/// Registers a hook; `None` where there are too many.
pub fn add(hook: OwnedZval, priority: i64) -> Option<u64> {
    let (id, is_first) = Thread::with(|thread| {
        let local = &mut thread.worker;
        let is_first = !std::mem::replace(&mut local.runs_at_end, true);
        (local.hooks.add(priority, hook), is_first)
    });
    if id.is_none() {
        hook.release();
    }
    if is_first {
        shutdown::run_last(run_at_the_end);
    }
    id
}

/// Takes a hook out; `false`: there is none of that id.
pub fn remove(id: u64) -> bool {
    let hook = Thread::with(|thread| thread.worker.hooks.remove(id));
    hook.is_some_and(|hook| {
        hook.release();
        true
    })
}

/// Whether hooks are being run.
#[must_use]
pub fn is_running() -> bool {
    Thread::with(|thread| thread.worker.run.is_some())
}

/// What PHP's own end of a script puts back is not looked at.
fn run_at_the_end() {
    if Thread::with(|thread| thread.worker.is_in_request())
        && hooks()
        && Thread::with(|thread| thread.worker.boundary.is_loop())
    {
        by_itself();
    }
}

/// The loop is about to wait for a request.
pub fn waits() {
    residue::capture_baseline();
    if !is_throwing() {
        sentry_scope::waits();
    }
    leak_check::before_wait();
}

/// `request_begin` was called.
pub fn begins() {
    residue::renew_baseline();
    sentry_scope::open();
}

/// The request of `request_begin` is over, and reset. Unlike a worker, such a loop may have nothing to do for long.
pub fn ended() {
    sentry_scope::close();
}

/// Resets after the request under way, which is over but for that.
pub fn run() {
    if hooks() && Thread::with(|thread| thread.worker.boundary.is_loop()) {
        by_itself();
        residue::check();
        go_home();
        collect();
    }
}

/// Runs PHP's collector, where the settings say so; destructors may throw.
fn collect() {
    gc::collect();
    if is_throwing() {
        log_and_clear_exception("garbage not collected to its end");
    }
}

/// Runs the hooks that have not run yet; `false`: an exception is on its way, and nothing was done.
fn hooks() -> bool {
    if is_throwing() {
        return false;
    }
    Thread::with(|thread| {
        let local = &mut thread.worker;
        local.run.get_or_insert_with(|| local.hooks.start());
    });
    while let Some(hook) = Thread::with(|thread| thread.worker.next_hook()) {
        hook.call();
        let failed = is_throwing();
        REQUEST_STATS.hook(failed);
        if failed {
            log_and_clear_exception(HOOK);
        }
    }
    true
}

/// What belonged to the request: open buffers, its scope, what it waited for.
fn by_itself() {
    let level = Thread::with(|thread| thread.worker.level);
    // RoadRunner's wire is standard output.
    output::close_above(level, roadrunner::is_installed());
    if is_throwing() {
        log_and_clear_exception("reset failed");
    }
    clear_scope();
    Thread::with(Thread::forget_futures);
}

/// Back to the working directory that the request began in. Last, since all before may run PHP code.
fn go_home() {
    Thread::with(|thread| {
        let local = &mut thread.worker;
        if std::mem::take(&mut local.observed_calls.cwd_may_differ)
            && let Some(home) = &local.cwd
            && cwd::current().as_ref() != Some(home)
        {
            cwd::change(home);
        }
    });
}

/// Drops the values of the request's scope.
pub fn clear_scope() {
    loop {
        let value = Thread::with(|thread| {
            let (_, (_, value)) = thread.worker.scope.pop_first()?;
            Some(value)
        });
        match value {
            Some(value) => value.release(),
            None => return,
        }
        if is_throwing() {
            log_and_clear_exception("reset failed");
        }
    }
}

/// The script is over: hooks that have not run after its last request can't any more. In RSHUTDOWN.
pub fn script_ends() {
    Thread::with(|thread| {
        let local = &thread.worker;
        if local.is_in_request() {
            let run = local.run.unwrap_or_else(|| local.hooks.start());
            REQUEST_STATS.skip(local.hooks.left(&run));
        }
    });
}

/// Releases all that is kept. In RSHUTDOWN, when destructors have been called.
pub fn release_all() {
    clear_scope();
    residue::release();
    sentry_scope::release();
    while let Some(hook) = Thread::with(|thread| thread.worker.hooks.pop()) {
        hook.release();
    }
}
