//! Values on the command line: from an argument or standard input, and to standard output.

use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
};

use pillion_engine::{
    Error, Result,
    cache::{Encoding, encoding, json},
    error::IoContext,
};

use crate::output::print_bytes;

/// The value of an argument, as the cache has it.
///
/// # Errors
/// Standard input can't be read; the value is no JSON.
pub(super) fn value_of(value: OsString, is_string: bool) -> Result<(Encoding, Vec<u8>)> {
    let bytes = if value == "-" {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context(|| "reading standard input")?;
        bytes
    } else {
        value.as_bytes().to_vec()
    };
    if is_string {
        return Ok((encoding::STRING, bytes));
    }
    json::from_json(&bytes).map_err(|error| {
        Error::Config(format!(
            "the value is {error}; --string stores a text as it is"
        ))
    })
}

/// Prints a value; with `is_raw` the bytes of a text.
///
/// # Errors
/// JSON has no such value; standard output is closed.
pub(super) fn print_value(encoding: Encoding, bytes: &[u8], is_raw: bool) -> Result<()> {
    let is_text = matches!(encoding, encoding::STRING | encoding::SERIALIZED);
    if is_raw && is_text {
        return print_bytes(bytes);
    }
    match json::to_json(encoding, bytes) {
        Ok(mut text) => {
            text.push(b'\n');
            print_bytes(&text)
        }
        Err(reason) if is_text => Err(Error::State(format!("{reason}; --raw prints its bytes"))),
        Err(reason) => Err(Error::State(reason.to_string())),
    }
}

/// The error of a value that was not stored.
pub(super) fn refused(bytes: usize, max: u64) -> Error {
    Error::State(if bytes as u64 > max {
        format!("the value has {bytes} bytes; this cache stores at most {max}")
    } else {
        "not stored: all memory of the cache is in use".into()
    })
}
