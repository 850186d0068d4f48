//! Descriptors as PHP streams: one end of a socket pair, for `stream_select` and event loops; an artifact's file. And
//! the descriptor of a PHP stream. Runs on PHP's threads.

use std::{
    ffi::CStr,
    os::fd::{IntoRawFd, OwnedFd, RawFd},
};

use ext_php_rs::ffi::{IS_RESOURCE, ext_php_rs_executor_globals, php_stream, zend_resource, zval};

use super::{
    ffi,
    value::{self, type_of},
    value_writer::ZvalOut,
};

/// A stream that was returned to PHP, and may have been closed since.
#[derive(Debug, Clone, Copy)]
pub struct ReturnedStream {
    stream: *mut php_stream,
    number: i64,
}

/// Returns `socket` to PHP as a stream, which owns it from here on. `None` if PHP could not make a stream.
pub fn return_socket(socket: OwnedFd, ret: ZvalOut) -> Option<ReturnedStream> {
    // SAFETY: on a PHP thread in a call; the descriptor's ownership goes over.
    unsafe {
        let stream = ffi::stream_from_socket(socket.into_raw_fd());
        let resource = stream.as_ref()?.res;
        ret.resource(resource);
        Some(ReturnedStream {
            stream,
            number: (*resource).handle,
        })
    }
}

/// Returns an open descriptor to PHP as a stream, which owns it from here on; `mode` is that of `fopen`. `false` if PHP
/// could not make a stream.
pub fn return_descriptor(descriptor: RawFd, mode: &CStr, ret: ZvalOut) -> bool {
    // SAFETY: on a PHP thread in a call; the descriptor's ownership goes over.
    unsafe {
        let stream = ffi::stream_from_file(descriptor, mode);
        let Some(stream) = stream.as_ref() else {
            return false;
        };
        ret.resource(stream.res);
    }
    true
}

/// `ZEND_INTERNAL_CLASS`
const INTERNAL_CLASS: u8 = 1;

/// The descriptor of a stream or a socket of PHP's; `None` if it has none.
#[must_use]
pub fn descriptor(value: &zval) -> Option<RawFd> {
    // SAFETY: by its type a live resource or object; its type is checked before it is cast.
    unsafe {
        if type_of(value) == IS_RESOURCE {
            let resource = value.value.res;
            if (*resource).type_ != ffi::php_file_le_stream() {
                return None;
            }
            let stream = (*resource).ptr.cast::<php_stream>();
            let label = CStr::from_ptr((*(*stream).ops).label).to_bytes();
            // Any other stream would be copied into a temporary file.
            if label != b"STDIO" && !label.windows(6).any(|part| part == b"socket") {
                return None;
            }
            let mut descriptor: RawFd = -1;
            let cast =
                ffi::_php_stream_cast(stream, ffi::AS_DESCRIPTOR, (&raw mut descriptor).cast(), 0);
            return (cast == 0 && descriptor >= 0).then_some(descriptor);
        }
        let object = value::object(value)?;
        let class = value::zend_str((*(*object).ce).name)?;
        if class != b"Socket" || (*(*object).ce).type_.cast_unsigned() != INTERNAL_CLASS {
            return None;
        }
        // `php_socket` begins with its descriptor.
        let offset = usize::try_from((*(*object).handlers).offset).ok()?;
        Some(*object.cast::<u8>().sub(offset).cast::<RawFd>())
    }
}

impl ReturnedStream {
    /// Returns the same stream again, if it is still open.
    pub fn return_again(self, ret: ZvalOut) -> bool {
        let Some(resource) = self.resource() else {
            return false;
        };
        // SAFETY: found alive in the thread's table of resources; one more reference to it.
        unsafe { (*resource).gc.refcount += 1 };
        ret.resource(resource);
        true
    }

    /// The resource of the stream's number, if it is still this stream and open.
    fn resource(self) -> Option<*mut zend_resource> {
        // SAFETY: the thread's own table of resources; a closed one has another type.
        unsafe {
            let globals = ext_php_rs_executor_globals();
            let found = ffi::find_index(
                &raw const (*globals).regular_list,
                self.number.cast_unsigned(),
            );
            let resource = found.as_ref()?.value.res;
            let same = (*resource).ptr == self.stream.cast()
                && (*resource).type_ == ffi::php_file_le_stream();
            same.then_some(resource)
        }
    }
}
