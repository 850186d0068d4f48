//! Copies and hashes at the same time, on two processors if there are two: one thread lets the kernel copy
//! (copy_file_range: no bytes pass through this process, and some file systems share them), another hashes the copied
//! part. It hashes the copy and not the source, so that the checksum is that of the stored bytes even if the source
//! changes meanwhile.
//!
//! `sha2` detects the processor at run time (`cpufeatures`) and uses its SHA instructions if it has them; a test checks
//! that.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use sha2::{Digest as _, Sha256};

use crate::{failpoint::failpoint, writeback};

/// Bytes copied at a time; a cancel is noticed after each, within a millisecond or so.
const CHUNK: u64 = 4 << 20;
/// Bytes read at a time for hashing: fits the processor's second cache.
const PIECE: usize = 256 << 10;
/// A shorter file is hashed faster than a thread starts.
const MIN_LEN_FOR_THREAD: u64 = 2 << 20;

/// The error of a copy.
#[derive(Debug)]
pub(in crate::artifacts) enum CopyError {
    Cancelled,
    Io(io::Error),
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Copies `len` bytes from the beginning of `source` to `offset` in `target`, and feeds them to `hasher`. Calls
/// `cancelled` before each chunk.
pub(in crate::artifacts) fn copy(
    source: &File,
    target: &File,
    offset: u64,
    len: u64,
    hasher: &mut Sha256,
    cancelled: &mut dyn FnMut() -> bool,
) -> Result<(), CopyError> {
    let mut copier = Copier {
        source,
        target,
        in_kernel: true,
    };
    if len < MIN_LEN_FOR_THREAD {
        copier.run(offset, len, cancelled, &mut |from, len| {
            hash(target, from, len, hasher)
        })?;
        return Ok(());
    }
    thread::scope(|scope| {
        let (sender, receiver): (SyncSender<(u64, u64)>, Receiver<_>) = sync_channel(64);
        let hashing = thread::Builder::new()
            .name("pillion-hash".to_owned())
            .spawn_scoped(scope, move || {
                receiver
                    .into_iter()
                    .try_for_each(|(from, len)| hash(target, from, len, hasher))
            })?;
        let copied = copier.run(offset, len, cancelled, &mut |from, len| {
            // A failed hasher reports its error below.
            let _ = sender.send((from, len));
            Ok(())
        });
        drop(sender);
        let hashed = hashing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the hashing thread panicked")));
        copied?;
        Ok(hashed?)
    })
}

struct Copier<'a> {
    source: &'a File,
    target: &'a File,
    in_kernel: bool,
}

impl Copier<'_> {
    fn run(
        &mut self,
        offset: u64,
        len: u64,
        cancelled: &mut dyn FnMut() -> bool,
        arrived: &mut dyn FnMut(u64, u64) -> io::Result<()>,
    ) -> Result<(), CopyError> {
        let mut done = 0;
        while done < len {
            if cancelled() {
                return Err(CopyError::Cancelled);
            }
            let copied = self.chunk(done, offset + done, CHUNK.min(len - done))?;
            if copied == 0 {
                let text = format!("the file ended after {done} of {len} bytes");
                return Err(CopyError::Io(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    text,
                )));
            }
            failpoint!("copy.chunk");
            writeback::begin(self.target, offset + done, copied);
            arrived(offset + done, copied)?;
            done += copied;
        }
        Ok(())
    }

    /// Copies a part; returns 0 at the end of the file.
    fn chunk(&mut self, from: u64, to: u64, len: u64) -> io::Result<u64> {
        if self.in_kernel {
            // Some file systems don't support it, and some return 0 then.
            match self.copy_file_range(from, to, len) {
                Ok(0) | Err(_) => self.in_kernel = false,
                Ok(copied) => return Ok(copied),
            }
        }
        let mut buffer = vec![0; PIECE.min(len as usize)];
        let read = self.source.read_at(&mut buffer, from)?;
        self.target
            .write_all_at(buffer.get(..read).unwrap_or_default(), to)?;
        Ok(read as u64)
    }

    #[cfg(target_os = "linux")]
    fn copy_file_range(&self, mut from: u64, mut to: u64, len: u64) -> io::Result<u64> {
        let (source, target) = (self.source, self.target);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let copied =
            rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), len)?;
        Ok(copied as u64)
    }

    #[cfg(not(target_os = "linux"))]
    fn copy_file_range(&self, _: u64, _: u64, _: u64) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Feeds a part of the file to the hasher.
pub(in crate::artifacts) fn hash(
    file: &File,
    mut from: u64,
    len: u64,
    hasher: &mut Sha256,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE.min(len as usize)];
    let mut left = len;
    while left > 0 {
        let end = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = buffer.get_mut(..end).unwrap_or_default();
        let read = match file.read_at(piece, from) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        hasher.update(piece.get(..read).unwrap_or_default());
        from += read as u64;
        left -= read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn best<D: sha2::Digest>(bytes: &[u8]) -> Duration {
        let run = |_| {
            let start = Instant::now();
            std::hint::black_box(D::digest(bytes));
            start.elapsed()
        };
        (0..9).map(run).min().unwrap_or_default()
    }

    /// Without them SHA-256 is the slower one of the two by half; with them the faster one by far.
    #[test]
    fn sha_instructions_of_the_processor_are_used() {
        #[cfg(target_arch = "x86_64")]
        let has_them = std::arch::is_x86_feature_detected!("sha");
        #[cfg(target_arch = "aarch64")]
        let has_them = std::arch::is_aarch64_feature_detected!("sha2")
            && !std::arch::is_aarch64_feature_detected!("sha3");
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let has_them = false;
        let bytes = vec![0x5a; 1 << 20];
        let (short, long) = (best::<Sha256>(&bytes), best::<sha2::Sha512>(&bytes));
        let rate = bytes.len() as f64 / short.as_secs_f64() / 1e6;
        assert!(
            !has_them || short < long,
            "{rate:.0} MB/s; {short:?}, SHA-512 {long:?}"
        );
    }
}
