//! Validation of an envelope without a copy. On PHP's thread.

use memchr::{memchr, memmem};

use super::{
    Envelope,
    grammar::{invalid_header, next_item, object},
    headers::Keys,
};
use crate::sentry::protocol::category::{self, Priority};

/// The facts about an envelope that PHP's thread needs to queue it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary<'a> {
    /// The priority of its most important item. `None`: it has no items, so nothing is to be sent.
    pub priority: Option<Priority>,
    header: &'a [u8],
}

impl Summary<'_> {
    /// The `dsn` of the header, if it is a string; an empty one names no project. Parses the header only if it may
    /// contain the key.
    #[must_use]
    pub fn dsn(&self) -> Option<String> {
        memmem::find(self.header, b"dsn").or_else(|| memchr(b'\\', self.header))?;
        Envelope::parse_object(self.header).ok()?.text("dsn")
    }
}

/// Validates an envelope and finds its priority. Allocates nothing unless a key or a type contains escapes.
///
/// # Errors
/// The first mistake, with its position.
#[inline]
pub fn peek(envelope: &[u8]) -> Result<Summary<'_>, String> {
    let (Keys, header, mut at) = object(envelope, 0).map_err(|why| invalid_header(&why))?;
    let mut priority: Option<Priority> = None;
    let mut count = 0;
    while let Some((item, next)) = next_item(envelope, at, count)? {
        let own = category::priority_of(item.header.kind.as_bytes());
        priority = Some(priority.map_or(own, |priority| priority.min(own)));
        count += 1;
        at = next;
    }
    Ok(Summary { priority, header })
}
