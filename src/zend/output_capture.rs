//! Takes over a response with a certain header. When the script sets the header, an output buffer starts below the
//! plain buffers that are open: the script may empty those and print their text. At its end, the response's text is
//! offered to a function, which may send another response in its place. Responses without the header are not buffered.
//! Runs on PHP's threads; installed in MINIT.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    sync::OnceLock,
};

use ext_php_rs::{
    ffi::{
        ext_php_rs_sapi_module, sapi_header_op_enum, sapi_header_op_enum_SAPI_HEADER_ADD,
        sapi_header_op_enum_SAPI_HEADER_REPLACE, sapi_header_struct, sapi_headers_struct,
    },
    zend::SapiGlobals,
};

use super::{ffi, hook::Hook, output_stack};

/// Sends another response in the place of one with this text; `false` if it stays.
pub type TakeOver = fn(&[u8]) -> bool;

type HeaderHandler = unsafe extern "C" fn(
    *mut sapi_header_struct,
    sapi_header_op_enum,
    *mut sapi_headers_struct,
) -> c_int;

/// `php_output_buffer`
#[repr(C)]
struct Buffer {
    data: *mut c_char,
    size: usize,
    used: usize,
    /// Bit 0: the output layer frees the data.
    flags: u32,
}

/// `php_output_context`
#[repr(C)]
struct Context {
    op: c_int,
    input: Buffer,
    output: Buffer,
}

type ContextHandler = unsafe extern "C" fn(*mut *mut c_void, *mut Context) -> c_int;

unsafe extern "C" {
    fn php_output_handler_create_internal(
        name: *const c_char,
        name_len: usize,
        handler: ContextHandler,
        chunk_size: usize,
        flags: c_int,
    ) -> *mut c_void;
    fn php_output_handler_start(handler: *mut c_void) -> c_int;
    fn php_output_handler_started(name: *const c_char, name_len: usize) -> c_int;
}

/// `SAPI_HEADER_ADD`: the server API keeps the header.
const KEEP: c_int = 1;
/// `PHP_OUTPUT_HANDLER_CLEANABLE | PHP_OUTPUT_HANDLER_REMOVABLE`: it can't be flushed before its end.
const FLAGS: c_int = 0x10 | 0x40;
/// `SUCCESS`
const SUCCESS: c_int = 0;
/// `PHP_OUTPUT_HANDLER_CLEAN`
const CLEAN: c_int = 2;
/// `PHP_OUTPUT_HANDLER_FINAL`
const FINAL: c_int = 8;
/// `PHP_OUTPUT_LOCKED`: the callback of a buffer runs, and no buffer can start.
const LOCKED: c_int = 0x20;
const NAME: &CStr = c"pillion response";

type Flush = unsafe extern "C" fn(*mut c_void);

static HEADER: Hook<HeaderHandler> = Hook::new();
static FLUSH: Hook<Flush> = Hook::new();
static WANTED: OnceLock<(&'static str, &'static str, TakeOver)> = OnceLock::new();

/// Has `take_over`, the same function at each call, called for responses with the header `name`, in any case, of
/// exactly this value. In MINIT.
pub fn install(name: &'static str, value: &'static str, take_over: TakeOver) {
    WANTED.get_or_init(|| (name, value, take_over));
    // SAFETY: MINIT: no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        HEADER.install(&mut module.header_handler, header_is_set);
        FLUSH.install(&mut module.flush, flush);
    }
}

/// Removes the hook. In MSHUTDOWN.
pub fn uninstall() {
    // SAFETY: MSHUTDOWN: no other PHP thread runs.
    if let Some(module) = unsafe { ext_php_rs_sapi_module().as_mut() } {
        HEADER.remove(&mut module.header_handler, header_is_set);
        FLUSH.remove(&mut module.flush, flush);
    }
}

/// `flush()` of a script. It has no effect while the buffer has the whole response: some server APIs would send the
/// headers, and the response could no longer be replaced. Symfony's responses call it before the script ends.
unsafe extern "C" fn flush(server_context: *mut c_void) {
    // SAFETY: on a PHP thread in a request.
    let is_started = unsafe { php_output_handler_started(NAME.as_ptr(), NAME.count_bytes()) } != 0;
    if is_started && is_to_be_taken() {
        return;
    }
    if let Some(original) = FLUSH.original() {
        // SAFETY: as the output layer would have called it.
        unsafe { original(server_context) };
    }
}

unsafe extern "C" fn header_is_set(
    header: *mut sapi_header_struct,
    operation: sapi_header_op_enum,
    headers: *mut sapi_headers_struct,
) -> c_int {
    // SAFETY: as the output layer would have called it.
    let result = HEADER.original().map_or(KEEP, |original| unsafe {
        original(header, operation, headers)
    });
    let is_set = operation == sapi_header_op_enum_SAPI_HEADER_REPLACE
        || operation == sapi_header_op_enum_SAPI_HEADER_ADD;
    // SAFETY: the header that is being set.
    if is_set && unsafe { is_wanted(header) } {
        start();
    }
    result
}

/// Starts the buffer, unless it has been started.
fn start() {
    // SAFETY: on a PHP thread in a request; no buffer's callback runs.
    unsafe {
        let (name, length) = (NAME.as_ptr(), NAME.count_bytes());
        if ffi::php_output_get_status() & LOCKED != 0
            || php_output_handler_started(name, length) != 0
        {
            return;
        }
        let handler = php_output_handler_create_internal(name, length, handle, 0, FLAGS);
        if php_output_handler_start(handler) == SUCCESS {
            output_stack::sink(handler);
        }
    }
}

/// # Safety
/// `header` is null or a live header.
unsafe fn is_wanted(header: *const sapi_header_struct) -> bool {
    // SAFETY: by the contract.
    let line = unsafe {
        match header.as_ref() {
            Some(header) if !header.header.is_null() => {
                std::slice::from_raw_parts(header.header.cast::<u8>(), header.header_len)
            }
            _ => return false,
        }
    };
    let Some((name, value, _)) = WANTED.get() else {
        return false;
    };
    let mut parts = line.splitn(2, |byte| *byte == b':');
    let has_name = parts
        .next()
        .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
    has_name
        && parts
            .next()
            .is_some_and(|found| found.trim_ascii() == value.as_bytes())
}

/// Whether the response has the header still, and is one of success with unsent headers.
fn is_to_be_taken() -> bool {
    let mut globals = SapiGlobals::get_mut();
    let status = globals.sapi_headers.http_response_code;
    globals.headers_sent == 0
        && (status == 0 || (200..300).contains(&status))
        // SAFETY: a live header of the list.
        && globals.sapi_headers.headers().any(|header| unsafe { is_wanted(header) })
}

/// The buffer's handler. PHP may jump over this frame if the client has disconnected: nothing here has a destructor.
unsafe extern "C" fn handle(_: *mut *mut c_void, context: *mut Context) -> c_int {
    // SAFETY: the output layer's own context, alive for the call.
    let context = unsafe { &mut *context };
    let is_over = context.op & FINAL != 0 && context.op & CLEAN == 0;
    let text: &[u8] = match context.input.data.is_null() {
        true => &[],
        // SAFETY: the buffer's text.
        false => unsafe {
            std::slice::from_raw_parts(context.input.data.cast::<u8>(), context.input.used)
        },
    };
    let is_taken = is_over
        && is_to_be_taken()
        && WANTED.get().is_some_and(|(.., take_over)| {
            std::panic::catch_unwind(|| take_over(text)).unwrap_or(false)
        });
    if !is_taken && context.op & CLEAN == 0 {
        // The text passes unchanged, with its memory.
        let nothing = Buffer {
            data: std::ptr::null_mut(),
            size: 0,
            used: 0,
            flags: 0,
        };
        context.output = std::mem::replace(&mut context.input, nothing);
    }
    0
}
