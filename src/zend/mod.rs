//! The thin ground between Rust and the Zend engine: argument parsing, values, classes, streams and
//! interrupts. ext-php-rs gives the bindings and the build; its macros are not used for functions,
//! because they refuse weak-mode coercion and know no union types. Here Zend's own parser checks the
//! arguments, so coercion, strict types and messages are those of any internal function.
//!
//! Nearly all unsafe code of the extension is in this folder. Everything runs on PHP's threads.

pub mod arguments;
pub mod buckets;
pub mod call;
pub mod class;
pub mod closure;
pub mod cwd;
pub mod ffi;
pub mod function_table;
pub mod interrupt;
pub mod json;
pub mod lossy_json;
pub mod memory;
pub mod module;
pub mod output;
pub mod owned;
pub mod registration;
pub mod sapi;
pub mod shutdown;
pub mod signals;
pub mod stream;
pub mod table;
pub mod value;
pub mod value_writer;
pub mod zend_string;
