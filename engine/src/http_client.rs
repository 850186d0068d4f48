//! Shared by all network clients: the process's cryptography provider and error messages. Certificates are in `tls`.
//! Any thread.

use crate::secret::mask_url;

/// Installs ring as the process's rustls provider, unless one is installed. The extension calls it while its module
/// starts: a child that is forked in the middle of it would wait for its end for ever.
pub fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread has installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Formats an error with all its causes, the innermost last; passwords in URLs are masked.
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
