use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};
use rustls::{
    client::danger::ServerCertVerifier as _,
    pki_types::{ServerName, UnixTime},
};

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
    let roots = Roots::new(
        vec![trusted.clone()],
        SystemCertificates::default(),
        Arc::clone(CryptoProvider::get_default().unwrap()),
    );
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
    let roots = Roots::new(
        vec![],
        nowhere,
        Arc::clone(CryptoProvider::get_default().unwrap()),
    );
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
