//! Bearer tokens, stored as hashes, so that a comparison takes the same time for every offered token, and no token is
//! in memory, logs or Debug output. Their files are read again when they change. Any thread.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use pillion_engine::error::{Error, IoContext, Result};

/// The tokens of a server; without any, every client is authorized. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<Arc<FileToken>>);

/// The token of one file.
#[derive(Debug)]
struct FileToken {
    /// Names the file in errors.
    setting: String,
    path: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    hash: [u8; 32],
    version: Version,
}

/// The identity of a file's content, as far as the system knows it.
type Version = Option<(SystemTime, u64, u64)>;

fn version(path: &Path) -> Version {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}

impl FileToken {
    fn read(setting: &str, path: &Path) -> Result<[u8; 32]> {
        let text = fs::read_to_string(path).context(|| format!("{setting} {}", path.display()))?;
        let token = text.trim_end_matches(['\r', '\n']);
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Config(format!(
                "{setting} {}: found no token; expected one line of printable characters without blanks",
                path.display()
            )));
        }
        Ok(Sha256::digest(token).into())
    }

    /// The hash of the token. Reads the file again if it has changed, which costs one system call; the token stays as it
    /// is while the file is absent or invalid.
    fn hash(&self) -> [u8; 32] {
        let current = *self.current.read().unwrap_or_else(PoisonError::into_inner);
        let found = version(&self.path);
        if found.is_none() || found == current.version {
            return current.hash;
        }
        let read = Self::read(&self.setting, &self.path);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.version != found {
            current.version = found;
            match read {
                Ok(hash) => {
                    log::info!(setting = self.setting.as_str(); "token read again");
                    current.hash = hash;
                }
                Err(error) => log::error!(error:%; "token not read again"),
            }
        }
        current.hash
    }
}

impl Tokens {
    /// Adds the token of a file: its only line, without the line break. `setting` names the file in errors.
    ///
    /// # Errors
    /// The file can't be read, or is not one line of printable ASCII without blanks.
    pub fn add_file(&mut self, setting: &str, file: &Path) -> Result<()> {
        // Before the content: a change between both is read again.
        let version = version(file);
        let hash = FileToken::read(setting, file)?;
        self.0.push(Arc::new(FileToken {
            setting: setting.to_owned(),
            path: file.to_owned(),
            current: RwLock::new(Current { hash, version }),
        }));
        Ok(())
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A hash of all tokens, which differs if they change.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let hashes = self.0.iter().map(|token| token.hash());
        hashes
            .fold(Sha256::new(), Sha256::chain_update)
            .finalize()
            .into()
    }

    /// Whether a text is one of the tokens; `false` without any.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        let offered: [u8; 32] = Sha256::digest(token).into();
        // The time of comparing hashes depends on no prefix of a token.
        self.0.iter().any(|token| token.hash() == offered)
    }

    /// Whether an `Authorization` header has one of the tokens.
    #[must_use]
    pub fn accept(&self, header: Option<&HeaderValue>) -> bool {
        let offered = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '));
        let token = match offered {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => "",
        };
        self.is_empty() || self.contains(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(content: &str) -> Result<Tokens> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, content).unwrap();
        let mut tokens = Tokens::default();
        tokens.add_file("--auth-token-file", &file).map(|()| tokens)
    }

    #[test]
    fn only_the_token_of_the_file_is_accepted() {
        let tokens = tokens("s3cret\n").unwrap();
        let accept = |header: &'static str| tokens.accept(Some(&HeaderValue::from_static(header)));
        assert!(accept("Bearer s3cret") && accept("bearer s3cret"));
        assert!(
            !accept("Bearer s3cre")
                && !accept("Bearer ")
                && !accept("Basic s3cret")
                && !accept("s3cret")
        );
        assert!(!tokens.accept(None));
        assert!(!format!("{tokens:?}").contains("s3cret"));
    }

    #[test]
    fn file_is_read_again_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, "first\n").unwrap();
        let mut tokens = Tokens::default();
        tokens.add_file("serve.token_file", &file).unwrap();
        let clone = tokens.clone();
        let before = tokens.fingerprint();
        // Replaced by rename, as a deployment does; and then a file without a token, and none.
        let replace = |content: &str| {
            let new = dir.path().join("new");
            fs::write(&new, content).unwrap();
            fs::rename(&new, &file).unwrap();
        };
        replace("other\n");
        assert!(clone.contains("other") && !clone.contains("first"));
        assert_ne!(tokens.fingerprint(), before);
        replace("two words\n");
        assert!(tokens.contains("other") && !tokens.contains("two words"));
        fs::remove_file(&file).unwrap();
        assert!(tokens.contains("other"));
        replace("third\n");
        assert!(tokens.contains("third"));
    }

    #[test]
    fn without_tokens_every_client_is_authorized() {
        assert!(Tokens::default().accept(None));
    }

    #[test]
    fn a_file_without_a_token_is_an_error_with_its_name() {
        for content in ["", "\n", "two words\n", "one\ntwo\n"] {
            let error = tokens(content).unwrap_err().to_string();
            assert!(error.starts_with("--auth-token-file /"), "{error}");
        }
    }
}
