//! The locations of the system's certificates in the environment at PHP's start. Read with the settings and not by a
//! TLS library at the first handshake, because a request may have changed the environment by then.

use std::path::PathBuf;

/// `SSL_CERT_FILE` and `SSL_CERT_DIR`, as OpenSSL and rustls-native-certs read them. Both empty for the default
/// locations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemCertificates {
    /// A PEM file.
    pub file: Option<PathBuf>,
    /// Directories of PEM files.
    pub dirs: Vec<PathBuf>,
}

impl SystemCertificates {
    /// Reads the locations from the environment.
    pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let dirs = env("SSL_CERT_DIR").unwrap_or_default();
        let dirs = std::env::split_paths(&dirs).filter(|dir| !dir.as_os_str().is_empty());
        Self {
            file: env("SSL_CERT_FILE").map(PathBuf::from),
            dirs: dirs.collect(),
        }
    }

    /// Whether the environment names no location.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.file.is_none() && self.dirs.is_empty()
    }
}
