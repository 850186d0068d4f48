//! The certificates of the system, from where the settings or the distributions have them. On the runtime.

use std::path::{Path, PathBuf};

use rustls_native_certs::{CertificateResult, load_certs_from_paths};

use crate::config::SystemCertificates;

/// The files that Linux distributions keep all certificates in, the first that exists counts; as in openssl-probe.
const USUAL_FILES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
];

/// The directories of single certificates, likewise; all that exist count.
const USUAL_DIRS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// The certificates that the environment named, else those in the usual places. Reads no environment: on another thread
/// PHP may be changing it.
pub(super) fn load(system: &SystemCertificates) -> CertificateResult {
    let is_there = |path: &&str| Path::new(path).exists();
    let (file, dirs) = match system.is_unset() {
        true => (
            USUAL_FILES
                .iter()
                .copied()
                .find(|path| is_there(path))
                .map(PathBuf::from),
            USUAL_DIRS
                .iter()
                .filter(|path| is_there(path))
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
