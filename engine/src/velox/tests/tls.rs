//! Servers behind TLS: trusted and rejected certificates.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use super::*;

/// Terminates TLS with a certificate for `name` in front of the fake server. Returns the port and the PEM.
async fn tls_proxy(host: &Host, name: &str) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, server) = (listener.local_addr().unwrap().port(), host.server.addr());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut inside = tokio::net::TcpStream::connect(server).await.unwrap();
                if let Ok(mut outside) = acceptor.accept(socket).await {
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    (port, cert.pem())
}

fn set_url(host: &mut Host, port: u16, ca: Option<&str>) {
    host.settings.server_url =
        Some(ServerUrl::parse(&format!("https://localhost:{port}")).unwrap());
    host.settings.ca_file = ca.map(|pem| {
        let path = host.dir.path().join("ca.pem");
        std::fs::write(&path, pem).unwrap();
        path
    });
}

#[tokio::test]
async fn authority_in_ca_file_is_trusted() {
    let mut host = Host::new(Options::default());
    let (port, pem) = tls_proxy(&host, "localhost").await;
    set_url(&mut host, port, Some(&pem));
    build(&host.velox(), request("http")).await.unwrap();
}

#[tokio::test]
async fn unknown_authority_and_wrong_name_are_rejected_at_once() {
    let mut host = Host::new(Options::default());
    let (port, _) = tls_proxy(&host, "localhost").await;
    set_url(&mut host, port, None);
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("not trusted") && message.contains("velox.ca_file"),
        "{message}"
    );
    let (port, pem) = tls_proxy(&host, "elsewhere.example").await;
    set_url(&mut host, port, Some(&pem));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("not trusted") && message.contains("elsewhere.example"),
        "{message}"
    );
    assert!(!message.contains("given up"), "{message}");
}

#[tokio::test]
async fn invalid_ca_file_names_its_setting() {
    let mut host = Host::new(Options::default());
    let (port, _) = tls_proxy(&host, "localhost").await;
    set_url(&mut host, port, Some("not a certificate"));
    let error = build(&host.velox(), request("http"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("velox.ca_file") && error.contains("no certificate"),
        "{error}"
    );
    host.settings.ca_file = Some(host.dir.path().join("missing.pem"));
    let error = build(&host.velox(), request("http"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("velox.ca_file") && error.contains("missing.pem"),
        "{error}"
    );
}
