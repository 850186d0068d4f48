//! A session that is still open after a request. FrankenPHP closes it by itself; otherwise the next request, of any
//! user, would go on with it.

use std::mem::MaybeUninit;

use ext_php_rs::ffi::{
    ext_php_rs_executor_globals, ext_php_rs_zend_string_release, zend_execute_data,
    zend_hash_str_del, zend_internal_function, zend_string, zval,
};

use crate::zend::{
    call, exception, function_table, hash_table, module,
    owned::OwnedZval,
    value::{self, integer},
};

/// The first fields of the session module's globals, in PHP 8.2 to 8.5: two texts, and the id.
#[repr(C)]
struct Globals {
    save_path: *mut u8,
    session_name: *mut u8,
    id: *mut zend_string,
}

/// How often a session is closed that is opened again meanwhile.
const MAX_CLOSE_ROUNDS: usize = 4;

/// PHP's session module.
#[derive(Default, Clone, Copy)]
pub struct Session {
    /// `session_status`.
    status: Option<*mut zend_internal_function>,
}

impl Session {
    /// Finds the module; without it no session is ever open.
    pub fn find() -> Self {
        Self {
            status: function_table::find_internal(c"session_status"),
        }
    }

    /// Whether a session is open.
    pub fn is_open(&self) -> bool {
        /// `PHP_SESSION_ACTIVE`
        const ACTIVE: i64 = 2;
        let Some(function) = self.status else {
            return false;
        };
        // The function only reads one number: a call through PHP would cost more than the rest of the check.
        let mut frame = MaybeUninit::<zend_execute_data>::zeroed();
        let mut status = MaybeUninit::<zval>::zeroed();
        // SAFETY: a frame without arguments is all that the function reads.
        unsafe {
            (*frame.as_mut_ptr()).func = function.cast();
            let Some(handler) = (*function).handler else {
                return false;
            };
            handler(frame.as_mut_ptr(), status.as_mut_ptr());
            integer(status.assume_init_ref()) == Some(ACTIVE)
        }
    }

    /// Whether PHP's own `session_write_close` is there, and not in `disable_functions`.
    pub fn can_be_closed() -> bool {
        function_table::find_internal(c"session_write_close").is_some()
    }

    /// Writes and closes the session and forgets its id and values, as the end of a script does. Session handlers of
    /// the application run, and destructors of values in `$_SESSION`: those may open a session again, which is closed
    /// too. Returns `false` if that happens each time. Exceptions are logged.
    pub fn close(&self) -> bool {
        for _ in 0..MAX_CLOSE_ROUNDS {
            if let Ok(returned) = call::function("session_write_close", &[]) {
                returned.release();
            }
            exception::log_and_clear("reset failed");
            if self.is_open() {
                continue;
            }
            let values = take_values();
            // Only now: the module needs the id of an open session.
            forget_id();
            values.into_iter().for_each(OwnedZval::release);
            exception::log_and_clear("reset failed");
            if !self.is_open() {
                return true;
            }
        }
        false
    }
}

/// Takes the values of `$_SESSION`, which closing leaves. To be released.
fn take_values() -> Option<OwnedZval> {
    const NAME: &[u8] = b"_SESSION";
    // SAFETY: this thread's table of globals; the variable lives in it. The name is given with its length.
    unsafe {
        let table = &raw mut (*ext_php_rs_executor_globals()).symbol_table;
        let variable = hash_table::find(table, NAME)?;
        // The module holds the same reference until its next session.
        let slot = value::deref_mut(variable);
        let values = OwnedZval::take(slot);
        OwnedZval::with(|out| {
            out.array(0);
        })
        .move_to(slot);
        zend_hash_str_del(table, NAME.as_ptr().cast(), NAME.len());
        Some(values)
    }
}

/// Releases the id, with which the next session would begin.
fn forget_id() {
    // SAFETY: the module's own globals, of this thread; no open session needs the id.
    unsafe {
        if let Some(globals) = module::globals(c"session") {
            let globals = globals.cast::<Globals>();
            let id = std::mem::replace(&mut (*globals).id, std::ptr::null_mut());
            if !id.is_null() {
                ext_php_rs_zend_string_release(id);
            }
        }
    }
}
