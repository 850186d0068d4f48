//! Servers between the transport and the fake Sentry: proxies, TLS, HTTP/2, sockets that misbehave. Each runs on a
//! thread of its own until it is dropped.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
    server::TlsStream,
};

/// A server that handles each connection with a function.
pub(super) struct TestServer {
    pub(super) address: SocketAddr,
    /// Lines that its function recorded.
    pub(super) notes: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
}

impl TestServer {
    pub(super) fn new<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let for_thread = Arc::clone(&notes);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                let listener = TcpListener::from_std(listener).unwrap();
                let accept = async {
                    while let Ok((socket, _)) = listener.accept().await {
                        tokio::task::spawn_local(serve(socket, Arc::clone(&for_thread)));
                    }
                };
                tokio::select! {
                    () = accept => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            notes,
            _stop: stop,
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

/// A forward proxy, open or with these credentials in base64.
pub(super) fn proxy(wanted: Option<&'static str>) -> TestServer {
    TestServer::new(move |mut client, notes| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match client.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let (method, rest) = text.split_once(' ').unwrap();
        let uri = rest.split(' ').next().unwrap();
        let given = text.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("proxy-authorization: basic ")
                .map(|_| line[27..].to_owned())
        });
        notes.lock().unwrap().push(format!(
            "{method} {uri} {}",
            given.as_deref().unwrap_or("-")
        ));
        if wanted.is_some() && given.as_deref() != wanted {
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = client.write_all(refusal).await;
            // Unread bytes of the client would reset the connection before it reads the response.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(200), async {
                let mut rest = [0; 4096];
                while client.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            })
            .await;
            return;
        }
        let authority = uri.strip_prefix("http://").unwrap_or(uri);
        let authority = authority.split('/').next().unwrap();
        let Ok(mut server) = TcpStream::connect(authority).await else {
            return;
        };
        if method == "CONNECT" {
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        } else {
            let _ = server.write_all(&head).await;
        }
        let _ = copy_bidirectional(&mut client, &mut server).await;
    })
}

/// A TLS acceptor with a certificate for `localhost` and the given ALPN protocols, and its PEM.
pub(super) fn acceptor(offers: &[&[u8]]) -> (TlsAcceptor, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), cert.pem())
}

/// HTTP/1.1 over TLS in front of a server.
pub(super) fn tls(server: SocketAddr) -> (TestServer, String) {
    let (acceptor, pem) = acceptor(&[]);
    let front = TestServer::new(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut outside) = acceptor.accept(socket).await
                && let Ok(mut inside) = TcpStream::connect(server).await
            {
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        }
    });
    (front, pem)
}

/// HTTP/2 over TLS: records the body of each request, responds with 200, and sends `GOAWAY` after `goodbye_after`
/// requests of a connection, of which it answers the earlier ones.
pub(super) fn http2(goodbye_after: usize) -> (TestServer, String) {
    let (acceptor, pem) = acceptor(&[b"h2", b"http/1.1"]);
    let front = TestServer::new(move |socket, notes| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(tls) = acceptor.accept(socket).await else {
                return;
            };
            notes.lock().unwrap().push("connection".into());
            serve_http2(tls, goodbye_after, notes).await;
        }
    });
    (front, pem)
}

async fn serve_http2(
    tls: TlsStream<TcpStream>,
    goodbye_after: usize,
    notes: Arc<Mutex<Vec<String>>>,
) {
    let Ok(mut connection) = h2::server::handshake(tls).await else {
        return;
    };
    let mut count = 0;
    while let Some(Ok((request, mut answer))) = connection.accept().await {
        count += 1;
        if count == goodbye_after {
            connection.graceful_shutdown();
        }
        let notes = Arc::clone(&notes);
        tokio::task::spawn_local(async move {
            let mut body = request.into_body();
            let mut bytes = Vec::new();
            while let Some(Ok(part)) = body.data().await {
                let _ = body.flow_control().release_capacity(part.len());
                bytes.extend_from_slice(&part);
            }
            notes
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(&bytes).into_owned());
            let response = http::Response::builder().status(200).body(()).unwrap();
            let _ = answer.send_response(response, true);
        });
    }
}

/// Reads a request a few bytes at a time, and never responds.
pub(super) fn slow_reader() -> TestServer {
    TestServer::new(|socket, notes| async move {
        notes.lock().unwrap().push("connection".into());
        drip(socket).await;
    })
}

async fn drip(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut few = [0; 16];
    while socket.read(&mut few).await.is_ok_and(|count| count > 0) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
