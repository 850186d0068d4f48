//! Writes the outputs of a task into an archive. Blocking threads.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _, Write},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use rustix::fs::FileType;
use zstd::stream::write::Encoder;

use super::{
    directory::Directory,
    entry::{Entry, EntryPath, Kind, check_target},
    header::{self, BLOCK},
};
use crate::{Error, Result, file_size::without_sigxfsz};

/// The level of zstd: its default, which is faster than most disks.
pub(super) const LEVEL: i32 = 3;
const PERMISSIONS: u16 = 0o777;

/// The content of an archive that was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Files, directories and symbolic links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Writes outputs into a file, from its offset on: files, symbolic links, and directories with their whole content.
/// Paths are relative to `root`; one inside another is written once.
///
/// # Errors
/// [`Error::Io`]: an output is absent, can't be read, changes meanwhile, or is none of these kinds; a symbolic link
/// leads outside the root; the file can't be written. The message has the path.
pub fn pack<P: AsRef<Path>>(root: &Path, outputs: &[P], file: &mut File) -> Result<Packed> {
    let opened = Directory::open(root);
    let root = opened.map_err(|error| Error::io(format!("packing {}", root.display()), error))?;
    let mut paths = Vec::new();
    for output in outputs {
        let output = output.as_ref().as_os_str();
        let path = EntryPath::parse(output.as_bytes());
        paths.push(path.map_err(|reason| unpackable(&output.to_string_lossy(), reason))?);
    }
    paths.sort_unstable();
    paths.dedup_by(|path, before| path == before || path.is_below(before));
    let encoder = Encoder::new(Unlimited(file), LEVEL).and_then(|mut encoder| {
        encoder.include_checksum(true)?;
        Ok(encoder)
    });
    let mut packer = Packer {
        out: encoder.map_err(unwritable)?,
        packed: Packed::default(),
    };
    for path in &paths {
        packer.add_output(&root, path)?;
    }
    packer.finish()
}

/// Writes to a file; its size limit is an error and no signal.
struct Unlimited<'a>(&'a mut File);

impl Write for Unlimited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        without_sigxfsz(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Packer<'a> {
    out: Encoder<'static, Unlimited<'a>>,
    packed: Packed,
}

impl Packer<'_> {
    fn add_output(&mut self, root: &Directory, path: &EntryPath) -> Result<()> {
        let failed = |error| Error::io(format!("packing {path}"), error);
        let mut names: Vec<&OsStr> = path.names().collect();
        let last = names.pop().unwrap_or_default();
        let mut parent = None;
        for name in names {
            let entered = parent.as_ref().unwrap_or(root).enter(name);
            parent = Some(entered.map_err(failed)?);
        }
        self.add(parent.as_ref().unwrap_or(root), last, path)
    }

    fn add(&mut self, directory: &Directory, name: &OsStr, path: &EntryPath) -> Result<()> {
        let failed = |error| Error::io(format!("packing {path}"), error);
        let found = directory.find(name).map_err(failed)?;
        let found = found.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        match found.kind {
            FileType::RegularFile => self.add_file(directory, name, path),
            FileType::Symlink => {
                let target = directory.read_link(name).map_err(failed)?;
                check_target(path, &target)
                    .map_err(|reason| unpackable(&path.to_string(), reason))?;
                // The system's own mode of links, which no system lets a program set.
                self.head(path, PERMISSIONS, Kind::Link(target))
            }
            FileType::Directory => {
                let inner = directory.enter(name).map_err(failed)?;
                self.head(path, found.mode, Kind::Directory)?;
                for name in inner.names().map_err(failed)? {
                    let path = path.join(&name);
                    let path =
                        path.map_err(|reason| unpackable(&name.to_string_lossy(), reason))?;
                    self.add(&inner, &name, &path)?;
                }
                Ok(())
            }
            _ => Err(unpackable(
                &path.to_string(),
                "neither a file, a directory nor a symbolic link",
            )),
        }
    }

    fn add_file(&mut self, directory: &Directory, name: &OsStr, path: &EntryPath) -> Result<()> {
        let failed = |error| Error::io(format!("packing {path}"), error);
        let file = directory.read(name).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        let (size, mode) = (found.len(), (found.mode() & 0o777) as u16);
        self.head(path, mode, Kind::File(size))?;
        let mut content = file.take(size);
        let copied = io::copy(&mut content, &mut self.out).map_err(failed)?;
        let mut more = content.into_inner();
        if copied < size || more.read(&mut [0]).map_err(failed)? > 0 {
            return Err(unpackable(
                &path.to_string(),
                "a file that changes while it is packed",
            ));
        }
        let padding = usize::try_from(size.next_multiple_of(BLOCK as u64) - size);
        let zeros = [0; BLOCK];
        let padding = zeros.get(..padding.unwrap_or_default()).unwrap_or_default();
        self.out.write_all(padding).map_err(unwritable)?;
        self.packed.bytes += size;
        Ok(())
    }

    fn head(&mut self, path: &EntryPath, mode: u16, kind: Kind) -> Result<()> {
        let path = path.clone();
        let head = header::encode(&Entry { path, mode, kind });
        self.packed.files += 1;
        self.out.write_all(&head).map_err(unwritable)
    }

    fn finish(mut self) -> Result<Packed> {
        let end = [0; 2 * BLOCK];
        self.out.write_all(&end).map_err(unwritable)?;
        self.out.finish().map_err(unwritable)?;
        Ok(self.packed)
    }
}

fn unpackable(path: &str, reason: &str) -> Error {
    let error = io::Error::new(io::ErrorKind::InvalidData, format!("it is {reason}"));
    Error::io(format!("packing {path}"), error)
}

fn unwritable(error: io::Error) -> Error {
    Error::io("writing an archive", error)
}
