//! The safe layer over the Zend engine's C API: arguments, values, classes, function hooks, streams, interrupts.
//! ext-php-rs provides the bindings and the build; its macros are not used for functions, because they refuse
//! weak-mode coercion and know no union types.
//!
//! Nearly all unsafe code of the extension is in this folder. Everything runs on PHP's threads.

pub mod arguments;
pub mod call;
pub mod class;
pub mod closure;
pub mod cwd;
pub mod exception;
pub mod ffi;
pub mod frame;
pub mod function_table;
pub mod hash_table;
pub mod hook;
pub mod interrupt;
pub mod json;
pub mod lossy_json;
pub mod map_ptr;
pub mod memory;
pub mod module;
pub mod output;
pub mod output_capture;
mod output_stack;
pub mod owned;
pub mod persistent;
pub mod registration;
pub mod request_line;
pub mod response;
pub mod sapi;
pub mod shutdown;
pub mod signals;
pub mod stream;
pub mod value;
pub mod value_writer;
