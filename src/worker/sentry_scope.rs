//! The scope of Sentry's PHP SDK: user, tags and breadcrumbs of one request must not appear in the events of the next.
//! SDKs since 4.21 have contexts, and each request gets one; in older ones each request gets a scope of its own on the
//! hub. The application's own settings from before its loop apply to all requests; a hub that only a request has
//! created goes on without that request's scope. A request's scope is opened when the loop waits for it, because no PHP
//! code can run when it arrives; so code after the response (`terminate()`) still belongs to its request. Only public
//! methods of `Sentry\SentrySdk`, its hub and its scope are used, and nothing is autoloaded. On PHP's threads.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    HashTable, IS_FALSE, ext_php_rs_executor_globals, zend_class_entry, zend_execute_data, zval,
};

use crate::{
    thread_state::thread_state,
    zend::{
        arguments::Thrown,
        call, closure, exception,
        frame::argument,
        hash_table,
        owned::OwnedZval,
        value::{object, type_of},
    },
};

/// Scopes that a request may have left on its hub: one that leaves more has a loop there.
const MAX_SCOPES: usize = 1000;

thread_state! {
    static SDK: Sdk = Sdk::new();
}

/// The SDK, as this script has loaded it.
struct Sdk {
    class: Option<*mut zend_class_entry>,
    /// Number of classes when `Sentry\SentrySdk` was last not among them.
    searched_classes: u32,
    opened: Option<Opened>,
    /// Address of the scope that [`receive_scope`] was called with.
    received: usize,
}

impl Sdk {
    const fn new() -> Self {
        Self {
            class: None,
            searched_classes: 0,
            opened: None,
            received: 0,
        }
    }
}

/// The scope that was opened for the request in progress.
#[derive(Clone, Copy)]
enum Opened {
    /// None: the SDK was not loaded yet.
    Nothing,
    /// A context; the hub is the application's.
    Context(Option<OwnedZval>),
    /// A scope on the hub, above the scope at the address `below`.
    Scope { hub: OwnedZval, below: usize },
}

/// The loop waits for a request: closes the scope of the one before, and opens one for the next.
pub(super) fn before_wait() {
    close();
    open();
}

/// Opens a scope for a request.
pub(super) fn open() {
    let opened = match class() {
        None => Ok(Opened::Nothing),
        Some(class) => open_in(class),
    };
    let opened = opened.unwrap_or(Opened::Nothing);
    clear_exception();
    SDK.with(|sdk| sdk.opened = Some(opened));
}

fn open_in(class: *mut zend_class_entry) -> Result<Opened, Thrown> {
    let hub = match has_method(class, c"getcurrenthub") {
        true => Some(call::function("Sentry\\SentrySdk::getCurrentHub", &[])?),
        false => None,
    };
    if has_method(class, c"startcontext") && has_method(class, c"endcontext") {
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
    match push_scope(&hub) {
        Ok(below) => Ok(Opened::Scope { hub, below }),
        Err(thrown) => {
            hub.release();
            Err(thrown)
        }
    }
}

/// Pushes a scope onto a hub; returns the address of the one below.
fn push_scope(hub: &OwnedZval) -> Result<usize, Thrown> {
    let below = scope_of(hub)?;
    call::method(hub, "pushScope", &[])?.release();
    Ok(below)
}

/// Closes the scope of a request that has ended.
pub(super) fn close() {
    let Some(opened) = SDK.with(|sdk| sdk.opened.take()) else {
        return;
    };
    let Some(class) = class() else {
        return;
    };
    let _ = close_in(class, opened);
    clear_exception();
    match opened {
        Opened::Context(Some(hub)) | Opened::Scope { hub, .. } => hub.release(),
        Opened::Nothing | Opened::Context(None) => {}
    }
    clear_exception();
}

fn close_in(class: *mut zend_class_entry, opened: Opened) -> Result<(), Thrown> {
    if matches!(opened, Opened::Context(_)) {
        call::function("Sentry\\SentrySdk::endContext", &[])?.release();
    }
    if !has_method(class, c"getcurrenthub") {
        return Ok(());
    }
    let now = call::function("Sentry\\SentrySdk::getCurrentHub", &[])?;
    let done = match opened {
        Opened::Context(Some(hub)) if hub.is_same(now.value()) => Ok(()),
        Opened::Scope { hub, below } if hub.is_same(now.value()) => pop_scopes(&hub, below),
        // The request has created this hub.
        _ => push_empty_scope(&now),
    };
    now.release();
    done
}

/// Pops scopes off a hub until the one at the address `below` is on top.
fn pop_scopes(hub: &OwnedZval, below: usize) -> Result<(), Thrown> {
    for _ in 0..MAX_SCOPES {
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

/// Pushes an empty scope above the scope that a request has left on a hub.
fn push_empty_scope(hub: &OwnedZval) -> Result<(), Thrown> {
    let scope = call::method(hub, "pushScope", &[])?;
    let cleared = call::method(&scope, "clear", &[]);
    scope.release();
    cleared?.release();
    Ok(())
}

/// The address of a hub's scope, which the hub keeps alive.
fn scope_of(hub: &OwnedZval) -> Result<usize, Thrown> {
    let Some(closure) = closure::of(receive_scope) else {
        return Ok(0);
    };
    SDK.with(|sdk| sdk.received = 0);
    let returned = call::method(hub, "configureScope", &[closure]);
    closure.release();
    returned?.release();
    Ok(SDK.with(|sdk| sdk.received))
}

/// Called by `configureScope` with the scope.
unsafe extern "C" fn receive_scope(frame: *mut zend_execute_data, _: *mut zval) {
    // SAFETY: the engine has called this function with a live frame.
    let scope = unsafe { argument(frame, 0) }.and_then(object);
    let address = scope.map_or(0, |scope| scope.addr());
    SDK.with(|sdk| sdk.received = address);
}

/// `Sentry\SentrySdk`, if it is loaded.
fn class() -> Option<*mut zend_class_entry> {
    SDK.with(|sdk| {
        if sdk.class.is_none() {
            // SAFETY: this thread's table of classes; it holds pointers to classes, which stay until the script ends.
            unsafe {
                let table: &HashTable = &*(*ext_php_rs_executor_globals()).class_table;
                if table.nNumOfElements != sdk.searched_classes {
                    sdk.searched_classes = table.nNumOfElements;
                    sdk.class = hash_table::find_pointer(table, c"sentry\\sentrysdk")
                        .map(|found| found.cast());
                }
            }
        }
        sdk.class
    })
}

/// Whether a class has a method; its name is given in lower case.
fn has_method(class: *mut zend_class_entry, method: &CStr) -> bool {
    // SAFETY: a live class.
    unsafe { hash_table::find_pointer(&raw const (*class).function_table, method).is_some() }
}

fn clear_exception() {
    exception::log_and_clear("reset failed");
}

/// Releases the hub of the request. In RSHUTDOWN.
pub(super) fn release() {
    let opened = SDK.with(|sdk| sdk.opened.take());
    if let Some(Opened::Context(Some(hub)) | Opened::Scope { hub, .. }) = opened {
        hub.release();
    }
}

/// A script starts. In RINIT.
pub(super) fn script_startup() {
    SDK.replace(Sdk::new());
}
