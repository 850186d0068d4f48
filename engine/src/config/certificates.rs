//! Where the system's certificates are, as the environment names them when PHP starts. Read with the settings and not
//! by a TLS library at the first handshake: by then a request may have changed the environment.

use std::path::PathBuf;

/// `SSL_CERT_FILE` and `SSL_CERT_DIR`, as OpenSSL and rustls-native-certs have them. Both empty: the usual places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemCertificates {
    /// A PEM file.
    pub file: Option<PathBuf>,
    /// Directories of PEM files.
    pub dirs: Vec<PathBuf>,
}

impl SystemCertificates {
    /// The places that the environment names.
    pub(super) fn named(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let dirs = env("SSL_CERT_DIR").unwrap_or_default();
        let dirs = std::env::split_paths(&dirs).filter(|dir| !dir.as_os_str().is_empty());
        Self {
            file: env("SSL_CERT_FILE").map(PathBuf::from),
            dirs: dirs.collect(),
        }
    }

    /// Whether the environment names none.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.file.is_none() && self.dirs.is_empty()
    }
}
