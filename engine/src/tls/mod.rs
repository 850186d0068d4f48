//! TLS for all network clients. Trusts the system's certificates, from the locations in the environment at PHP's start
//! and read at the first handshake, since a server that is reached by http needs none; and the certificates of a file
//! that a setting names, also a server's self-signed one. Runs on the runtime.

#[cfg(test)]
mod tests;

mod locations;
mod roots;
mod system;

use std::{path::Path, sync::Arc};

use reqwest::ClientBuilder;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
};

pub use locations::SystemCertificates;
use roots::Roots;

use crate::{
    Error, Result,
    error::IoContext as _,
    http_client::{chain, install_crypto},
};

/// Configures a client to trust the system's certificates and those in the file that a setting names.
///
/// # Errors
/// The file can't be read or has no certificate; the message names the setting.
pub(crate) fn trusting(
    builder: ClientBuilder,
    setting: &str,
    ca_file: Option<&Path>,
    system: &SystemCertificates,
) -> Result<ClientBuilder> {
    let mut config = client_config(setting, ca_file, system)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(builder.tls_backend_preconfigured(config))
}

/// As [`trusting`], for a client of another protocol.
///
/// # Errors
/// As [`trusting`].
pub(crate) fn client_config(
    setting: &str,
    ca_file: Option<&Path>,
    system: &SystemCertificates,
) -> Result<ClientConfig> {
    let extra = match ca_file {
        Some(path) => {
            let pem = std::fs::read(path).context(|| format!("{setting} {}", path.display()))?;
            certificates(&pem).map_err(|reason| {
                Error::Config(format!(
                    "{setting}: found {} ({reason}); expected a PEM file with CERTIFICATE blocks",
                    path.display()
                ))
            })?
        }
        None => Vec::new(),
    };
    install_crypto();
    let provider = CryptoProvider::get_default()
        .cloned()
        .ok_or_else(|| Error::Internal("the process has no cryptography".into()))?;
    let roots = Roots::new(extra, system.clone(), Arc::clone(&provider));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Internal(format!("TLS: {}", chain(&error))))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(roots))
        .with_no_client_auth())
}

/// Parses the certificates of a PEM text.
///
/// # Errors
/// The reason as a noun phrase: there is none, or one is malformed.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("a broken block: {error}"))?;
    if found.is_empty() {
        return Err("no certificate".into());
    }
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store
            .add(certificate.clone())
            .map_err(|error| format!("a broken certificate: {error}"))?;
    }
    Ok(found)
}
