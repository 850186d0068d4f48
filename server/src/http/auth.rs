//! Bearer tokens, stored as hashes, so that a comparison takes the same time for every offered token, and no token is
//! in memory, logs or Debug output. Pure, any thread.

use std::{fs, path::Path};

use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use pillion_engine::error::{Error, IoContext, Result};

/// The tokens of a server; without any, every client is authorized.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Adds the token of a file: its only line, without the line break. `setting` names the file in errors.
    ///
    /// # Errors
    /// The file can't be read, or is not one line of printable ASCII without blanks.
    pub fn add_file(&mut self, setting: &str, file: &Path) -> Result<()> {
        let text = fs::read_to_string(file).context(|| format!("{setting} {}", file.display()))?;
        let token = text.trim_end_matches(['\r', '\n']);
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Config(format!(
                "{setting} {}: found no token; expected one line of printable characters without blanks",
                file.display()
            )));
        }
        self.0.push(Sha256::digest(token).into());
        Ok(())
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
        let offered: [u8; 32] = Sha256::digest(token).into();
        // The time of comparing hashes depends on no prefix of a token.
        self.is_empty() || self.0.contains(&offered)
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
