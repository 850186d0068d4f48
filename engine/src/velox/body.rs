//! A body of bytes on its way to disk. The network part runs on the runtime, the disk part on a blocking
//! thread, and a channel of a few pieces between them makes the sender wait for the disk. Gzip is known
//! by its first two bytes, whatever the headers say (RFC 1952); what it unpacks to is bounded.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;

use super::{
    magic::HEAD,
    trouble::{Reason, Trouble},
};
use crate::{Error, net::chain};

/// Pieces under way between network and disk.
const PIECES: usize = 8;
const BLOCK: usize = 64 << 10;

/// What is looked at before the rest is taken: the first [`HEAD`] bytes, unpacked. Its error is the end.
pub(super) type Inspect = Box<dyn FnOnce(&[u8]) -> Result<(), Trouble> + Send>;

/// Streams a response into `sink`, unpacked. `silence` bounds the wait for each piece, `most` the bytes
/// that are written. A dropped call stops the writing at once.
pub(super) async fn receive<S: Write + Send + 'static>(
    mut response: reqwest::Response,
    silence: Duration,
    most: u64,
    sink: S,
    inspect: Option<Inspect>,
) -> Result<S, Trouble> {
    if response
        .content_length()
        .is_some_and(|length| length > most)
    {
        return Err(too_large(most));
    }
    let (sender, receiver) = mpsc::channel(PIECES);
    let writer = tokio::task::spawn_blocking(move || write(receiver, sink, most, inspect));
    loop {
        let piece = tokio::time::timeout(silence, response.chunk()).await;
        let piece = match piece {
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) => return Err(cut(&chain(&error))),
            Err(_) => {
                return Err(cut(&format!(
                    "nothing came for {} s",
                    silence.as_secs_f64()
                )));
            }
        };
        let last = piece.is_none();
        // A writer that has gone says why below.
        if sender.send(piece).await.is_err() || last {
            break;
        }
    }
    drop(sender);
    writer
        .await
        .map_err(|_| Trouble::Final(Error::State("the process is shutting down".into())))?
}

fn cut(why: &str) -> Trouble {
    let error = Error::Remote(format!("velox server's answer did not arrive whole: {why}"));
    Trouble::Passing(Reason::Download, error)
}

fn too_large(most: u64) -> Trouble {
    Trouble::remote(format!(
        "velox server's answer is larger than the {most} bytes that are taken"
    ))
}

fn write<B: AsRef<[u8]>, S: Write>(
    pieces: mpsc::Receiver<Option<B>>,
    sink: S,
    most: u64,
    inspect: Option<Inspect>,
) -> Result<S, Trouble> {
    unpack(Pieces::new(pieces), sink, most, inspect)
}

/// Copies a body into `sink`, unpacked where it is gzip.
pub(super) fn unpack<S: Write>(
    mut body: impl Read,
    sink: S,
    most: u64,
    inspect: Option<Inspect>,
) -> Result<S, Trouble> {
    let mut start = [0; 2];
    let mut length = 0;
    while let Some(rest) = start.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match body.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) => return Err(cut(&error.to_string())),
        }
    }
    let start = start.get(..length).unwrap_or_default();
    let whole = start.chain(body);
    if start == [0x1f, 0x8b] {
        copy(MultiGzDecoder::new(whole), sink, most, inspect)
    } else {
        copy(whole, sink, most, inspect)
    }
}

fn copy<S: Write>(
    mut from: impl Read,
    mut sink: S,
    most: u64,
    mut inspect: Option<Inspect>,
) -> Result<S, Trouble> {
    let mut buffer = vec![0; BLOCK];
    let mut left = most;
    let mut head = Vec::new();
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(sink),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cut(&error.to_string())),
        };
        left = left
            .checked_sub(count as u64)
            .ok_or_else(|| too_large(most))?;
        let block = buffer.get(..count).unwrap_or_default();
        if inspect.is_some() {
            head.extend_from_slice(block);
        }
        // What ends before that is looked at as a whole, by the caller.
        if let Some(inspect) = inspect.take_if(|_| head.len() >= HEAD) {
            inspect(head.get(..HEAD).unwrap_or_default())?;
        }
        sink.write_all(block)
            .map_err(|error| Trouble::Unkept(Error::io("writing the binary", error)))?;
    }
}

/// Reads what comes through the channel. `None` in it is the proper end.
struct Pieces<B> {
    receiver: mpsc::Receiver<Option<B>>,
    piece: Option<B>,
    at: usize,
    ended: bool,
}

impl<B: AsRef<[u8]>> Pieces<B> {
    fn new(receiver: mpsc::Receiver<Option<B>>) -> Self {
        Self {
            receiver,
            piece: None,
            at: 0,
            ended: false,
        }
    }
}

impl<B: AsRef<[u8]>> Read for Pieces<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self
                .piece
                .as_ref()
                .and_then(|piece| piece.as_ref().get(self.at..));
            if let Some(mut rest) = rest.filter(|rest| !rest.is_empty()) {
                let count = rest.read(buffer)?;
                self.at += count;
                return Ok(count);
            }
            if self.ended || buffer.is_empty() {
                return Ok(0);
            }
            match self.receiver.blocking_recv() {
                Some(Some(piece)) => (self.piece, self.at) = (Some(piece), 0),
                Some(None) => self.ended = true,
                None => return Err(io::Error::other("the transfer was broken off")),
            }
        }
    }
}

#[cfg(test)]
mod tests;
