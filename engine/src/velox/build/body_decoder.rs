//! Writes a body chunk by chunk, decompressed if it is gzip: detected by its first two bytes, independent of the
//! headers (RFC 1952). Limits the written bytes, and inspects their beginning before the rest is written. Runs on a
//! thread that may write to the sink.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::{
    error::{AttemptError, RetryReason},
    executable::HEADER_LEN,
};
use crate::{Error, runtime::CancellationToken};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Checks the first [`HEADER_LEN`] decompressed bytes. Its error ends the body.
pub(in crate::velox) type Inspect = Box<dyn FnOnce(&[u8]) -> Result<(), AttemptError> + Send>;

/// Decodes one body.
pub(in crate::velox) struct BodyDecoder<S: Write> {
    format: Format<S>,
}

enum Format<S: Write> {
    /// Fewer than two bytes were received.
    Unknown(Vec<u8>, BoundedSink<S>),
    Plain(BoundedSink<S>),
    Gzip(Box<MultiGzDecoder<BoundedSink<S>>>),
    /// Ended by an error.
    Ended,
}

impl<S: Write> BodyDecoder<S> {
    /// Writes at max_size `max_size` bytes into `sink`, and stops when `cancel` is set.
    pub(in crate::velox) fn new(
        sink: S,
        max_size: u64,
        inspect: Option<Inspect>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            format: Format::Unknown(
                Vec::new(),
                BoundedSink {
                    sink,
                    max_size,
                    remaining: max_size,
                    header: Vec::new(),
                    inspect,
                    cancel,
                    failure: None,
                },
            ),
        }
    }

    /// Writes the next chunk.
    pub(in crate::velox) fn write(&mut self, chunk: &[u8]) -> Result<(), AttemptError> {
        self.format = match std::mem::replace(&mut self.format, Format::Ended) {
            Format::Unknown(mut start, sink) => {
                start.extend_from_slice(chunk);
                if start.len() < GZIP.len() {
                    Format::Unknown(start, sink)
                } else if start.starts_with(&GZIP) {
                    gzip(Box::new(MultiGzDecoder::new(sink)), &start)?
                } else {
                    plain(sink, &start)?
                }
            }
            Format::Plain(sink) => plain(sink, chunk)?,
            Format::Gzip(decompressor) => gzip(decompressor, chunk)?,
            Format::Ended => return Err(truncated("the transfer was broken off")),
        };
        Ok(())
    }

    /// Ends the body and returns the sink.
    pub(in crate::velox) fn finish(self) -> Result<S, AttemptError> {
        match self.format {
            Format::Unknown(start, sink) => match plain(sink, &start)? {
                Format::Plain(sink) => Ok(sink.sink),
                _ => Err(truncated("the transfer was broken off")),
            },
            Format::Plain(sink) => Ok(sink.sink),
            Format::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => decoder
                    .finish()
                    .map(|sink| sink.sink)
                    .map_err(|error| truncated(&error.to_string())),
                Err(error) => Err(decoder.get_mut().failure(&error)),
            },
            Format::Ended => Err(truncated("the transfer was broken off")),
        }
    }
}

fn plain<S: Write>(mut sink: BoundedSink<S>, bytes: &[u8]) -> Result<Format<S>, AttemptError> {
    match sink.write_all(bytes) {
        Ok(()) => Ok(Format::Plain(sink)),
        Err(error) => Err(sink.failure(&error)),
    }
}

fn gzip<S: Write>(
    mut decoder: Box<MultiGzDecoder<BoundedSink<S>>>,
    bytes: &[u8],
) -> Result<Format<S>, AttemptError> {
    match decoder.write_all(bytes) {
        Ok(()) => Ok(Format::Gzip(decoder)),
        Err(error) => Err(decoder.get_mut().failure(&error)),
    }
}

pub(in crate::velox) fn truncated(reason: &str) -> AttemptError {
    let error = Error::Remote(format!(
        "velox server's answer did not arrive whole: {reason}"
    ));
    AttemptError::Transient(RetryReason::Download, error)
}

pub(in crate::velox) fn too_large(max_size: u64) -> AttemptError {
    AttemptError::remote(format!(
        "velox server's answer is larger than the {max_size} bytes that are accepted"
    ))
}

/// The sink with its limits. After an error it writes nothing more, also not from a decompressor's drop.
struct BoundedSink<S> {
    sink: S,
    max_size: u64,
    remaining: u64,
    header: Vec<u8>,
    inspect: Option<Inspect>,
    cancel: CancellationToken,
    failure: Option<AttemptError>,
}

impl<S> BoundedSink<S> {
    /// Returns the cause of a write error: the limit's own error, else a malformed body.
    fn failure(&mut self, error: &io::Error) -> AttemptError {
        let own = self.failure.clone();
        let failure = own.unwrap_or_else(|| truncated(&error.to_string()));
        self.failure = Some(failure.clone());
        failure
    }
}

impl<S: Write> BoundedSink<S> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), AttemptError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.cancel.is_cancelled() {
            return Err(truncated("the build was cancelled"));
        }
        self.remaining = self
            .remaining
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| too_large(self.max_size))?;
        if self.inspect.is_some() {
            self.header.extend_from_slice(bytes);
        }
        // A body that ends earlier is inspected as a whole, by the caller.
        if let Some(inspect) = self.inspect.take_if(|_| self.header.len() >= HEADER_LEN) {
            let header = std::mem::take(&mut self.header);
            inspect(header.get(..HEADER_LEN).unwrap_or_default())?;
        }
        self.sink
            .write_all(bytes)
            .map_err(|error| AttemptError::Storage(Error::io("writing the binary", error)))
    }
}

impl<S: Write> Write for BoundedSink<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.put(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(failure) => {
                self.failure = Some(failure);
                Err(io::Error::other("the body was refused"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
