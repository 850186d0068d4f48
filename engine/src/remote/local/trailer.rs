//! The record of an artifact behind its bytes: JSON, its length as four bytes, and eight bytes that mark the format.
//! Any thread, as the given read.

use std::{fs::File, io};

use crate::remote::object::Metadata;

const MARK: &[u8; 8] = b"PILLART1";
/// Length and mark.
const END: u64 = 4 + 8;
const MAX_RECORD: u32 = 8 << 10;

/// The bytes of a record.
pub(super) fn encode(metadata: &Metadata) -> Vec<u8> {
    // A struct of numbers and texts always has a JSON form.
    let mut bytes = serde_json::to_vec(metadata).unwrap_or_default();
    let len = u32::try_from(bytes.len()).unwrap_or_default();
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(MARK);
    bytes
}

/// Reads the record of a file; `None` if it has none, or one that does not fit its length. `read_at` fills bytes from
/// an offset of the file.
///
/// # Errors
/// The system's.
pub(super) fn read(
    file: &File,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<Option<Metadata>> {
    let found = file.metadata()?;
    let (true, Some(record_end)) = (found.is_file(), found.len().checked_sub(END)) else {
        return Ok(None);
    };
    let mut end = [0; END as usize];
    read_at(&mut end, record_end)?;
    let [l0, l1, l2, l3, mark @ ..] = end;
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    let start = record_end.checked_sub(u64::from(len));
    let (true, true, Some(start)) = (mark == *MARK, len <= MAX_RECORD, start) else {
        return Ok(None);
    };
    let mut json = vec![0; len as usize];
    read_at(&mut json, start)?;
    let metadata: Option<Metadata> = serde_json::from_slice(&json).ok();
    Ok(metadata.filter(|metadata| metadata.size == start))
}
