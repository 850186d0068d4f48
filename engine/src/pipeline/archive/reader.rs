//! The entries of an archive, each checked before it is returned: nothing outside the root, nothing behind a link or a
//! file, nothing twice, nothing beyond the limits. Blocking threads.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
};

use zstd::stream::read::Decoder;

use super::{
    entry::{Entry, Kind},
    header::{self, BLOCK, Header},
    log,
    records::Records,
};
use crate::{Error, Result};

/// The largest window of a frame, as a power of two: the memory of a reader.
pub(super) const MAX_WINDOW: u32 = 23;

/// The largest archive that is restored.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files, directories and symbolic links.
    pub max_entries: u64,
    /// Bytes of all files.
    pub max_bytes: u64,
}

impl Default for Limits {
    /// A million entries, 16 GiB.
    fn default() -> Self {
        Self {
            max_entries: 1_000_000,
            max_bytes: 16 << 30,
        }
    }
}

/// A file from an offset on; its own offset does not count.
struct FromOffset<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FromOffset<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Reads an archive.
pub(super) struct Reader<'a> {
    content: Decoder<'a, BufReader<FromOffset<'a>>>,
    limits: Limits,
    entries: u64,
    bytes: u64,
    /// The last entry.
    last: Option<Entry>,
    /// Bytes of its content that were not read yet, and of the padding behind them.
    remaining: u64,
    padding: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a File, limits: Limits) -> Result<Self> {
        let offset = log::end(file).map_err(unreadable)?;
        let from_offset = FromOffset { file, offset };
        let decoder = Decoder::new(from_offset).and_then(|mut decoder| {
            decoder.window_log_max(MAX_WINDOW)?;
            Ok(decoder.single_frame())
        });
        Ok(Self {
            content: decoder.map_err(unreadable)?,
            limits,
            entries: 0,
            bytes: 0,
            last: None,
            remaining: 0,
            padding: 0,
        })
    }

    /// The next entry; `None` at the proper end. The content of the last one is skipped.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        self.skip()?;
        let mut records = None;
        loop {
            let mut block = [0; BLOCK];
            self.content.read_exact(&mut block).map_err(unreadable)?;
            match header::decode(&block, records.take()).map_err(refused)? {
                Header::Records(len) => records = Some(self.records(len)?),
                Header::End => {
                    self.end()?;
                    return Ok(None);
                }
                Header::Entry(entry) => {
                    self.admit(&entry)?;
                    self.last = Some(entry.clone());
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Reads the next bytes of the last entry's content; 0 at their end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = buffer
            .len()
            .min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let part = buffer.get_mut(..len).unwrap_or_default();
        if part.is_empty() {
            return Ok(0);
        }
        match self.content.read(part).map_err(unreadable)? {
            0 => Err(unreadable(io::ErrorKind::UnexpectedEof.into())),
            read => {
                self.remaining -= read as u64;
                Ok(read)
            }
        }
    }

    /// Counts of the entries so far, and of the bytes of their content.
    pub(super) const fn totals(&self) -> (u64, u64) {
        (self.entries, self.bytes)
    }

    fn admit(&mut self, entry: &Entry) -> Result<()> {
        if let Some(last) = &self.last {
            if entry.path <= last.path {
                return Err(refused("a path that occurs twice or not in its order"));
            }
            if last.kind != Kind::Directory && entry.path.is_below(&last.path) {
                return Err(refused("a path behind a file or a symbolic link"));
            }
        }
        self.entries += 1;
        if self.entries > self.limits.max_entries {
            return Err(refused("more entries than allowed"));
        }
        if let Kind::File(size) = entry.kind {
            self.bytes = self.bytes.saturating_add(size);
            if self.bytes > self.limits.max_bytes {
                return Err(refused("more bytes than allowed"));
            }
            self.remaining = size;
            self.padding = size.next_multiple_of(BLOCK as u64) - size;
        }
        Ok(())
    }

    fn records(&mut self, len: u64) -> Result<Records> {
        let mut bytes = Vec::new();
        let padded = len.next_multiple_of(BLOCK as u64);
        let read = (&mut self.content).take(padded).read_to_end(&mut bytes);
        if read.map_err(unreadable)? as u64 != padded {
            return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        let end = usize::try_from(len).unwrap_or_default();
        let (records, padding) = bytes.split_at_checked(end).unwrap_or_default();
        check_zeros(padding)?;
        Records::decode(records).map_err(refused)
    }

    fn skip(&mut self) -> Result<()> {
        let mut buffer = [0; 8 << 10];
        while self.read(&mut buffer)? > 0 {}
        let padding = usize::try_from(std::mem::take(&mut self.padding)).unwrap_or_default();
        let padding = buffer.get_mut(..padding).unwrap_or_default();
        self.content.read_exact(padding).map_err(unreadable)?;
        check_zeros(padding)
    }

    /// Reads the second empty block, and the end of the frame with its checksum.
    fn end(&mut self) -> Result<()> {
        let mut block = [0; BLOCK];
        self.content.read_exact(&mut block).map_err(unreadable)?;
        check_zeros(&block)?;
        match self.content.read(&mut [0]).map_err(unreadable)? {
            0 => Ok(()),
            _ => Err(refused("bytes behind its end")),
        }
    }
}

fn check_zeros(bytes: &[u8]) -> Result<()> {
    match bytes.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(refused("bytes between its entries")),
    }
}

/// The error for an archive that breaks a rule.
pub(super) fn refused(reason: &str) -> Error {
    let text = format!("the archive has {reason}");
    Error::io(
        "restoring outputs",
        io::Error::new(io::ErrorKind::InvalidData, text),
    )
}

fn unreadable(error: io::Error) -> Error {
    Error::io("reading an archive", error)
}
