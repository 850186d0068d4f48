//! The output of a task's command, in a skippable frame before the archive's own frame (RFC 8878, 3.1.2): programs that
//! decompress zstd pass over it. Blocking threads.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
};

use super::{pack::LEVEL, reader::refused};
use crate::{Error, Result, file_size::without_sigxfsz};

/// Bytes of a log at most.
pub const MAX_LOG: usize = 1 << 20;
/// One of the sixteen magic numbers of skippable frames.
const MAGIC: u32 = 0x184D_2A5E;
/// Magic number and length.
const HEAD: usize = 8;
/// Bytes of a compressed log at most: what can't be compressed grows a little.
const MAX_FRAME: usize = MAX_LOG + (MAX_LOG >> 8) + 1024;

/// Writes a log of at most [`MAX_LOG`] bytes into an empty file, before [`pack`](super::pack()). An empty one takes no
/// space.
///
/// # Errors
/// [`Error::Io`]: the file can't be written.
pub fn write_log(log: &[u8], file: &mut File) -> Result<()> {
    if log.is_empty() {
        return Ok(());
    }
    let failed = |error| Error::io("storing the output of a command", error);
    let log = log.get(..MAX_LOG).unwrap_or(log);
    let frame = zstd::bulk::compress(log, LEVEL).map_err(failed)?;
    let length = u32::try_from(frame.len()).map_err(|_| failed(io::ErrorKind::FileTooLarge.into()));
    let mut bytes = MAGIC.to_le_bytes().to_vec();
    bytes.extend(length?.to_le_bytes());
    bytes.extend(frame);
    without_sigxfsz(|| file.write_all(&bytes)).map_err(failed)
}

/// Reads the log of an archive; empty if it has none.
///
/// # Errors
/// [`Error::Io`]: it is damaged, or longer than [`MAX_LOG`].
pub fn read_log(file: &File) -> Result<Vec<u8>> {
    let failed = |error| Error::io("reading the output of a command", error);
    let Some(length) = frame_length(file).map_err(failed)? else {
        return Ok(Vec::new());
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(refused("a log that is too long"));
    }
    let mut frame = vec![0; length];
    file.read_exact_at(&mut frame, HEAD as u64)
        .map_err(failed)?;
    zstd::bulk::decompress(&frame, MAX_LOG).map_err(failed)
}

/// Where the archive's own frame begins.
pub(super) fn end(file: &File) -> io::Result<u64> {
    let length = frame_length(file)?;
    Ok(length.map_or(0, |length| HEAD as u64 + u64::from(length)))
}

/// The length of the compressed log; `None` if the file does not begin with one.
fn frame_length(file: &File) -> io::Result<Option<u32>> {
    let mut head = [0; HEAD];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let [a, b, c, d, length @ ..] = head;
    Ok((u32::from_le_bytes([a, b, c, d]) == MAGIC).then(|| u32::from_le_bytes(length)))
}
