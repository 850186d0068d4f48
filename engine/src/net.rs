//! What every client of ours over the network has in common: the cryptography of the process, certificates that
//! a setting names, and the words for what went wrong. Knows no server. Any thread; [`certificates`] reads a file.

use std::path::Path;

use reqwest::Certificate;

use crate::{Error, Result, config::mask_url, error::IoContext as _};

/// rustls takes its cryptography from whoever came first in the process; all of Pillion uses ring. The
/// extension calls it while its module starts: a child that is forked in the middle of it would wait
/// for its end for ever.
pub fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error says that there is one by now.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// The certificates in the file that this setting names.
///
/// # Errors
/// It can't be read, or holds none; both name the setting.
pub(crate) fn certificates(setting: &str, path: &Path) -> Result<Vec<Certificate>> {
    let pem = std::fs::read(path).context(|| format!("{setting} {}", path.display()))?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(Error::Config(format!(
            "{setting} {}: it holds no certificate; a PEM file with CERTIFICATE blocks would be right",
            path.display()
        )));
    }
    Ok(certificates)
}

/// An error with all its causes, the innermost last, without passwords of URLs.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        source = cause.source();
    }
    mask_url(&out).into_owned()
}
