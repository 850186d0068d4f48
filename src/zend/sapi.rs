//! The server API: its hook at the start of requests, the variables of a request, the environment.

use std::{
    ffi::{CStr, c_char, c_int},
    sync::atomic::{AtomicPtr, Ordering},
};

use ext_php_rs::{
    ffi::{TRACK_VARS_SERVER, ext_php_rs_sapi_module, zend_hash_str_find},
    zend::ProcessGlobals,
};

use super::{ffi, value};

type Activate = unsafe extern "C" fn() -> c_int;

static HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static BEFORE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Has `hook` called whenever the server API activates a request, after its own work. In MINIT. No PHP
/// code may run in the hook, and no variables of the request are there yet.
pub fn set_activate_hook(hook: fn()) {
    HOOK.store(hook as *mut (), Ordering::Release);
    // SAFETY: MINIT: no other PHP thread runs.
    unsafe {
        let Some(module) = ext_php_rs_sapi_module().as_mut() else {
            return;
        };
        if module.activate.map(|found| found as usize) == Some(activate as *const () as usize) {
            return;
        }
        let before = module
            .activate
            .map_or(std::ptr::null_mut(), |before| before as *mut ());
        BEFORE.store(before, Ordering::Release);
        module.activate = Some(activate);
    }
}

/// Takes the hook out, unless somebody else has put his over it. In MSHUTDOWN.
pub fn remove_activate_hook() {
    // SAFETY: MSHUTDOWN: no other PHP thread runs.
    unsafe {
        if let Some(module) = ext_php_rs_sapi_module().as_mut()
            && module.activate.map(|found| found as usize) == Some(activate as *const () as usize)
        {
            module.activate = before();
            BEFORE.store(std::ptr::null_mut(), Ordering::Release);
        }
    }
    HOOK.store(std::ptr::null_mut(), Ordering::Release);
}

fn before() -> Option<Activate> {
    let before = BEFORE.load(Ordering::Acquire);
    // SAFETY: only `set_activate_hook` stores here, and only a function of this type.
    (!before.is_null()).then(|| unsafe { std::mem::transmute::<*mut (), Activate>(before) })
}

unsafe extern "C" fn activate() -> c_int {
    // SAFETY: as the server API would have called it.
    let result = before().map_or(0, |before| unsafe { before() });
    let hook = HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: only `set_activate_hook` stores here, and only a `fn()`.
        let hook = unsafe { std::mem::transmute::<*mut (), fn()>(hook) };
        let _ = std::panic::catch_unwind(hook);
    }
    result
}

type Write = unsafe extern "C" fn(*const c_char, usize) -> usize;

static WRITE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Has all that PHP prints go to standard error from here on. In a process with one PHP thread.
pub fn redirect_output_to_stderr() {
    // SAFETY: the module lives as long as the process, and no other PHP thread runs.
    unsafe {
        if let Some(module) = ext_php_rs_sapi_module().as_mut()
            && let Some(write) = module.ub_write.replace(write_to_standard_error)
            && write as usize != write_to_standard_error as *const () as usize
        {
            WRITE.store(write as *mut (), Ordering::Release);
        }
    }
}

/// And where it went before.
pub fn restore_output() {
    let write = WRITE.swap(std::ptr::null_mut(), Ordering::AcqRel);
    if !write.is_null() {
        // SAFETY: as above; only `redirect_output_to_stderr` stores there, and only a function of this type.
        unsafe {
            if let Some(module) = ext_php_rs_sapi_module().as_mut() {
                module.ub_write = Some(std::mem::transmute::<*mut (), Write>(write));
            }
        }
    }
}

/// Everything counts as written: nobody can do anything about the rest.
unsafe extern "C" fn write_to_standard_error(text: *const c_char, length: usize) -> usize {
    let mut done = 0;
    while done < length {
        // SAFETY: that many bytes are there.
        let written =
            unsafe { libc::write(libc::STDERR_FILENO, text.add(done).cast(), length - done) };
        match usize::try_from(written) {
            Ok(0) => break,
            Ok(written) => done += written,
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {
            }
            Err(_) => break,
        }
    }
    length
}

/// Whether `opcache.preload` runs: opcache takes the server API's functions away for it, and every server
/// API has one that fills `$_SERVER`.
#[must_use]
pub fn is_preloading() -> bool {
    // SAFETY: the module lives as long as the process.
    unsafe {
        ext_php_rs_sapi_module()
            .as_ref()
            .is_some_and(|module| module.register_server_variables.is_none())
    }
}

/// Runs `look` with a variable of the request, as `$_SERVER` had it at the start. On a PHP thread in a call.
pub fn server_variable<R>(name: &str, look: impl FnOnce(Option<&[u8]>) -> R) -> R {
    const SERVER: &CStr = c"_SERVER";
    // SAFETY: on a PHP thread in a script; a name with its length. It has to come before the globals are
    // borrowed: that they change meanwhile is lost on a compiler that optimises.
    unsafe { ffi::zend_is_auto_global_str(SERVER.as_ptr(), SERVER.to_bytes().len()) };
    filled_server_variable(name, look)
}

/// The same where PHP must not fill `$_SERVER` any more: the script is over, and may have ended because its
/// memory ran out. What has not been filled has no variables.
pub fn filled_server_variable<R>(name: &str, look: impl FnOnce(Option<&[u8]>) -> R) -> R {
    let globals = ProcessGlobals::get();
    let server = globals.http_globals.get(TRACK_VARS_SERVER as usize);
    let found = server.and_then(value::table).and_then(|table| {
        // SAFETY: the table lives for the request; the answer is null or a live value in it.
        unsafe { zend_hash_str_find(table, name.as_ptr().cast(), name.len()).as_ref() }
    });
    look(found.map(value::deref).and_then(value::bytes))
}

/// Whether the process has an environment variable of this name. In MINIT.
#[must_use]
pub fn has_environment(name: &CStr) -> bool {
    // SAFETY: a C string; nobody changes the environment while PHP starts.
    unsafe { !libc::getenv(name.as_ptr()).is_null() }
}
