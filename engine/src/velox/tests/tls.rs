//! Servers behind TLS: what is trusted, and what is said of the rest.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use super::*;

/// Ends TLS with a certificate for `name` in front of the fake server. Returns the port and the PEM.
async fn front(host: &Host, name: &str) -> (u16, String) {
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

fn point(host: &mut Host, port: u16, ca: Option<&str>) {
    host.settings.server_url =
        Some(ServerUrl::parse(&format!("https://localhost:{port}")).unwrap());
    host.settings.ca_file = ca.map(|pem| {
        let path = host.dir.path().join("ca.pem");
        std::fs::write(&path, pem).unwrap();
        path
    });
}

#[tokio::test]
async fn a_named_authority_is_trusted() {
    let mut host = Host::new(Options::default());
    let (port, pem) = front(&host, "localhost").await;
    point(&mut host, port, Some(&pem));
    build(&host.velox(), request("http")).await.unwrap();
}

#[tokio::test]
async fn an_unknown_authority_and_another_name_are_refused_at_once() {
    let mut host = Host::new(Options::default());
    let (port, _) = front(&host, "localhost").await;
    point(&mut host, port, None);
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(
        said.contains("not trusted") && said.contains("velox.ca_file"),
        "{said}"
    );
    let (port, pem) = front(&host, "elsewhere.example").await;
    point(&mut host, port, Some(&pem));
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(
        said.contains("not trusted") && said.contains("elsewhere.example"),
        "{said}"
    );
    assert!(!said.contains("given up"), "{said}");
}

#[tokio::test]
async fn a_file_without_certificates_is_told_by_its_setting() {
    let mut host = Host::new(Options::default());
    let (port, _) = front(&host, "localhost").await;
    point(&mut host, port, Some("not a certificate"));
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
