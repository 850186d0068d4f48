//! What happens between two requests: the application's hooks in their order, then what Pillion resets by
//! itself. It runs when the client has its answer, where the runtime allows that: after
//! `frankenphp_handle_request` has served, before RoadRunner's worker waits again, in `request_end()`; else
//! (php-fpm, scripts, after `exit()` and fatal errors) as the last of PHP's shutdown functions.
//!
//! PHP code runs here, and may throw or never come back: nothing on these frames has a destructor, and each
//! hook counts as run before it is called. What was left when PHP jumped out goes on as a shutdown function.

use std::ffi::CStr;

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_object};

use super::{FIGURES, roadrunner};
use crate::{
    thread::Thread,
    zend::{
        cwd,
        interrupt::is_throwing,
        kept::Kept,
        last, output, raw,
        value::{self, zend_str},
    },
};

/// Registers a hook; `None` where there are too many.
pub fn add(hook: Kept, priority: i64) -> Option<u64> {
    let (id, is_first) = Thread::with(|thread| {
        let local = &mut thread.worker;
        let is_first = !std::mem::replace(&mut local.runs_at_end, true);
        (local.hooks.add(priority, hook), is_first)
    });
    if id.is_none() {
        hook.release();
    }
    if is_first {
        last::at_the_end(run_at_the_end);
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

fn run_at_the_end() {
    if Thread::with(|thread| thread.worker.is_in_request()) {
        run();
    }
}

/// Resets after the request under way, which is over but for that.
pub fn run() {
    if is_throwing() {
        return;
    }
    Thread::with(|thread| {
        let local = &mut thread.worker;
        local.run.get_or_insert_with(|| local.hooks.start());
    });
    while let Some(hook) = Thread::with(|thread| thread.worker.next_hook()) {
        hook.call();
        let failed = is_throwing();
        FIGURES.hook(failed);
        if failed {
            report();
        }
    }
    if Thread::with(|thread| thread.worker.boundary.is_loop()) {
        by_itself();
    }
}

/// What belonged to the request: open buffers, its scope, the working directory, what it waited for.
fn by_itself() {
    let level = Thread::with(|thread| thread.worker.level);
    // RoadRunner's wire is standard output.
    output::end_beyond(level, roadrunner::is_installed());
    if is_throwing() {
        report();
    }
    clear_scope();
    Thread::with(|thread| {
        if let Some(home) = thread.worker.cwd.take()
            && cwd::current().as_ref() != Some(&home)
        {
            cwd::change(&home);
        }
        thread.forget_futures();
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
            report();
        }
    }
}

/// The script is over: hooks that have not run after its last request can't any more. In RSHUTDOWN.
pub fn script_ends() {
    Thread::with(|thread| {
        let local = &thread.worker;
        if local.is_in_request() {
            let run = local.run.unwrap_or_else(|| local.hooks.start());
            FIGURES.skip(local.hooks.left(&run));
        }
    });
}

/// Releases all that is kept. In RSHUTDOWN, when destructors have been called.
pub fn release_all() {
    clear_scope();
    while let Some(hook) = Thread::with(|thread| thread.worker.hooks.pop()) {
        hook.release();
    }
}

/// Says in the log what a hook has thrown, and drops it.
fn report() {
    // SAFETY: an exception is on its way, and it is this thread's; clearing drops it.
    unsafe {
        let exception = (*ext_php_rs_executor_globals()).exception;
        if raw::zend_is_unwind_exit(exception) {
            log::error!(reason = "it called exit(), which ends the hook only"; "reset hook failed");
        } else {
            say(exception);
        }
        raw::zend_clear_exception();
    }
}

fn say(exception: *mut zend_object) {
    let text = |name: &CStr| {
        value::property(exception, name, |found| {
            found
                .and_then(value::bytes)
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .unwrap_or_default()
        })
    };
    let line = value::property(exception, c"line", |found| {
        found.and_then(value::integer).unwrap_or(0)
    });
    // SAFETY: a live object, whose class outlives it.
    let class = unsafe { zend_str((*(*exception).ce).name) }.unwrap_or_default();
    log::error!(
        class = String::from_utf8_lossy(class).as_ref(),
        message = text(c"message").as_str(),
        place = format!("{}:{line}", text(c"file")).as_str();
        "reset hook failed"
    );
}
