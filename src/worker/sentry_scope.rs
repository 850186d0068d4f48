//! The scope of Sentry's PHP SDK: user, tags and breadcrumbs of one request must not be seen with the events of
//! the next. Where the SDK knows contexts (from 4.21 on), each request has one; in older ones each has a scope
//! of its own on the hub. What the application has set before its loop holds for all of them; a hub that only
//! a request has made goes on without what that request has put into its scope.
//!
//! Nothing of the SDK is relied on but public methods of `Sentry\SentrySdk`, its hub and its scope, and nobody
//! loads it because of this. A request takes its scope over when the loop waits for it, and not when it comes: no
//! PHP code can run then. So what runs after the answer (`terminate()`) is still told with its request.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    HashTable, IS_FALSE, ext_php_rs_executor_globals, zend_class_entry, zend_execute_data, zval,
};

use super::log_and_clear_exception;
use crate::{
    thread_state::Thread,
    zend::{
        arguments::Thrown,
        call, closure,
        frame::argument,
        hash_table,
        interrupt::is_throwing,
        owned::OwnedZval,
        value::{object, type_of},
    },
};

/// Layers that a request may have left on its hub; who leaves more has a loop there.
const MOST_LAYERS: usize = 1000;

/// What a PHP thread knows of it.
#[derive(Default)]
pub struct Sentry {
    class: Option<*mut zend_class_entry>,
    /// How many classes there were when it was looked for in vain.
    looked_through: u32,
    opened: Option<Opened>,
    /// The scope that [`seen`] was called with.
    seen: usize,
}

/// What the request under way has been given.
#[derive(Clone, Copy)]
enum Opened {
    /// The SDK was not there yet.
    Nothing,
    /// A context; the hub is that of the application.
    Context(Option<OwnedZval>),
    /// A scope on the hub, over this one.
    Scope { hub: OwnedZval, below: usize },
}

/// The loop waits for a request: the one before is over, and the next has a scope of its own.
pub fn waits() {
    close();
    open();
}

/// A request begins.
pub fn open() {
    let opened = match class() {
        None => Ok(Opened::Nothing),
        Some(class) => begin(class),
    };
    let opened = opened.unwrap_or(Opened::Nothing);
    throw_away();
    Thread::with(|thread| thread.worker.sentry.opened = Some(opened));
}

fn begin(class: *mut zend_class_entry) -> Result<Opened, Thrown> {
    let hub = match has(class, c"getcurrenthub") {
        true => Some(call::function("Sentry\\SentrySdk::getCurrentHub", &[])?),
        false => None,
    };
    if has(class, c"startcontext") && has(class, c"endcontext") {
        let started = call::function("Sentry\\SentrySdk::startContext", &[]);
        return match (started, hub) {
            (Ok(nothing), hub) => {
                nothing.release();
                Ok(Opened::Context(hub))
            }
            (Err(thrown), hub) => {
                hub.into_iter().for_each(OwnedZval::release);
                Err(thrown)
            }
        };
    }
    let Some(hub) = hub else {
        return Ok(Opened::Nothing);
    };
    match push(&hub) {
        Ok(below) => Ok(Opened::Scope { hub, below }),
        Err(thrown) => {
            hub.release();
            Err(thrown)
        }
    }
}

/// Puts a scope on a hub; gives the one below.
fn push(hub: &OwnedZval) -> Result<usize, Thrown> {
    let below = scope_of(hub)?;
    call::method(hub, "pushScope", &[])?.release();
    Ok(below)
}

/// It is over: what it has put into its scope is gone.
pub fn close() {
    let Some(opened) = Thread::with(|thread| thread.worker.sentry.opened.take()) else {
        return;
    };
    let Some(class) = class() else {
        return;
    };
    let _ = end(class, opened);
    throw_away();
    match opened {
        Opened::Context(Some(hub)) | Opened::Scope { hub, .. } => hub.release(),
        Opened::Nothing | Opened::Context(None) => {}
    }
    throw_away();
}

fn end(class: *mut zend_class_entry, opened: Opened) -> Result<(), Thrown> {
    if matches!(opened, Opened::Context(_)) {
        call::function("Sentry\\SentrySdk::endContext", &[])?.release();
    }
    if !has(class, c"getcurrenthub") {
        return Ok(());
    }
    let now = call::function("Sentry\\SentrySdk::getCurrentHub", &[])?;
    let done = match opened {
        Opened::Context(Some(hub)) if hub.is_same(now.value()) => Ok(()),
        Opened::Scope { hub, below } if hub.is_same(now.value()) => pop(&hub, below),
        // The request has made it.
        _ => wash(&now),
    };
    now.release();
    done
}

/// Takes scopes off a hub until the one is on top that was there before.
fn pop(hub: &OwnedZval, below: usize) -> Result<(), Thrown> {
    for _ in 0..MOST_LAYERS {
        if scope_of(hub)? == below {
            break;
        }
        let more = call::method(hub, "popScope", &[])?;
        let is_last = type_of(more.value()) == IS_FALSE;
        more.release();
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Puts an empty scope over what a request has left in a hub.
fn wash(hub: &OwnedZval) -> Result<(), Thrown> {
    let scope = call::method(hub, "pushScope", &[])?;
    let cleared = call::method(&scope, "clear", &[]);
    scope.release();
    cleared?.release();
    Ok(())
}

/// The address of a hub's scope, which the hub keeps alive.
fn scope_of(hub: &OwnedZval) -> Result<usize, Thrown> {
    let Some(closure) = closure::of(seen) else {
        return Ok(0);
    };
    Thread::with(|thread| thread.worker.sentry.seen = 0);
    let told = call::method(hub, "configureScope", &[closure]);
    closure.release();
    told?.release();
    Ok(Thread::with(|thread| thread.worker.sentry.seen))
}

/// Called by `configureScope` with the scope.
unsafe extern "C" fn seen(frame: *mut zend_execute_data, _: *mut zval) {
    // SAFETY: as the engine has called us.
    let scope = unsafe { argument(frame, 0) }.and_then(object);
    let address = scope.map_or(0, |scope| scope.addr());
    Thread::with(|thread| thread.worker.sentry.seen = address);
}

/// `Sentry\SentrySdk`, where somebody has loaded it.
fn class() -> Option<*mut zend_class_entry> {
    Thread::with(|thread| {
        let sentry = &mut thread.worker.sentry;
        if sentry.class.is_none() {
            // SAFETY: this thread's table of classes; it holds pointers to classes, which stay until the script ends.
            unsafe {
                let table: &HashTable = &*(*ext_php_rs_executor_globals()).class_table;
                if table.nNumOfElements != sentry.looked_through {
                    sentry.looked_through = table.nNumOfElements;
                    sentry.class = hash_table::find_pointer(table, c"sentry\\sentrysdk")
                        .map(|found| found.cast());
                }
            }
        }
        sentry.class
    })
}

/// Whether it has a method, whose name is in lower case.
fn has(class: *mut zend_class_entry, method: &CStr) -> bool {
    // SAFETY: a live class.
    unsafe { hash_table::find_pointer(&raw const (*class).function_table, method).is_some() }
}

fn throw_away() {
    if is_throwing() {
        log_and_clear_exception("reset failed");
    }
}

/// Gives back what is held on to. At the end of the script.
pub fn release() {
    let opened = Thread::with(|thread| thread.worker.sentry.opened.take());
    if let Some(Opened::Context(Some(hub)) | Opened::Scope { hub, .. }) = opened {
        hub.release();
    }
}
