//! Format 1 of a queue file, little-endian, in words of 8 bytes:
//!
//! * header: magic, size, priority, time of creation, head, flags, two of zero;
//! * data from byte 64 upwards: DSN and envelope of each record, padded to 8;
//! * slots of 32 bytes from the end downwards: state (with failed attempts and the project tag), position, origin,
//!   checksum, which is zero in a file without checksums.

/// The first word of a file of format 1.
pub(in crate::sentry) const MAGIC: u64 = u64::from_le_bytes(*b"PLNBOX01");
/// Bytes of the header.
pub(super) const HEADER: usize = 64;
/// Bytes of a slot.
pub(super) const SLOT: usize = 32;

/// Words of the header.
pub(super) const MAGIC_WORD: usize = 0;
pub(super) const SIZE_WORD: usize = 1;
pub(super) const PRIORITY_WORD: usize = 2;
pub(super) const CREATED_WORD: usize = 3;
/// The end of the data (low 32 bits) and the number of slots.
pub(super) const HEAD_WORD: usize = 4;
/// Flag of the head: nothing is appended any more.
pub(super) const SEALED: u64 = 1 << 63;
pub(super) const FLAGS_WORD: usize = 5;
/// Flag: the records have no checksums. The file is in memory, where no page is torn.
pub(super) const NO_CHECKSUMS: u64 = 1;

/// Words of a slot.
pub(super) const STATE: usize = 0;
pub(super) const POSITION: usize = 1;
pub(super) const ORIGIN: usize = 2;
pub(super) const CHECKSUM: usize = 3;
/// Bit of the failed attempts in the state word.
pub(super) const ATTEMPTS_SHIFT: u32 = 8;
/// Bit of the project tag in the state word.
pub(super) const PROJECT_SHIFT: u32 = 40;

/// Longer DSNs are refused before they are queued.
pub(in crate::sentry::outbox) const MAX_DSN_LEN: usize = u16::MAX as usize;

/// The state of a record, by its number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::sentry::outbox) enum RecordState {
    /// Reserved: its writer is copying, or died.
    Empty = 0,
    /// Complete, and not claimed.
    Ready = 1,
    /// Being sent. Adoption makes it ready again.
    Claimed = 2,
    /// Evicted, and not reported yet.
    Evicted = 3,
    /// Settled.
    Done = 4,
    /// Claimed by a sender that waits until its project is reachable: may be evicted, and is not claimed again.
    Deferred = 5,
}

impl RecordState {
    /// The state in a state word.
    pub(super) fn of(word: u64) -> Self {
        match word & 0xff {
            0 => Self::Empty,
            1 => Self::Ready,
            2 => Self::Claimed,
            3 => Self::Evicted,
            5 => Self::Deferred,
            _ => Self::Done,
        }
    }
}

/// A record, copied out of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The DSN it was queued with. Empty: the DSN is in the envelope's header.
    pub dsn: Vec<u8>,
    /// The envelope as PHP sent it.
    pub envelope: Vec<u8>,
    /// When it was accepted, in milliseconds since 1970.
    pub accepted_ms: u64,
    /// Failed attempts.
    pub attempts: u32,
}

/// The facts about a new record that are not in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordInfo {
    /// When it was accepted, in milliseconds since 1970.
    pub accepted_ms: u64,
    /// Failed attempts.
    pub attempts: u32,
    /// The tag of its project, 24 bits; 0 is a tag like any other.
    pub project: u32,
}

impl From<u64> for RecordInfo {
    /// A new record that was accepted at that time.
    fn from(accepted_ms: u64) -> Self {
        Self {
            accepted_ms,
            attempts: 0,
            project: 0,
        }
    }
}

/// The space that `bytes` of data take.
pub(super) fn padded(bytes: usize) -> usize {
    bytes.div_ceil(8) * 8
}
