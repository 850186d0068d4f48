//! The server API (SAPI): its `activate` function at the start of each request, its output function, the variables
//! of a request, the environment. Runs on PHP's threads; functions are replaced in MINIT, or with one PHP thread.

use std::{
    ffi::{CStr, c_char, c_int},
    sync::OnceLock,
};

use ext_php_rs::{
    ffi::{TRACK_VARS_SERVER, ext_php_rs_sapi_globals, ext_php_rs_sapi_module},
    zend::ProcessGlobals,
};

use super::{ffi, hash_table, hook::Hook, value};

/// The name of the server API: `cli`, `fpm-fcgi`, `frankenphp`.
#[must_use]
pub fn name() -> &'static str {
    // SAFETY: the module's name is a C string that lives as long as the process.
    unsafe {
        match ext_php_rs_sapi_module().as_ref() {
            Some(module) if !module.name.is_null() => {
                CStr::from_ptr(module.name).to_str().unwrap_or("unknown")
            }
            _ => "unknown",
        }
    }
}

/// The system's number of the calling thread.
#[must_use]
pub fn thread_id() -> i64 {
    // SAFETY: takes nothing and can't fail.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

type Activate = unsafe extern "C" fn() -> c_int;
type Write = unsafe extern "C" fn(*const c_char, usize) -> usize;

static ACTIVATE: Hook<Activate> = Hook::new();
/// Called after the server API's own `activate`.
static AFTER_ACTIVATE: OnceLock<fn()> = OnceLock::new();
static WRITE: Hook<Write> = Hook::new();

/// Has `hook`, the same function at each call, called whenever the server API activates a request, after its own work.
/// In MINIT. No PHP code may run in the hook, and no variables of the request are there yet.
pub fn set_activate_hook(hook: fn()) {
    AFTER_ACTIVATE.get_or_init(|| hook);
    // SAFETY: MINIT: no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        ACTIVATE.install(&mut module.activate, activate);
    }
}

/// Removes the hook. In MSHUTDOWN.
pub fn remove_activate_hook() {
    // SAFETY: MSHUTDOWN: no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        ACTIVATE.remove(&mut module.activate, activate);
    }
}

unsafe extern "C" fn activate() -> c_int {
    // SAFETY: as the server API would have called it.
    let result = ACTIVATE
        .original()
        .map_or(0, |original| unsafe { original() });
    if let Some(hook) = AFTER_ACTIVATE.get() {
        let _ = std::panic::catch_unwind(hook);
    }
    result
}

/// Sends all output of PHP to standard error from here on. In a process with one PHP thread.
pub fn redirect_output_to_stderr() {
    // SAFETY: the module lives as long as the process, and no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        WRITE.install(&mut module.ub_write, write_to_standard_error);
    }
}

/// Restores the original output function.
pub fn restore_output() {
    // SAFETY: as above.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        WRITE.remove(&mut module.ub_write, write_to_standard_error);
    }
}

/// Reports everything as written, errors too: PHP would end the script otherwise, and the text is for people.
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

/// Whether a script of `opcache.preload` runs: opcache clears the server API's functions for it, and every server API
/// has one that fills `$_SERVER`.
#[must_use]
pub fn is_preloading() -> bool {
    // SAFETY: the module lives as long as the process.
    unsafe {
        ext_php_rs_sapi_module()
            .as_ref()
            .is_some_and(|module| module.register_server_variables.is_none())
    }
}

/// Runs `read` with a variable of the request, as `$_SERVER` had it at the start. On a PHP thread in a call.
pub fn server_variable<R>(name: &str, read: impl FnOnce(Option<&[u8]>) -> R) -> R {
    const SERVER: &CStr = c"_SERVER";
    // SAFETY: on a PHP thread in a script; a name with its length. It comes before the globals are borrowed, because
    // it changes them.
    unsafe { ffi::zend_is_auto_global_str(SERVER.as_ptr(), SERVER.to_bytes().len()) };
    filled_server_variable(name, read)
}

/// The same where PHP must not fill `$_SERVER` any more: the script is over, and may have ended because its memory ran
/// out. Finds nothing if `$_SERVER` has not been filled.
pub fn filled_server_variable<R>(name: &str, read: impl FnOnce(Option<&[u8]>) -> R) -> R {
    let globals = ProcessGlobals::get();
    let server = globals.http_globals.get(TRACK_VARS_SERVER as usize);
    let found = server.and_then(value::table).and_then(|table| {
        // SAFETY: the table lives for the request.
        unsafe { hash_table::find(table, name.as_bytes()) }
    });
    read(
        found
            .map(|value| value::deref(value))
            .and_then(value::bytes),
    )
}

/// The path of the script, as the server API has it.
#[must_use]
pub fn script() -> Vec<u8> {
    // SAFETY: on a PHP thread, which has these globals; null, or a C string that lives for the request.
    unsafe { bytes_of((*ext_php_rs_sapi_globals()).request_info.path_translated) }.to_vec()
}

/// The bytes of a C string, without its end; none for null.
///
/// # Safety
/// Null, or a C string that outlives the result.
pub(super) unsafe fn bytes_of<'a>(text: *const c_char) -> &'a [u8] {
    match text.is_null() {
        true => b"",
        // SAFETY: by the contract.
        false => unsafe { CStr::from_ptr(text) }.to_bytes(),
    }
}

/// Whether a fatal error has ended the script, or another jump over all frames. In RSHUTDOWN.
#[must_use]
pub fn is_unclean() -> bool {
    // SAFETY: on a PHP thread, which has these globals.
    unsafe {
        #[cfg(not(php_zts))]
        let globals = &raw const ext_php_rs::ffi::compiler_globals;
        #[cfg(php_zts)]
        let globals = ext_php_rs::ffi::tsrm_get_ls_cache()
            .byte_add(ext_php_rs::ffi::compiler_globals_offset)
            .cast::<ext_php_rs::ffi::zend_compiler_globals>()
            .cast_const();
        (*globals).unclean_shutdown
    }
}

/// Whether the process has an environment variable of this name. In MINIT.
#[must_use]
pub fn has_environment(name: &CStr) -> bool {
    // SAFETY: a C string; no other thread changes the environment while PHP starts.
    unsafe { !libc::getenv(name.as_ptr()).is_null() }
}
