//! TLS for all network clients. Trusts the system's certificates, from the locations in the environment at PHP's start
//! and read at the first handshake, since a server that is reached by http needs none; and the certificates of a file
//! that a setting names, also a server's self-signed one. Runs on the runtime.

mod locations;
mod system;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use reqwest::ClientBuilder;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError,
    RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};

pub use locations::SystemCertificates;

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
    let roots = Roots {
        extra,
        system: system.clone(),
        provider: Arc::clone(&provider),
        all: Mutex::default(),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Internal(format!("TLS: {}", chain(&error))))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(roots))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(builder.tls_backend_preconfigured(config))
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

/// Verifies by the system's certificates and those of the file.
#[derive(Debug)]
struct Roots {
    extra: Vec<CertificateDer<'static>>,
    system: SystemCertificates,
    provider: Arc<CryptoProvider>,
    /// Created at the first handshake; a failed attempt is repeated at the next one.
    all: Mutex<Option<Arc<WebPkiServerVerifier>>>,
}

impl Roots {
    fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = &*all {
            return Ok(Arc::clone(verifier));
        }
        let mut store = RootCertStore::empty();
        for one in &self.extra {
            store.add(one.clone())?;
        }
        let found = system::load(&self.system);
        store.add_parsable_certificates(found.certs);
        for error in found.errors {
            log::warn!(error = error.to_string().as_str(); "failed to read system certificates");
        }
        if store.is_empty() {
            return Err(TlsError::General(
                "no system certificates found; install ca-certificates, or set SSL_CERT_FILE"
                    .into(),
            ));
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(&self.provider))
                .build()
                .map_err(|error| TlsError::Other(OtherError(Arc::new(error))))?;
        Ok(Arc::clone(all.insert(verifier)))
    }
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verified =
            self.verifier()?
                .verify_server_cert(end_entity, intermediates, name, ocsp, now);
        let Err(error) = verified else {
            return verified;
        };
        // Most tools mark a self-signed certificate as an authority's, which a server's must not be. The file contains
        // exactly this one; its validity period was checked before its purpose, and its name is checked here.
        let is_out_of_date = matches!(
            error,
            TlsError::InvalidCertificate(
                CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. }
            )
        );
        let is_in_file = self.extra.iter().any(|one| one == end_entity);
        if is_out_of_date || !is_in_file {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};

    use super::*;

    /// A certificate like those of `openssl req -x509`: a server's and an authority's at once.
    fn certificate(name: &str, years: [i32; 2]) -> Certificate {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
        params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap()
    }

    fn self_signed(name: &str, years: [i32; 2]) -> CertificateDer<'static> {
        certificate(name, years).der().clone()
    }

    fn verify(trusted: &CertificateDer<'static>, shown: &CertificateDer<'_>) -> Result<(), String> {
        install_crypto();
        let roots = Roots {
            extra: vec![trusted.clone()],
            system: SystemCertificates::default(),
            provider: Arc::clone(CryptoProvider::get_default().unwrap()),
            all: Mutex::default(),
        };
        let name = ServerName::try_from("sentry.local").unwrap();
        let verified = roots.verify_server_cert(shown, &[], &name, &[], UnixTime::now());
        verified.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn system_certificates_come_from_the_settings() {
        install_crypto();
        let dir = tempfile::tempdir().unwrap();
        let [named, other] = ["a.local", "b.local"].map(|name| certificate(name, [2020, 2090]));
        let file = dir.path().join("one.pem");
        std::fs::create_dir(dir.path().join("more")).unwrap();
        std::fs::write(&file, named.pem()).unwrap();
        std::fs::write(dir.path().join("more/other.pem"), other.pem()).unwrap();
        let found = |system: SystemCertificates| system::load(&system).certs;
        let by_file = SystemCertificates {
            file: Some(file),
            dirs: vec![],
        };
        assert_eq!(found(by_file.clone()), [named.der().clone()]);
        let both = SystemCertificates {
            dirs: vec![dir.path().join("more"), dir.path().to_owned()],
            ..by_file
        };
        assert_eq!(found(both).len(), 2);
        let nowhere = SystemCertificates {
            file: None,
            dirs: vec![dir.path().join("none")],
        };
        let roots = Roots {
            extra: vec![],
            system: nowhere,
            provider: Arc::clone(CryptoProvider::get_default().unwrap()),
            all: Mutex::default(),
        };
        assert!(
            roots
                .verifier()
                .unwrap_err()
                .to_string()
                .contains("SSL_CERT_FILE")
        );
    }

    #[test]
    fn self_signed_certificate_in_the_file_is_trusted() {
        let own = self_signed("sentry.local", [2020, 2090]);
        verify(&own, &own).unwrap();
        let other = self_signed("sentry.local", [2020, 2090]);
        assert!(verify(&own, &other).is_err());
        let elsewhere = self_signed("elsewhere.local", [2020, 2090]);
        let error = verify(&elsewhere, &elsewhere).unwrap_err();
        assert!(error.contains("elsewhere.local"), "{error}");
        for years in [[2001, 2002], [2080, 2090]] {
            let stale = self_signed("sentry.local", years);
            let error = verify(&stale, &stale).unwrap_err();
            assert!(
                error.contains("expired") || error.contains("valid"),
                "{error}"
            );
        }
    }
}
