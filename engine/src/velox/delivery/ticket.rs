//! Tickets: the signed, expiring right to fetch one build from the delivery server. A ticket names the build and not a
//! file, so it is useless for anything else, on another host, and after its lifetime. Within its lifetime it may be
//! used any number of times: a broken download is resumed with the same URL. Pure; any thread.
//!
//! Layout, in base64url without padding: version 1, flags, key 8, digest 32, request id 16, issue time 8, lifetime 4,
//! HMAC-SHA-256 32 over all before it; integers are big-endian.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    artifacts::{ConfigDigest, Key},
    hmac,
    host::secret::Secret,
    velox::{keys::config_keys::ConfigKeys, protocol::request::BuildRequest},
};

/// The path of a ticket on the delivery server, before the text of the ticket.
pub const PATH_PREFIX: &str = "/delivery/";
/// The shortest lifetime of a ticket.
pub const MIN_LIFETIME: Duration = Duration::from_secs(10);
/// The longest lifetime of a ticket.
pub const MAX_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Separates these signatures from all others of the host's secret.
const DOMAIN: &[u8] = b"pillion delivery ticket\0";
const VERSION: u8 = 1;
const SIGNED_LEN: usize = 70;
const LEN: usize = SIGNED_LEN + 32;
/// Length of the text of [`LEN`] bytes.
const TEXT_LEN: usize = 136;
const FORCED: u8 = 1;
const INLINE: u8 = 2;
/// The clock of a verifier may be this much behind the clock of the issuer.
const LEEWAY_MS: u64 = 60_000;

/// The type of a `Content-Disposition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disposition {
    /// The client saves the binary.
    #[default]
    Attachment,
    /// The client decides.
    Inline,
}

impl Disposition {
    /// The name in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attachment => "attachment",
            Self::Inline => "inline",
        }
    }
}

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

    fn to_bytes(&self) -> Vec<u8> {
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

    fn from_bytes(bytes: &[u8; SIGNED_LEN]) -> Option<Self> {
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

/// The digest of a request's canonical JSON; its first 64 bits are the artifact's [`ConfigDigest`].
pub(super) fn request_digest(keys: &ConfigKeys) -> [u8; 32] {
    Sha256::digest(keys.exact.as_bytes()).into()
}

/// Takes fields of fixed lengths from the start of a slice.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Returns the next bytes; zeros beyond the end.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.key, self.request_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: u64 = 1_700_000_000_000;

    fn request() -> BuildRequest {
        BuildRequest::from_json(&json!({
            "request_id": "123e4567-e89b-42d3-a456-426614174000",
            "rr_version": "v2025.1.2",
            "plugins": [{"module_name": "github.com/Acme/plugin", "tag": "v1.0.0"}],
        }))
        .unwrap()
    }

    fn secret() -> (tempfile::TempDir, Secret) {
        let dir = tempfile::tempdir().unwrap();
        let secret = Secret::of_host(dir.path()).unwrap();
        (dir, secret)
    }

    #[test]
    fn ticket_reads_back_as_itself() {
        let (_dir, secret) = secret();
        let mut ticket = Ticket::issue(&request(), NOW, HOUR);
        let text = ticket.sign(&secret);
        assert_eq!(text.len(), TEXT_LEN);
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_eq!(Ticket::verify(&text, NOW, &secret), Ok(ticket.clone()));
        assert_eq!(ticket.request_id.to_string(), request().request_id);
        let keys = ConfigKeys::of(&request());
        assert_eq!(ticket.config_digest(), keys.digest);
        ticket.force_rebuild = true;
        ticket.disposition = Disposition::Inline;
        assert_eq!(
            Ticket::verify(&ticket.sign(&secret), NOW, &secret),
            Ok(ticket)
        );
    }

    #[test]
    fn lifetime_is_bounded_and_ends() {
        let (_dir, secret) = secret();
        let text = Ticket::issue(&request(), NOW, HOUR).sign(&secret);
        let verify = |now| Ticket::verify(&text, now, &secret).map(drop);
        assert_eq!(verify(NOW + 3_599_999), Ok(()));
        assert_eq!(verify(NOW + 3_600_000), Err(InvalidTicket::Expired));
        assert_eq!(verify(u64::MAX), Err(InvalidTicket::Expired));
        assert_eq!(verify(NOW - LEEWAY_MS), Ok(()));
        assert_eq!(
            verify(NOW - LEEWAY_MS - 1),
            Err(InvalidTicket::NotYetValid),
            "a clock that was set back makes no ticket live longer"
        );
        let lifetime = |lifetime| Ticket::issue(&request(), NOW, lifetime).lifetime;
        assert_eq!(lifetime(Duration::ZERO), MIN_LIFETIME);
        assert_eq!(lifetime(Duration::MAX), MAX_LIFETIME);
        let mut endless = Ticket::issue(&request(), NOW, HOUR);
        endless.lifetime = MAX_LIFETIME * 2;
        assert_eq!(
            Ticket::verify(&endless.sign(&secret), NOW, &secret),
            Err(InvalidTicket::Malformed)
        );
    }

    #[test]
    fn ticket_of_another_host_or_use_is_refused() {
        let ((_dir, secret), (_other_dir, other)) = (secret(), secret());
        let ticket = Ticket::issue(&request(), NOW, HOUR);
        let refused = Err(InvalidTicket::WrongSignature);
        assert_eq!(Ticket::verify(&ticket.sign(&other), NOW, &secret), refused);
        // The same bytes, signed with the same secret for something else.
        let mut bytes = ticket.to_bytes();
        let signature = hmac::sign(secret.bytes(), &[&bytes]);
        bytes.extend_from_slice(&signature);
        let text = URL_SAFE_NO_PAD.encode(bytes);
        assert_eq!(Ticket::verify(&text, NOW, &secret), refused);
    }

    #[test]
    fn altered_ticket_is_refused_at_every_letter() {
        let (_dir, secret) = secret();
        let text = Ticket::issue(&request(), NOW, HOUR).sign(&secret);
        for at in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(Ticket::verify(&altered, NOW, &secret).is_err(), "{at}");
        }
        for malformed in ["", "../../etc/passwd", &text[1..], &format!("{text}=")] {
            let verified = Ticket::verify(malformed, NOW, &secret);
            assert_eq!(verified, Err(InvalidTicket::Malformed), "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}", letters in "[A-Za-z0-9_-]{136}") {
            let (_dir, secret) = secret();
            prop_assert!(Ticket::verify(&text, NOW, &secret).is_err());
            prop_assert!(Ticket::verify(&letters, NOW, &secret).is_err());
        }
    }
}
