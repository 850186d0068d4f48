//! The bytes of a ticket, in base64url without padding: version 1, flags, key 8, digest 32, request id 16, issue time
//! 8, lifetime 4, HMAC-SHA-256 32 over all before it; integers are big-endian. Pure; any thread.

use std::time::Duration;

use uuid::Uuid;

use super::{MAX_LIFETIME, MIN_LIFETIME, Ticket};
use crate::{artifacts::Key, velox::delivery::Disposition};

const VERSION: u8 = 1;
/// Bytes before the signature.
pub(super) const SIGNED_LEN: usize = 70;
/// Bytes of a ticket.
pub(super) const LEN: usize = SIGNED_LEN + 32;
/// Length of the text of [`LEN`] bytes.
pub(super) const TEXT_LEN: usize = 136;
const FORCED: u8 = 1;
const INLINE: u8 = 2;

impl Ticket {
    /// The bytes that are signed.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut flags = 0;
        if self.force_rebuild {
            flags |= FORCED;
        }
        if self.disposition == Disposition::Inline {
            flags |= INLINE;
        }
        let lifetime = u32::try_from(self.lifetime.as_secs()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(&[VERSION, flags]);
        bytes.extend_from_slice(&self.key.0.to_be_bytes());
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(self.request_id.as_bytes());
        bytes.extend_from_slice(&self.issued_ms.to_be_bytes());
        bytes.extend_from_slice(&lifetime.to_be_bytes());
        bytes
    }

    /// Reads signed bytes; `None` if they are no ticket of this version.
    pub(super) fn from_bytes(bytes: &[u8; SIGNED_LEN]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let [version, flags] = fields.take();
        let ticket = Self {
            key: Key(u64::from_be_bytes(fields.take())),
            digest: fields.take(),
            request_id: Uuid::from_bytes(fields.take()),
            force_rebuild: flags & FORCED != 0,
            disposition: match flags & INLINE {
                0 => Disposition::Attachment,
                _ => Disposition::Inline,
            },
            issued_ms: u64::from_be_bytes(fields.take()),
            lifetime: Duration::from_secs(u32::from_be_bytes(fields.take()).into()),
        };
        let is_bounded = (MIN_LIFETIME..=MAX_LIFETIME).contains(&ticket.lifetime);
        (version == VERSION && flags <= (FORCED | INLINE) && is_bounded).then_some(ticket)
    }
}

/// Takes fields of fixed lengths from the start of a slice.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// Returns the next bytes; zeros beyond the end.
    pub(super) fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}
