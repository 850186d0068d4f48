//! Takes a body piece by piece and writes it, unpacked where it is gzip: known by its first two bytes,
//! whatever the headers say (RFC 1952). The written bytes are bounded, and their beginning is inspected
//! before the rest is taken. Runs where the sink may be written to.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::{
    error::{Reason, Trouble},
    executable::HEAD,
};
use crate::{Error, runtime::CancellationToken};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Checks the first [`HEAD`] bytes, unpacked. Its error ends the body.
pub(in crate::velox) type Inspect = Box<dyn FnOnce(&[u8]) -> Result<(), Trouble> + Send>;

/// A body that is being written.
pub(in crate::velox) struct Intake<S: Write> {
    form: Form<S>,
}

enum Form<S: Write> {
    /// Fewer than two bytes have come.
    Unknown(Vec<u8>, Bounded<S>),
    Plain(Bounded<S>),
    Gzip(Box<MultiGzDecoder<Bounded<S>>>),
    /// An error has ended it.
    Ended,
}

impl<S: Write> Intake<S> {
    /// Writes at most `most` bytes into `sink`, and stops when `cancel` is set.
    pub(in crate::velox) fn new(
        sink: S,
        most: u64,
        inspect: Option<Inspect>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            form: Form::Unknown(
                Vec::new(),
                Bounded {
                    sink,
                    most,
                    left: most,
                    head: Vec::new(),
                    inspect,
                    cancel,
                    trouble: None,
                },
            ),
        }
    }

    /// Writes the next piece.
    pub(in crate::velox) fn take(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        self.form = match std::mem::replace(&mut self.form, Form::Ended) {
            Form::Unknown(mut start, sink) => {
                start.extend_from_slice(piece);
                if start.len() < GZIP.len() {
                    Form::Unknown(start, sink)
                } else if start.starts_with(&GZIP) {
                    gzip(Box::new(MultiGzDecoder::new(sink)), &start)?
                } else {
                    plain(sink, &start)?
                }
            }
            Form::Plain(sink) => plain(sink, piece)?,
            Form::Gzip(decoder) => gzip(decoder, piece)?,
            Form::Ended => return Err(cut("the transfer was broken off")),
        };
        Ok(())
    }

    /// Ends the body and returns the sink.
    pub(in crate::velox) fn finish(self) -> Result<S, Trouble> {
        match self.form {
            Form::Unknown(start, sink) => match plain(sink, &start)? {
                Form::Plain(sink) => Ok(sink.sink),
                _ => Err(cut("the transfer was broken off")),
            },
            Form::Plain(sink) => Ok(sink.sink),
            Form::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => decoder
                    .finish()
                    .map(|sink| sink.sink)
                    .map_err(|error| cut(&error.to_string())),
                Err(error) => Err(decoder.get_mut().trouble(&error)),
            },
            Form::Ended => Err(cut("the transfer was broken off")),
        }
    }
}

fn plain<S: Write>(mut sink: Bounded<S>, bytes: &[u8]) -> Result<Form<S>, Trouble> {
    match sink.write_all(bytes) {
        Ok(()) => Ok(Form::Plain(sink)),
        Err(error) => Err(sink.trouble(&error)),
    }
}

fn gzip<S: Write>(
    mut decoder: Box<MultiGzDecoder<Bounded<S>>>,
    bytes: &[u8],
) -> Result<Form<S>, Trouble> {
    match decoder.write_all(bytes) {
        Ok(()) => Ok(Form::Gzip(decoder)),
        Err(error) => Err(decoder.get_mut().trouble(&error)),
    }
}

pub(in crate::velox) fn cut(why: &str) -> Trouble {
    let error = Error::Remote(format!("velox server's answer did not arrive whole: {why}"));
    Trouble::Passing(Reason::Download, error)
}

pub(in crate::velox) fn too_large(most: u64) -> Trouble {
    Trouble::remote(format!(
        "velox server's answer is larger than the {most} bytes that are taken"
    ))
}

/// The sink with its limits. After an error nothing more is written, also not by a decoder's drop.
struct Bounded<S> {
    sink: S,
    most: u64,
    left: u64,
    head: Vec<u8>,
    inspect: Option<Inspect>,
    cancel: CancellationToken,
    trouble: Option<Trouble>,
}

impl<S> Bounded<S> {
    /// The cause of an error that writing gave: our own, else the body's form.
    fn trouble(&mut self, error: &io::Error) -> Trouble {
        let own = self.trouble.clone();
        let trouble = own.unwrap_or_else(|| cut(&error.to_string()));
        self.trouble = Some(trouble.clone());
        trouble
    }
}

impl<S: Write> Bounded<S> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        if self.cancel.is_cancelled() {
            return Err(cut("it is not wanted any more"));
        }
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| too_large(self.most))?;
        if self.inspect.is_some() {
            self.head.extend_from_slice(bytes);
        }
        // A body that ends before that is inspected as a whole, by the caller.
        if let Some(inspect) = self.inspect.take_if(|_| self.head.len() >= HEAD) {
            let head = std::mem::take(&mut self.head);
            inspect(head.get(..HEAD).unwrap_or_default())?;
        }
        self.sink
            .write_all(bytes)
            .map_err(|error| Trouble::Unkept(Error::io("writing the binary", error)))
    }
}

impl<S: Write> Write for Bounded<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.put(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(trouble) => {
                self.trouble = Some(trouble);
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
