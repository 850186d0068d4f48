//! A session that is still open when the request is over. FrankenPHP closes it by itself; where nobody does,
//! the next request would go on with it, whoever asks.

use std::mem::MaybeUninit;

use ext_php_rs::ffi::{
    ext_php_rs_executor_globals, ext_php_rs_zend_string_release, zend_execute_data,
    zend_hash_str_del, zend_internal_function, zend_string, zval,
};

use super::throw_away;
use crate::zend::{
    call, function_table, hash_table, module,
    owned::OwnedZval,
    value::{self, integer},
};

/// The first of the session module's globals, in PHP 8.2 to 8.5: two texts, and the id.
#[repr(C)]
struct Globals {
    save_path: *mut u8,
    session_name: *mut u8,
    id: *mut zend_string,
}

/// How often a session is closed that is opened again meanwhile.
const MOST_ROUNDS: usize = 4;

/// How to ask.
#[derive(Default, Clone, Copy)]
pub struct Session {
    /// PHP's own `session_status`.
    status: Option<*mut zend_internal_function>,
}

impl Session {
    /// Finds it; there is none where PHP has no sessions.
    pub fn find() -> Self {
        Self {
            status: function_table::find_internal(c"session_status"),
        }
    }

    /// Whether one is open.
    pub fn is_open(&self) -> bool {
        /// `PHP_SESSION_ACTIVE`
        const ACTIVE: i64 = 2;
        let Some(function) = self.status else {
            return false;
        };
        // The function looks at one number. A whole call would cost more than all else that is done here.
        let mut frame = MaybeUninit::<zend_execute_data>::zeroed();
        let mut answer = MaybeUninit::<zval>::zeroed();
        // SAFETY: a frame without arguments, which is all that the function looks at.
        unsafe {
            (*frame.as_mut_ptr()).func = function.cast();
            let Some(handler) = (*function).handler else {
                return false;
            };
            handler(frame.as_mut_ptr(), answer.as_mut_ptr());
            integer(answer.assume_init_ref()) == Some(ACTIVE)
        }
    }

    /// Whether PHP's own `session_write_close` is there, and not in `disable_functions`.
    pub fn can_be_closed() -> bool {
        function_table::find_internal(c"session_write_close").is_some()
    }

    /// Writes and closes it, and forgets whose it was, as the end of a script would. Handlers of the
    /// application's run, and destructors of what lies in `$_SESSION`: those may open a session anew, which is
    /// closed too. `false`: one is open again each time. What is thrown goes to the log.
    pub fn close(&self) -> bool {
        for _ in 0..MOST_ROUNDS {
            if let Ok(told) = call::function("session_write_close", &[]) {
                told.release();
            }
            throw_away();
            if self.is_open() {
                continue;
            }
            let values = take_values();
            // The module needs the id of a session that is open: this one is not.
            forget_id();
            values.into_iter().for_each(OwnedZval::release);
            throw_away();
            if !self.is_open() {
                return true;
            }
        }
        false
    }
}

/// Takes `$_SESSION` away, which a closed session leaves. To be released.
fn take_values() -> Option<OwnedZval> {
    const NAME: &[u8] = b"_SESSION";
    // SAFETY: this thread's table of globals; what is found lives in it. The name is a string with its length.
    unsafe {
        let table = &raw mut (*ext_php_rs_executor_globals()).symbol_table;
        let found = hash_table::find(table, NAME)?;
        // The module holds on to the same reference until its next session.
        let place = value::deref_mut(found);
        let values = OwnedZval::take(place);
        OwnedZval::with(|ret| {
            ret.array(0);
        })
        .move_to(place);
        zend_hash_str_del(table, NAME.as_ptr().cast(), NAME.len());
        Some(values)
    }
}

/// Takes the id away, with which the next session would begin.
fn forget_id() {
    // SAFETY: the module's own globals, of this thread; no session is open that needs the id.
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
