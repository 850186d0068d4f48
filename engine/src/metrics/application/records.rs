//! Keys of the records in the application's segment, and the refusal of one. Pure, any thread.

use super::encoding::take;

/// The first byte of a record's key.
pub(super) const DEFINITION: u8 = b'd';
pub(super) const NAME: u8 = b'n';
pub(super) const SERIES: u8 = b's';
pub(super) const LIVE: u8 = b'l';
/// The first word of a series: 1 after it was cleared, until it is used again.
pub(super) const IS_CLEARED: u64 = 1;

/// Why a series can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The call is wrong: "must …", to follow the name of the argument that has the metric's name or its labels.
    Invalid(String),
    /// The segment has no more space, which was counted.
    Full,
}

impl From<String> for Refusal {
    fn from(rule: String) -> Self {
        Self::Invalid(rule)
    }
}

/// The key of a record.
pub(super) fn key(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(rest);
    key
}

/// Splits the key of a series into the name of its metric, the layout, and the labels.
pub(super) fn split(mut key: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let name = take(&mut key)?;
    let layout = take(&mut key)?;
    Some((name, layout, key))
}
