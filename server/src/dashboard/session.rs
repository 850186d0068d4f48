//! Sessions without a table: a cookie of expiry and random id, signed with the host's secret for the tokens in effect,
//! so that it survives a restart of the server and not a change of the token. Those that were ended before
//! their time are remembered until they expire. Any thread.
//!
//! Layout of the cookie, in base64url without padding: version 1, expiry in Unix seconds 8, id 16, HMAC-SHA-256 32 over
//! all before it and the fingerprint of the tokens.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pillion_engine::{host::secret::Secret, uuid};

use super::ended::{EndedSessions, Id};

/// The lifetime of a session.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
const DOMAIN: &[u8] = b"pillion dashboard session\0";
const CSRF_DOMAIN: &[u8] = b"pillion dashboard csrf\0";
const VERSION: u8 = 1;
const SIGNED: usize = 25;
const LEN: usize = SIGNED + 32;

/// The sessions of a server.
pub(super) struct Sessions {
    secret: Secret,
    /// Of the tokens in effect, which may change.
    fingerprint: Box<dyn Fn() -> [u8; 32] + Send + Sync>,
    ended: EndedSessions,
}

/// A valid session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    id: Id,
    /// When it ends, in Unix seconds.
    pub(super) expires: u64,
    /// The token that its actions send.
    pub(super) csrf: String,
}

impl Sessions {
    pub(super) fn new(
        secret: Secret,
        fingerprint: impl Fn() -> [u8; 32] + Send + Sync + 'static,
        ended: EndedSessions,
    ) -> Self {
        Self {
            secret,
            fingerprint: Box::new(fingerprint),
            ended,
        }
    }

    /// Begins a session at `now`, in Unix seconds. Returns it with its cookie; `None` if the system has no randomness.
    pub(super) fn begin(&self, now: u64) -> Option<(Session, String)> {
        let id = uuid::v4().ok()?.into_bytes();
        let expires = now.saturating_add(LIFETIME.as_secs());
        let mut bytes = vec![VERSION];
        bytes.extend(expires.to_be_bytes());
        bytes.extend(id);
        let signature = self.secret.sign(DOMAIN, &[&bytes, &(self.fingerprint)()]);
        bytes.extend(signature);
        Some((self.session(id, expires), URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The session of a cookie, if it is valid at `now`.
    pub(super) fn find(&self, cookie: &str, now: u64) -> Option<Session> {
        let bytes: [u8; LEN] = URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()?;
        let (signed, signature) = bytes.split_at(SIGNED);
        let (version, rest) = signed.split_first()?;
        let (expires, id) = rest.split_first_chunk::<8>()?;
        let fingerprint = (self.fingerprint)();
        let parts: &[&[u8]] = &[signed, &fingerprint];
        let is_signed = self
            .secret
            .is_signed(DOMAIN, parts, signature.try_into().ok()?);
        let expires = u64::from_be_bytes(*expires);
        let id: Id = id.try_into().ok()?;
        let is_valid =
            is_signed && *version == VERSION && now < expires && !self.ended.contains(&id);
        is_valid.then(|| self.session(id, expires))
    }

    /// Ends a session before its time. Writes a file.
    pub(super) fn end(&self, session: &Session, now: u64) {
        self.ended.add(session.id, session.expires, now);
    }

    fn session(&self, id: Id, expires: u64) -> Session {
        let csrf = self.secret.sign(CSRF_DOMAIN, &[&id, &(self.fingerprint)()]);
        Session {
            id,
            expires,
            csrf: URL_SAFE_NO_PAD.encode(csrf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(fingerprint: u8) -> Sessions {
        let dir = tempfile::tempdir().unwrap();
        let secret = Secret::of_host(dir.path()).unwrap();
        Sessions::new(secret, move || [fingerprint; 32], ended(&dir))
    }

    fn ended(dir: &tempfile::TempDir) -> EndedSessions {
        EndedSessions::open(dir.path().join("ended"))
    }

    #[test]
    fn session_is_valid_until_it_expires_or_ends() {
        let sessions = sessions(1);
        let (session, cookie) = sessions.begin(1000).unwrap();
        assert_eq!(sessions.find(&cookie, 1000), Some(session.clone()));
        let last = session.expires - 1;
        assert_eq!(sessions.find(&cookie, last), Some(session.clone()));
        assert_eq!(sessions.find(&cookie, session.expires), None);
        sessions.end(&session, 1000);
        assert_eq!(sessions.find(&cookie, 1000), None);
    }

    #[test]
    fn altered_and_foreign_cookies_are_refused() {
        let own = sessions(1);
        let (_, cookie) = own.begin(1000).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(
                own.find(&URL_SAFE_NO_PAD.encode(altered), 1000),
                None,
                "{at}"
            );
        }
        for wrong in ["", "x", &cookie[1..], &format!("{cookie}AA")] {
            assert_eq!(own.find(wrong, 1000), None, "{wrong}");
        }
        assert_eq!(sessions(1).find(&cookie, 1000), None, "another secret");
        let dir = tempfile::tempdir().unwrap();
        let changed = Sessions::new(own.secret.clone(), || [2; 32], ended(&dir));
        assert_eq!(changed.find(&cookie, 1000), None, "another token");
    }

    #[test]
    fn each_session_has_its_own_csrf_token() {
        let sessions = sessions(1);
        let (one, _) = sessions.begin(1000).unwrap();
        let (other, _) = sessions.begin(1000).unwrap();
        assert_ne!(one.csrf, other.csrf);
    }
}
