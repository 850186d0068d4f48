//! Method and URI of a request, as its client has sent them. The URI that a server API names is another one in
//! php-fpm, where it is the script's, and in FrankenPHP, where it has been rewritten; both have the client's as a
//! variable. Nothing here fills `$_SERVER`, which PHP does when a script needs it. Runs on PHP's threads.

use std::{ffi::CStr, sync::OnceLock};

use ext_php_rs::ffi::{ext_php_rs_sapi_globals, ext_php_rs_sapi_module, zval};

use super::{hash_table, hook::Hook, sapi::bytes_of, value};

const URI: &CStr = c"REQUEST_URI";

type RegisterVariables = unsafe extern "C" fn(*mut zval);
/// Gets method and URI.
pub type VariablesHook = fn(&[u8], &[u8]);

static REGISTER_VARIABLES: Hook<RegisterVariables> = Hook::new();
/// Called after the server API's own `register_server_variables`.
static AFTER_VARIABLES: OnceLock<VariablesHook> = OnceLock::new();

/// Calls `read` with method and URI that the server API names, each empty where it names none.
#[inline]
pub fn named<R>(read: impl FnOnce(&[u8], &[u8]) -> R) -> R {
    // SAFETY: on a PHP thread, which has these globals; null, or C strings that live for the request.
    unsafe {
        let request = &raw const (*ext_php_rs_sapi_globals()).request_info;
        read(
            bytes_of((*request).request_method),
            bytes_of((*request).request_uri),
        )
    }
}

/// The same with the URI of the client, where the server API has CGI's variables at hand: php-fpm, CGI, LiteSpeed.
#[inline]
pub fn sent<R>(read: impl FnOnce(&[u8], &[u8]) -> R) -> R {
    // SAFETY: the module lives as long as the process; a name with its length; null, or a C string of the request.
    let uri = unsafe {
        ext_php_rs_sapi_module()
            .as_ref()
            .and_then(|module| module.getenv)
            .map_or(&b""[..], |variable| {
                bytes_of(variable(URI.as_ptr(), URI.to_bytes().len()))
            })
    };
    named(|method, named| read(method, if uri.is_empty() { named } else { uri }))
}

/// Has `hook`, the same function at each call, called with method and URI of the client whenever the server API has
/// filled `$_SERVER`. In MINIT.
pub fn set_variables_hook(hook: VariablesHook) {
    AFTER_VARIABLES.get_or_init(|| hook);
    // SAFETY: MINIT: no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        REGISTER_VARIABLES.install(&mut module.register_server_variables, register_variables);
    }
}

/// Removes the hook. In MSHUTDOWN.
pub fn remove_variables_hook() {
    // SAFETY: MSHUTDOWN: no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        REGISTER_VARIABLES.remove(&mut module.register_server_variables, register_variables);
    }
}

/// PHP may jump over this frame when its memory runs out: nothing here has a destructor.
unsafe extern "C" fn register_variables(variables: *mut zval) {
    if let Some(original) = REGISTER_VARIABLES.original() {
        // SAFETY: as PHP would have called it.
        unsafe { original(variables) };
    }
    let Some(hook) = AFTER_VARIABLES.get() else {
        return;
    };
    let _ = std::panic::catch_unwind(|| {
        // SAFETY: PHP's array of the variables, which lives for the request.
        let uri = unsafe {
            variables
                .as_ref()
                .and_then(value::table)
                .and_then(|table| hash_table::find(table, URI.to_bytes()))
                .and_then(|uri| value::bytes(uri))
        };
        if let Some(uri) = uri {
            named(|method, _| hook(method, uri));
        }
    });
}
