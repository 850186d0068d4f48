//! Loads the certificates of the system, from the locations in the settings or the usual ones. On the runtime.

use std::path::{Path, PathBuf};

use rustls_native_certs::{CertificateResult, load_certs_from_paths};

use super::SystemCertificates;

/// Files with all certificates on Linux distributions; the first that exists is used, as in openssl-probe.
const USUAL_FILES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
];

/// Directories of single certificates; all that exist are used.
const USUAL_DIRS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Loads the certificates from the locations that the environment named, else from the usual ones. Does not read the
/// environment itself: PHP may be changing it on another thread.
pub(super) fn load(system: &SystemCertificates) -> CertificateResult {
    let exists = |path: &&str| Path::new(path).exists();
    let (file, dirs) = match system.is_unset() {
        true => (
            USUAL_FILES
                .iter()
                .copied()
                .find(|path| exists(path))
                .map(PathBuf::from),
            USUAL_DIRS
                .iter()
                .filter(|path| exists(path))
                .map(PathBuf::from)
                .collect(),
        ),
        false => (system.file.clone(), system.dirs.clone()),
    };
    let mut all = load_certs_from_paths(file.as_deref(), None);
    for dir in &dirs {
        let found = load_certs_from_paths(None, Some(dir));
        all.certs.extend(found.certs);
        all.errors.extend(found.errors);
    }
    all.certs.sort_unstable_by(|one, other| one.cmp(other));
    all.certs.dedup();
    all
}
