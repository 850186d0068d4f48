//! The verifier of servers' certificates: by the system's, and by those of the file.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::{SystemCertificates, system};

/// Verifies by the system's certificates and those of the file.
#[derive(Debug)]
pub(super) struct Roots {
    extra: Vec<CertificateDer<'static>>,
    system: SystemCertificates,
    provider: Arc<CryptoProvider>,
    /// Created at the first handshake; a failed attempt is repeated at the next one.
    all: Mutex<Option<Arc<WebPkiServerVerifier>>>,
}

impl Roots {
    pub(super) fn new(
        extra: Vec<CertificateDer<'static>>,
        system: SystemCertificates,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self {
            extra,
            system,
            provider,
            all: Mutex::default(),
        }
    }

    pub(super) fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
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
