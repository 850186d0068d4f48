//! The blocks before the content of an entry (POSIX.1-2024, pax, "ustar Interchange Format"). Writes one form, and
//! reads that form only. Pure.

use super::{
    entry::{Entry, EntryPath, Kind, check_target},
    records::{MAX_RECORDS, Records, push_record},
};

/// The unit of tar.
pub(super) const BLOCK: usize = 512;
/// The longest path and target without a record.
const MAX_PLAIN: usize = 100;
/// The first size that eleven octal digits can't hold.
const MIN_LARGE: u64 = 1 << 33;
const PERMISSIONS: u16 = 0o777;
/// The name of a block with records.
const RECORDS_NAME: &[u8] = b"pax";

/// A part of a block: offset and length.
type Field = (usize, usize);
const NAME: Field = (0, MAX_PLAIN);
const MODE: Field = (100, 8);
const OWNER: Field = (108, 8);
const GROUP: Field = (116, 8);
const SIZE: Field = (124, 12);
const TIME: Field = (136, 12);
const SUM: Field = (148, 8);
const TYPE: Field = (156, 1);
const TARGET: Field = (157, MAX_PLAIN);
const MAGIC: Field = (257, 8);

const TYPE_FILE: u8 = b'0';
const TYPE_LINK: u8 = b'2';
const TYPE_DIRECTORY: u8 = b'5';
const TYPE_RECORDS: u8 = b'x';

/// The blocks before the content of an entry.
pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let path = entry.path.as_bytes();
    let (kind, size, target): (u8, u64, &[u8]) = match &entry.kind {
        Kind::File(size) => (TYPE_FILE, *size, &[]),
        Kind::Directory => (TYPE_DIRECTORY, 0, &[]),
        Kind::Link(target) => (TYPE_LINK, 0, target),
    };
    let mut records = Vec::new();
    if target.len() > MAX_PLAIN {
        push_record(&mut records, b"linkpath", target);
    }
    if path.len() > MAX_PLAIN {
        push_record(&mut records, b"path", path);
    }
    if size >= MIN_LARGE {
        push_record(&mut records, b"size", size.to_string().as_bytes());
    }
    let mut out = Vec::new();
    if !records.is_empty() {
        out.extend(block(
            TYPE_RECORDS,
            RECORDS_NAME,
            0o644,
            records.len() as u64,
            &[],
        ));
        records.resize(records.len().next_multiple_of(BLOCK), 0);
        out.append(&mut records);
    }
    let small = if size < MIN_LARGE { size } else { 0 };
    out.extend(block(kind, head(path), entry.mode, small, head(target)));
    out
}

/// The part of a path or target that is in the block.
fn head(text: &[u8]) -> &[u8] {
    text.get(..MAX_PLAIN).unwrap_or(text)
}

fn block(kind: u8, path: &[u8], mode: u16, size: u64, target: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |(offset, len): Field, bytes: &[u8]| {
        let field = block.get_mut(offset..offset + len).unwrap_or_default();
        for (to, from) in field.iter_mut().zip(bytes) {
            *to = *from;
        }
    };
    put(NAME, path);
    put(MODE, format!("{:07o}", mode & PERMISSIONS).as_bytes());
    put(OWNER, b"0000000");
    put(GROUP, b"0000000");
    put(SIZE, format!("{size:011o}").as_bytes());
    put(TIME, b"00000000000");
    put(TYPE, &[kind]);
    put(TARGET, target);
    put(MAGIC, b"ustar\x0000");
    // The checksum counts its own field as blanks.
    put(SUM, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    let (offset, len) = SUM;
    let field = block.get_mut(offset..offset + len).unwrap_or_default();
    for (to, from) in field.iter_mut().zip(sum.as_bytes()) {
        *to = *from;
    }
    block
}

/// A block, as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Records of so many bytes follow.
    Records(u64),
    Entry(Entry),
    /// The first of two empty blocks at the end.
    End,
}

/// Reads a block that stands behind `records`.
pub(super) fn decode(
    block: &[u8; BLOCK],
    records: Option<Records>,
) -> Result<Header, &'static str> {
    if block.iter().all(|byte| *byte == 0) {
        return match records {
            None => Ok(Header::End),
            Some(_) => Err("records without an entry"),
        };
    }
    let field = |(offset, len): Field| block.get(offset..offset + len).unwrap_or_default();
    let plain = |place: Field| {
        let field = field(place);
        let end = field.iter().position(|byte| *byte == 0);
        let (text, rest) = field.split_at_checked(end.unwrap_or(field.len()))?;
        rest.iter().all(|byte| *byte == 0).then_some(text)
    };
    let text = |place: Field| plain(place).ok_or("a field with bytes behind its end");
    let kind = field(TYPE).first().copied().unwrap_or_default();
    let mode = octal(text(MODE)?).and_then(|mode| u16::try_from(mode).ok());
    let mode = mode.filter(|mode| mode & !PERMISSIONS == 0);
    let mode = mode.ok_or("a mode with more than permissions")?;
    let small = octal(text(SIZE)?).ok_or("a size that is no octal number")?;
    let (name, target) = (text(NAME)?, text(TARGET)?);
    // Equal bytes: no second form of a block is read, and so no field is left that another reader would see.
    if *block != self::block(kind, name, mode, small, target) {
        return Err("a block in another form, or with a wrong checksum");
    }
    if kind == TYPE_RECORDS {
        let is_sound = records.is_none() && name == RECORDS_NAME && target.is_empty();
        return match is_sound && small > 0 && small <= MAX_RECORDS {
            true => Ok(Header::Records(small)),
            false => Err("records that are not understood"),
        };
    }
    let records = records.unwrap_or_default();
    let size = match records.size {
        None => small,
        Some(large) if small == 0 && large >= MIN_LARGE => large,
        Some(_) => return Err("two sizes of an entry"),
    };
    let path = EntryPath::parse(&joined(name, records.path)?)?;
    let target = joined(target, records.target)?;
    let kind = match kind {
        TYPE_FILE if target.is_empty() => Kind::File(size),
        TYPE_DIRECTORY if target.is_empty() && size == 0 => Kind::Directory,
        TYPE_LINK if size == 0 => {
            check_target(&path, &target)?;
            Kind::Link(target)
        }
        _ => return Err("an entry that is no file, directory or symbolic link"),
    };
    Ok(Header::Entry(Entry { path, mode, kind }))
}

/// The whole path: the block has the beginning of a long one.
fn joined(plain: &[u8], record: Option<Vec<u8>>) -> Result<Vec<u8>, &'static str> {
    match record {
        None => Ok(plain.to_owned()),
        Some(long) if long.len() > MAX_PLAIN && head(&long) == plain => Ok(long),
        Some(_) => Err("two paths of an entry"),
    }
}

fn octal(digits: &[u8]) -> Option<u64> {
    let is_octal = digits.iter().all(|digit| matches!(digit, b'0'..=b'7'));
    let text = str::from_utf8(digits).ok().filter(|_| is_octal)?;
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<Entry, &'static str> {
        let (blocks, _) = bytes.as_chunks::<BLOCK>();
        match decode(&blocks[0], None)? {
            Header::Entry(entry) => Ok(entry),
            Header::End => Err("end"),
            Header::Records(len) => {
                let (records, rest) = bytes[BLOCK..].split_at(len as usize);
                if rest[..rest.len() - BLOCK].iter().any(|byte| *byte != 0) {
                    return Err("padding");
                }
                let records = Records::decode(records)?;
                match decode(blocks.last().unwrap(), Some(records))? {
                    Header::Entry(entry) => Ok(entry),
                    _ => Err("no entry"),
                }
            }
        }
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let name =
            "[a-zA-Z0-9é._ -]{1,60}".prop_filter("plain", |name| name != "." && name != "..");
        let path = proptest::collection::vec(name, 1..8).prop_map(|names| names.join("/"));
        let kind = prop_oneof![
            any::<u64>().prop_map(Kind::File),
            (0..1000u64).prop_map(Kind::File),
            Just(Kind::Directory),
            "[a-z]{1,300}".prop_map(|target| Kind::Link(target.into_bytes())),
        ];
        (path, 0..=0o777u16, kind).prop_map(|(path, mode, kind)| Entry {
            path: EntryPath::parse(path.as_bytes()).unwrap(),
            mode,
            kind,
        })
    }

    proptest! {
        #[test]
        fn every_entry_reads_back_as_itself(entry in entry()) {
            prop_assert_eq!(read(&encode(&entry)), Ok(entry));
        }

        #[test]
        fn changed_byte_is_never_read_as_the_same(entry in entry(), at: proptest::sample::Index, to: u8) {
            let mut bytes = encode(&entry);
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert_ne!(read(&bytes), Ok(entry));
        }
    }
}
