//! The rights of clients. The namespace of a write follows from the token alone, and reads never cross into the
//! namespace of another writer, so no artifact of an untrusted client reaches a trusted one. Tokens are compared as
//! hashes. Any thread.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
    time::SystemTime,
};

use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};
use pillion_engine::{
    Error, Result,
    config::{AnonymousRole, GatewaySettings},
    error::IoContext as _,
    remote::protocol::{Checksum, Namespace},
    secret::Secret,
};
use sha2::{Digest as _, Sha256};

const MAX_FILE: u64 = 1 << 20;

/// The rights of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads the artifacts of trusted writers.
    Read,
    /// Reads and writes a namespace of its own, and reads the artifacts of trusted writers.
    Write(Namespace),
    /// Reads and writes the artifacts that all clients read.
    Trusted,
}

impl Role {
    /// Parses `read`, `write:NAMESPACE` or `trusted`.
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "read" => Some(Self::Read),
            None if text == "trusted" => Some(Self::Trusted),
            Some(("write", namespace)) => Namespace::parse(namespace).map(Self::Write),
            _ => None,
        }
    }

    /// The namespaces that it reads, in this order.
    pub(super) fn reads(&self) -> Vec<Namespace> {
        match self {
            Self::Read | Self::Trusted => vec![Namespace::trusted()],
            Self::Write(own) => vec![own.clone(), Namespace::trusted()],
        }
    }

    /// The namespace that it writes.
    pub(super) fn writes(&self) -> Option<Namespace> {
        match self {
            Self::Read => None,
            Self::Write(own) => Some(own.clone()),
            Self::Trusted => Some(Namespace::trusted()),
        }
    }
}

/// A client that gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// It sends no `Authorization`: 401.
    Missing,
    /// It sends another scheme, or an unknown token: 403.
    Wrong,
}

/// The tokens of a gateway.
#[derive(Debug)]
pub(super) struct Access {
    /// The one of the setting.
    fixed: Option<[u8; 32]>,
    file: Option<PathBuf>,
    of_file: RwLock<FileTokens>,
    anonymous: Option<Role>,
    is_private: bool,
}

type Tokens = Vec<([u8; 32], Role)>;

/// The identity of a file's content, as far as the system knows it.
type Version = Option<(SystemTime, u64, u64)>;

#[derive(Debug, Default)]
struct FileTokens {
    tokens: Tokens,
    version: Version,
}

fn version(path: &Path) -> Version {
    use std::os::unix::fs::MetadataExt as _;

    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}

impl Access {
    /// Reads the tokens.
    ///
    /// # Errors
    /// The file can't be read or has an invalid line.
    pub(super) fn new(settings: &GatewaySettings) -> Result<Self> {
        let hash = |token: &Secret| Sha256::digest(token.expose()).into();
        let mut access = Self {
            fixed: settings.auth_token.as_ref().map(hash),
            file: settings.token_file.clone(),
            of_file: RwLock::default(),
            anonymous: match settings.anonymous {
                AnonymousRole::Off => None,
                AnonymousRole::Read => Some(Role::Read),
                AnonymousRole::Trusted => Some(Role::Trusted),
            },
            is_private: false,
        };
        if let Some(path) = &access.file {
            let version = version(path);
            let tokens = read(path)?;
            access.of_file = RwLock::new(FileTokens { tokens, version });
        }
        if access.anonymous.is_none() && !access.has_tokens() {
            access.anonymous = Some(Role::Trusted);
            access.is_private = true;
        }
        Ok(access)
    }

    /// Whether only clients of this machine are served: no token and no `gateway.anonymous` is configured.
    pub(super) const fn is_private(&self) -> bool {
        self.is_private
    }

    /// Whether any client has a token.
    pub(super) fn has_tokens(&self) -> bool {
        self.fixed.is_some() || self.file.is_some()
    }

    /// Reads the file again if it has changed. Tokens stay as they are while it is absent or invalid.
    pub(super) fn reload(&self) {
        let Some(path) = &self.file else { return };
        let found = version(path);
        if found.is_none() || found == self.lock_read().version {
            return;
        }
        let read = read(path);
        let mut current = self.of_file.write().unwrap_or_else(PoisonError::into_inner);
        current.version = found;
        match read {
            Ok(tokens) => {
                log::info!(tokens = tokens.len(); "tokens read again");
                current.tokens = tokens;
            }
            Err(error) => log::error!(error:%; "tokens not read again"),
        }
    }

    fn lock_read(&self) -> std::sync::RwLockReadGuard<'_, FileTokens> {
        self.of_file.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The role of a client.
    pub(super) fn role(&self, headers: &HeaderMap) -> Result<Role, Denied> {
        let Some(offered) = headers.get(header::AUTHORIZATION) else {
            return self.anonymous.clone().ok_or(Denied::Missing);
        };
        if !self.has_tokens() {
            // A client that has a token for another gateway.
            return self.anonymous.clone().ok_or(Denied::Wrong);
        }
        let hash: [u8; 32] = Sha256::digest(token(offered).ok_or(Denied::Wrong)?).into();
        // The time of comparing hashes depends on no prefix of a token.
        if self.fixed == Some(hash) {
            return Ok(Role::Trusted);
        }
        let of_file = self.lock_read();
        let mut found = of_file.tokens.iter().filter(|(known, _)| *known == hash);
        let role = found.next().map(|(_, role)| role.clone());
        role.ok_or(Denied::Wrong)
    }
}

/// The token of an `Authorization` header.
fn token(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn read(path: &Path) -> Result<Tokens> {
    let doing = || format!("gateway.token_file {}", path.display());
    let size = fs::metadata(path).context(doing)?.len();
    if size > MAX_FILE {
        return Err(Error::Config(format!(
            "{}: longer than {MAX_FILE} bytes",
            doing()
        )));
    }
    let text = fs::read_to_string(path).context(doing)?;
    parse(&text).map_err(|line| {
        // The line may be a token.
        Error::Config(format!(
            "{} line {line}: found no role with a token; expected `read TOKEN`, `write:NAMESPACE TOKEN` or \
             `trusted TOKEN`, each token once",
            doing()
        ))
    })
}

/// Parses a file of tokens.
///
/// # Errors
/// The number of the first invalid line.
fn parse(text: &str) -> Result<Tokens, usize> {
    let mut tokens = Tokens::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = parse_line(line).ok_or(index + 1)?;
        if tokens.iter().any(|(known, _)| *known == entry.0) {
            return Err(index + 1);
        }
        tokens.push(entry);
    }
    Ok(tokens)
}

fn parse_line(line: &str) -> Option<([u8; 32], Role)> {
    let (role, token) = line.split_once(char::is_whitespace)?;
    let (role, token) = (Role::parse(role)?, token.trim());
    let hash = match token.strip_prefix("sha256:") {
        Some(digits) => Checksum::parse_hex(digits)?.0,
        None if token.bytes().all(|byte| byte.is_ascii_graphic()) => Sha256::digest(token).into(),
        None => return None,
    };
    Some((hash, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        headers
    }

    fn settings() -> GatewaySettings {
        pillion_engine::config::Settings::default().gateway
    }

    #[test]
    fn role_follows_from_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        let hashed = Checksum(Sha256::digest("four").into());
        let text = format!(
            "# comment\n\ntrusted one\nwrite:pr-1  two\nread\tthree\nwrite:pr-2 sha256:{hashed}\n"
        );
        fs::write(&file, text).unwrap();
        let access = Access::new(&GatewaySettings {
            token_file: Some(file.clone()),
            auth_token: Some(Secret::new("zero")),
            ..settings()
        })
        .unwrap();
        let write = |name: &str| Ok(Role::Write(Namespace::parse(name).unwrap()));
        for (value, role) in [
            ("Bearer zero", Ok(Role::Trusted)),
            ("Bearer one", Ok(Role::Trusted)),
            ("bearer two", write("pr-1")),
            ("Bearer three", Ok(Role::Read)),
            ("Bearer four", write("pr-2")),
            ("Bearer five", Err(Denied::Wrong)),
            ("Bearer ", Err(Denied::Wrong)),
            ("Basic one", Err(Denied::Wrong)),
            ("one", Err(Denied::Wrong)),
        ] {
            assert_eq!(access.role(&header(value)), role, "{value}");
        }
        assert_eq!(access.role(&HeaderMap::new()), Err(Denied::Missing));
        assert!(!format!("{access:?}").contains("three"));

        fs::write(&file, "read six\n").unwrap();
        access.reload();
        assert_eq!(access.role(&header("Bearer six")), Ok(Role::Read));
        assert_eq!(access.role(&header("Bearer one")), Err(Denied::Wrong));
        for invalid in ["nonsense\n", "read six\nread six\n"] {
            fs::write(&file, invalid).unwrap();
            access.reload();
            assert_eq!(access.role(&header("Bearer six")), Ok(Role::Read));
        }
        fs::remove_file(&file).unwrap();
        access.reload();
        assert_eq!(access.role(&header("Bearer six")), Ok(Role::Read));
    }

    #[test]
    fn invalid_line_is_named_without_its_token() {
        for (text, line) in [
            ("read a\nwrite:trusted s3cret", 2),
            ("write: s3cret", 1),
            ("write:a/b s3cret", 1),
            ("admin s3cret", 1),
            ("read", 1),
            ("read two words", 1),
            ("\nread sha256:0a", 2),
        ] {
            assert_eq!(parse(text).map(|tokens| tokens.len()), Err(line), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        fs::write(&file, "s3cret\n").unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(
            error.contains("line 1") && !error.contains("s3cret"),
            "{error}"
        );
    }

    #[test]
    fn clients_without_a_token_have_the_configured_rights() {
        let role = |anonymous, token: Option<&str>| {
            let access = Access::new(&GatewaySettings {
                anonymous,
                auth_token: token.map(Secret::new),
                ..settings()
            });
            access.unwrap().role(&HeaderMap::new())
        };
        assert_eq!(role(AnonymousRole::Off, None), Ok(Role::Trusted));
        assert_eq!(role(AnonymousRole::Off, Some("t")), Err(Denied::Missing));
        assert_eq!(role(AnonymousRole::Read, Some("t")), Ok(Role::Read));
        assert_eq!(role(AnonymousRole::Read, None), Ok(Role::Read));
        assert_eq!(role(AnonymousRole::Trusted, Some("t")), Ok(Role::Trusted));
    }
}
