//! What every client of ours over the network has in common: the cryptography of the process, and the words for
//! what went wrong; certificates are in `tls`. Knows no server. Any thread.

use crate::config::mask_url;

/// rustls takes its cryptography from whoever came first in the process; all of Pillion uses ring. The
/// extension calls it while its module starts: a child that is forked in the middle of it would wait
/// for its end for ever.
pub fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error says that there is one by now.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
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
