//! Who may build: bearer tokens, kept as hashes so that comparing takes the same time whatever is
//! offered and no token lies about in memory, logs or Debug output. Pure, any thread.

use std::{fs, path::Path};

use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use pillion_engine::error::{Error, IoContext, Result};

/// The tokens of a server; without any, everybody is let in.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Adds the token of a file: its only line, without the line's end.
    ///
    /// # Errors
    /// The file can't be read, or does not hold one line of printable ASCII without blanks.
    pub fn add_file(&mut self, file: &Path) -> Result<()> {
        let text =
            fs::read_to_string(file).context(|| format!("--auth-token-file {}", file.display()))?;
        let token = text.trim_end_matches(['\r', '\n']);
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Config(format!(
                "--auth-token-file {}: must hold one line of printable characters without blanks",
                file.display()
            )));
        }
        self.0.push(Sha256::digest(token).into());
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an `Authorization` header lets its sender in.
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
        // Hashes and not tokens are compared: how far they agree tells nothing of the token.
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
        tokens.add_file(&file).map(|()| tokens)
    }

    #[test]
    fn only_the_token_of_the_file_opens() {
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
    fn without_tokens_everybody_is_let_in() {
        assert!(Tokens::default().accept(None));
    }

    #[test]
    fn a_file_without_a_token_is_refused_with_its_name() {
        for content in ["", "\n", "two words\n", "one\ntwo\n"] {
            let error = tokens(content).unwrap_err().to_string();
            assert!(error.starts_with("--auth-token-file /"), "{error}");
        }
    }
}
