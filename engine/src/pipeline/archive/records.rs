//! The records of pax (POSIX.1-2024, pax, "pax Extended Header"): the values that a block of tar has no room for. Pure.

use super::entry::MAX_PATH;

/// Bytes of the records of one entry: two paths, a size, and their names.
pub(super) const MAX_RECORDS: u64 = 2 * (MAX_PATH as u64 + 32) + 64;

/// Appends `LENGTH NAME=VALUE\n`, where the length counts itself.
pub(super) fn push_record(records: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let rest = name.len() + value.len() + 3;
    let digits = |len: usize| len.to_string().len();
    let mut len = rest + digits(rest);
    if rest + digits(len) > len {
        len += 1;
    }
    records.extend_from_slice(format!("{len} ").as_bytes());
    for part in [name, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

/// The values of the records before an entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Records {
    /// Reads records: each name once, in ascending order.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const WRONG: &str = "records that are not understood";
        let (mut records, mut rest, mut last) = (Self::default(), bytes, &b""[..]);
        while !rest.is_empty() {
            let blank = rest.iter().take(8).position(|byte| *byte == b' ');
            let digits = blank.and_then(|end| rest.get(..end)).ok_or(WRONG)?;
            let len = str::from_utf8(digits)
                .ok()
                .and_then(|text| text.parse().ok());
            let (record, behind) = len
                .and_then(|len: usize| rest.split_at_checked(len))
                .ok_or(WRONG)?;
            let field = record
                .get(digits.len() + 1..)
                .and_then(|field| field.strip_suffix(b"\n"));
            let field = field.ok_or(WRONG)?;
            let equals = field.iter().position(|byte| *byte == b'=').ok_or(WRONG)?;
            let (name, value) = field.split_at_checked(equals).ok_or(WRONG)?;
            let value = value.get(1..).unwrap_or_default();
            if name <= last {
                return Err(WRONG);
            }
            match name {
                b"linkpath" => records.target = Some(value.to_owned()),
                b"path" => records.path = Some(value.to_owned()),
                b"size" => {
                    let size = str::from_utf8(value)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    records.size = Some(size.ok_or(WRONG)?);
                }
                _ => return Err(WRONG),
            }
            (rest, last) = (behind, name);
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_of_a_record_counts_itself() {
        for len in [1, 80, 85, 86, 87, 88, 89, 90, 91, 980, 990, 1000] {
            let value = vec![b'v'; len];
            let mut records = Vec::new();
            push_record(&mut records, b"path", &value);
            let (digits, _) = str::from_utf8(&records).unwrap().split_once(' ').unwrap();
            assert_eq!(digits.parse(), Ok(records.len()), "{len}");
            assert_eq!(Records::decode(&records).unwrap().path, Some(value));
        }
    }
}
