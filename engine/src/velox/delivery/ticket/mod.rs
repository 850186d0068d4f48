//! Tickets: the signed, expiring right to fetch one build from the delivery server. A ticket names the build and not a
//! file, so it is useless for anything else, on another host, and after its lifetime. Within its lifetime it may be
//! used any number of times: a broken download is resumed with the same URL. Pure; any thread.
//!
//! # Layout
//!
//! * `layout`: the bytes of a ticket.

mod layout;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Disposition;
use crate::{
    artifacts::{ConfigDigest, Key},
    hmac,
    host::secret::Secret,
    velox::{keys::config_keys::ConfigKeys, protocol::request::BuildRequest},
};
use layout::{Fields, LEN, SIGNED_LEN, TEXT_LEN};

/// The path of a ticket on the delivery server, before the text of the ticket.
pub const PATH_PREFIX: &str = "/delivery/";
/// The shortest lifetime of a ticket.
pub const MIN_LIFETIME: Duration = Duration::from_secs(10);
/// The longest lifetime of a ticket.
pub const MAX_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Separates these signatures from all others of the host's secret.
const DOMAIN: &[u8] = b"pillion delivery ticket\0";
/// The clock of a verifier may be this much behind the clock of the issuer.
const LEEWAY_MS: u64 = 60_000;

/// The right to fetch one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The cache key: of the artifact on a hit, else the one that the request has without a collision.
    pub key: Key,
    /// SHA-256 over the canonical request in its exact letters; names its file in
    /// [`StoredRequests`](super::StoredRequests).
    pub digest: [u8; 32],
    /// The id under which the build is logged and found in `Velox\status`.
    pub request_id: Uuid,
    /// Whether an artifact created before [`Ticket::issued_ms`] does not count.
    pub force_rebuild: bool,
    /// How the client is asked to treat the binary.
    pub disposition: Disposition,
    /// The time of issue, in Unix milliseconds.
    pub issued_ms: u64,
    /// Whole seconds after [`Ticket::issued_ms`] in which the ticket is valid.
    pub lifetime: Duration,
}

/// The reason for which a text is no valid ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTicket {
    /// It has not the form of a ticket of this version.
    #[error("the ticket is malformed")]
    Malformed,
    /// It was altered, or signed by another host.
    #[error("the signature of the ticket is wrong")]
    WrongSignature,
    /// Its lifetime is over.
    #[error("the ticket has expired")]
    Expired,
    /// Its time of issue lies in the future: the clock was set back.
    #[error("the ticket is not valid yet")]
    NotYetValid,
}

impl InvalidTicket {
    /// The name in the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongSignature => "wrong_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
        }
    }
}

impl Ticket {
    /// Creates the ticket of a request. `lifetime` is cut to whole seconds from [`MIN_LIFETIME`] to [`MAX_LIFETIME`].
    #[must_use]
    pub fn issue(request: &BuildRequest, now_ms: u64, lifetime: Duration) -> Self {
        let keys = ConfigKeys::of(request);
        let lifetime = lifetime.clamp(MIN_LIFETIME, MAX_LIFETIME).as_secs();
        Self {
            key: keys.key,
            digest: request_digest(&keys),
            request_id: Uuid::try_parse(&request.request_id).unwrap_or_default(),
            force_rebuild: request.force_rebuild,
            disposition: Disposition::Attachment,
            issued_ms: now_ms,
            lifetime: Duration::from_secs(lifetime),
        }
    }

    /// Returns the text of the ticket: 136 letters, digits, `-` and `_`.
    #[must_use]
    pub fn sign(&self, secret: &Secret) -> String {
        let mut bytes = self.to_bytes();
        let signature = hmac::sign(secret.bytes(), &[DOMAIN, &bytes]);
        bytes.extend_from_slice(&signature);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a ticket that [`Ticket::sign`] returned. `now_ms` is Unix time.
    ///
    /// # Errors
    /// [`InvalidTicket`]; the signature is verified before any field is read.
    pub fn verify(text: &str, now_ms: u64, secret: &Secret) -> Result<Self, InvalidTicket> {
        if text.len() != TEXT_LEN {
            return Err(InvalidTicket::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| InvalidTicket::Malformed)?;
        let bytes: [u8; LEN] = bytes.try_into().map_err(|_| InvalidTicket::Malformed)?;
        let mut fields = Fields(&bytes);
        let signed = fields.take::<SIGNED_LEN>();
        let expected = hmac::sign(secret.bytes(), &[DOMAIN, &signed]);
        if !hmac::is_equal(&expected, &fields.take()) {
            return Err(InvalidTicket::WrongSignature);
        }
        let ticket = Self::from_bytes(&signed).ok_or(InvalidTicket::Malformed)?;
        if ticket.issued_ms > now_ms.saturating_add(LEEWAY_MS) {
            return Err(InvalidTicket::NotYetValid);
        }
        if now_ms >= ticket.expires_ms() {
            return Err(InvalidTicket::Expired);
        }
        Ok(ticket)
    }

    /// The end of the lifetime, in Unix milliseconds.
    #[must_use]
    pub fn expires_ms(&self) -> u64 {
        self.issued_ms
            .saturating_add(self.lifetime.as_secs().saturating_mul(1000))
    }

    /// The digest by which the artifact's record is found.
    #[must_use]
    pub fn config_digest(&self) -> ConfigDigest {
        ConfigDigest(Key::from_sha256(&self.digest).0)
    }
}

/// The digest of a request's canonical JSON; its first 64 bits are the artifact's [`ConfigDigest`].
pub(super) fn request_digest(keys: &ConfigKeys) -> [u8; 32] {
    Sha256::digest(keys.exact.as_bytes()).into()
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.key, self.request_id)
    }
}
