//! The response of the request in progress: status, headers, body. The server API sends status and headers before the
//! first byte of the body, or when the script ends. Runs on PHP's threads.

use std::ffi::{c_char, c_void};

use ext_php_rs::{
    ffi::{
        ext_php_rs_sapi_module, sapi_header_op, sapi_header_op_enum,
        sapi_header_op_enum_SAPI_HEADER_DELETE, sapi_header_op_enum_SAPI_HEADER_REPLACE,
        sapi_header_op_enum_SAPI_HEADER_SET_STATUS,
    },
    zend::{ProcessGlobals, SapiGlobals},
};

use super::{ffi, output};

/// `sapi_header_line`
#[repr(C)]
struct HeaderLine {
    line: *const c_char,
    line_len: usize,
    response_code: i64,
}

/// `PHP_OUTPUT_DISABLED`
const DISABLED: i32 = 2;

/// Whether status and headers have been sent already.
#[must_use]
pub fn are_headers_sent() -> bool {
    SapiGlobals::get().headers_sent != 0
}

/// Sets a header, in the place of all others of its name. The value has no line breaks.
pub fn set_header(name: &str, value: &str) {
    change(
        sapi_header_op_enum_SAPI_HEADER_REPLACE,
        &format!("{name}: {value}"),
    );
}

/// Removes all headers of a name.
pub fn remove_header(name: &str) {
    change(sapi_header_op_enum_SAPI_HEADER_DELETE, name);
}

fn change(operation: sapi_header_op_enum, line: &str) {
    let mut line = HeaderLine {
        line: line.as_ptr().cast(),
        line_len: line.len(),
        response_code: 0,
    };
    // SAFETY: on a PHP thread in a request; the line is copied before the call returns.
    unsafe { sapi_header_op(operation, (&raw mut line).cast()) };
}

/// Sets the status. After the headers: a `Location` changes it.
pub fn set_status(status: u16) {
    let status = std::ptr::without_provenance_mut::<c_void>(status.into());
    // SAFETY: on a PHP thread in a request; the operation takes a number in the place of a pointer.
    unsafe { sapi_header_op(sapi_header_op_enum_SAPI_HEADER_SET_STATUS, status) };
}

/// Drops the text in all output buffers.
pub fn discard_output() {
    output::close_above(0, true);
}

/// Appends to the body. PHP jumps over all frames if the client has disconnected and the script is not to go on.
pub fn write(bytes: &[u8]) {
    // SAFETY: on a PHP thread in a request.
    unsafe { ffi::php_output_write(bytes.as_ptr().cast(), bytes.len()) };
}

/// Appends to the body past all output buffers, whose callbacks may run at this moment.
pub fn write_directly(bytes: &[u8]) {
    // SAFETY: on a PHP thread in a request; the server API's own function.
    unsafe {
        ffi::php_header();
        if let Some(write) = ext_php_rs_sapi_module()
            .as_ref()
            .and_then(|module| module.ub_write)
        {
            write(bytes.as_ptr().cast(), bytes.len());
        }
    }
}

/// Sends status and headers now, so that no callback of an output buffer can add some.
pub fn send_headers() {
    // SAFETY: on a PHP thread in a request.
    unsafe { ffi::php_header() };
}

/// Ignores all further output of the script.
pub fn end_output() {
    // SAFETY: on a PHP thread in a request; the other bits stay.
    unsafe { ffi::php_output_set_status(ffi::php_output_get_status() | DISABLED) };
}

/// Whether the client has disconnected, as far as it was noticed.
#[must_use]
pub fn is_client_gone() -> bool {
    ProcessGlobals::get().connection_status & 1 != 0
}
