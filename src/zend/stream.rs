//! Descriptors of ours as PHP streams: one end of a socket pair, for `stream_select` and event loops;
//! an artifact's file, for reading.

use std::{
    ffi::CStr,
    fs::File,
    os::fd::{IntoRawFd, OwnedFd, RawFd},
};

use ext_php_rs::ffi::{IS_RESOURCE, ext_php_rs_executor_globals, php_stream, zend_resource, zval};

use super::{
    ffi,
    value::{self, type_of},
    value_writer::ZvalOut,
};

/// A stream that was given to PHP, which PHP may have closed since.
#[derive(Debug, Clone, Copy)]
pub struct ReturnedStream {
    stream: *mut php_stream,
    number: i64,
}

/// Gives `socket` to PHP as a stream; PHP owns it from here on. `None`: PHP made no stream of it.
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

/// Gives an open file to PHP as a stream to read from. `false`: PHP made no stream of it.
pub fn return_file(file: File, ret: ZvalOut) -> bool {
    // SAFETY: as in `give`.
    unsafe {
        let stream = ffi::stream_from_file(file.into_raw_fd(), c"rb");
        let Some(stream) = stream.as_ref() else {
            return false;
        };
        ret.resource(stream.res);
    }
    true
}

/// Gives an open descriptor to PHP, whose stream owns it from here on; `mode` as `fopen` has it. `false`: PHP
/// made no stream of it.
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

/// The descriptor below a stream or a socket of PHP's; `None`: it has none.
#[must_use]
pub fn descriptor(value: &zval) -> Option<RawFd> {
    // SAFETY: by its type a live resource or object; the engine is asked what it is before it is taken for that.
    unsafe {
        if type_of(value) == IS_RESOURCE {
            let resource = value.value.res;
            if (*resource).type_ != ffi::php_file_le_stream() {
                return None;
            }
            let stream = (*resource).ptr.cast::<php_stream>();
            let label = CStr::from_ptr((*(*stream).ops).label).to_bytes();
            // Any other stream would make a file of itself.
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
    /// Gives the same stream again, where PHP still has it open.
    pub fn return_again(self, ret: ZvalOut) -> bool {
        let Some(resource) = self.resource() else {
            return false;
        };
        // SAFETY: found alive in the thread's table of resources; one more reference to it.
        unsafe { (*resource).gc.refcount += 1 };
        ret.resource(resource);
        true
    }

    /// The resource under the stream's number, if it is still this stream and open.
    fn resource(self) -> Option<*mut zend_resource> {
        // SAFETY: the thread's own table of resources; a closed one has no stream type any more.
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
