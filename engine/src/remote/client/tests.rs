//! Against a server that answers by script, because a real gateway does not misbehave. The real one is in
//! `server/tests/gateway`.

use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use pillion_fakes::http::{Connection, Delivery, Request, Response, Sent};
use serde_json::{Value, json};
use tempfile::tempfile;
use tokio::net::TcpListener;

use super::*;
use crate::{
    Error,
    remote::protocol::{Action, Checksum, Item, Key, Negotiated},
    secret::{Secret, ServerUrl},
};

type Script = dyn Fn(&Request, usize) -> (Response, Delivery) + Send + Sync;

/// A server, and the requests that it has seen.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request by `script`, which gets the number of earlier ones too.
    async fn start(
        script: impl Fn(&Request, usize) -> (Response, Delivery) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (all, script): (_, Arc<Script>) = (Arc::clone(&seen), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, script) = (Arc::clone(&all), Arc::clone(&script));
                tokio::spawn(async move {
                    let mut connection = Connection::new(stream);
                    while let Ok(Some(request)) = connection.next_request().await {
                        let earlier = {
                            let mut all = all.lock().unwrap();
                            all.push(request.clone());
                            all.len() - 1
                        };
                        let (response, delivery) = script(&request, earlier);
                        let sent = connection.send(response, &delivery, 1, true, false).await;
                        if sent == Sent::Ended {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// Answers each request by `script`, without faults of the transport.
    async fn sound(script: impl Fn(&Request, usize) -> Response + Send + Sync + 'static) -> Self {
        Self::start(move |request, earlier| (script(request, earlier), Delivery::default())).await
    }

    fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }

    fn options(&self) -> ClientOptions {
        ClientOptions {
            token: Some(Secret::new("t0ken")),
            timeout: Duration::from_millis(300),
            max_size: 1 << 20,
            ..ClientOptions::new(ServerUrl::parse(&format!("{}/base/", self.url)).unwrap())
        }
    }

    fn seen(&self) -> Vec<(String, Option<String>)> {
        let seen = self.seen.lock().unwrap();
        let line = |request: &Request| {
            let token = request.header("authorization").map(str::to_owned);
            (format!("{} {}", request.method, request.target), token)
        };
        seen.iter().map(line).collect()
    }
}

fn json(value: &Value) -> Response {
    Response::new(200, value.to_string())
}

fn key() -> Key {
    Key::parse("0a1b").unwrap()
}

fn checksum(bytes: &[u8]) -> Checksum {
    let mut file = tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Checksum::of_file(&file, bytes.len() as u64).unwrap()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn content(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn host(request: &Request) -> String {
    format!("http://{}", request.header("host").unwrap())
}

fn is_negotiation(request: &Request) -> bool {
    request.path() == "/base/v1/negotiate"
}

/// A gateway that has one artifact of these bytes.
async fn gateway_with(bytes: &'static [u8]) -> Server {
    Server::sound(move |request, _| match is_negotiation(request) {
        true => json(&json!({
            "status": "found", "url": format!("{}/blob", host(request)),
            "sha256": checksum(bytes), "size": bytes.len(),
        })),
        false => Response::new(200, bytes),
    })
    .await
}

#[tokio::test]
async fn artifact_is_downloaded_and_compared() {
    let server = gateway_with(b"artifact").await;
    let mut file = file_of(&[b'x'; 100]);
    let found = server
        .client()
        .download(&key(), &mut file)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.size, found.is_verified), (8, true));
    assert_eq!(content(&file), b"artifact");
    let token = Some("Bearer t0ken".to_owned());
    let expected =
        ["POST /base/v1/negotiate", "GET /blob"].map(|line| (line.into(), token.clone()));
    assert_eq!(server.seen(), expected);
    let sent = server.seen.lock().unwrap()[0].body.clone();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent, json!({"action": "download", "hash": "0a1b"}));
}

#[tokio::test]
async fn absent_key_is_no_error() {
    let server = Server::sound(|_, _| Response::new(404, "Not found")).await;
    let client = server.client();
    for _ in 0..3 {
        assert_eq!(
            client
                .download(&key(), &mut tempfile().unwrap())
                .await
                .unwrap(),
            None
        );
    }
    // Removed between the negotiation and the download.
    let server = Server::sound(|request, _| match is_negotiation(request) {
        true => json(&json!({"status": "found", "url": format!("{}/blob", host(request))})),
        false => Response::new(404, ""),
    })
    .await;
    assert_eq!(
        server
            .client()
            .download(&key(), &mut tempfile().unwrap())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn wrong_bytes_are_an_error_of_the_artifact_alone() {
    for (sha256, size, reason) in [
        (Some(checksum(b"other")), Some(8), "SHA-256"),
        (None, Some(9), "size"),
        (None, Some(2 << 20), "more than"),
    ] {
        let server = Server::sound(move |request, _| match is_negotiation(request) {
            true => json(&json!({
                "status": "found", "url": format!("{}/blob", host(request)),
                "sha256": sha256.unwrap_or_else(|| checksum(b"artifact")), "size": size,
            })),
            false => Response::new(200, "artifact"),
        })
        .await;
        let client = server.client();
        let error = client
            .download(&key(), &mut tempfile().unwrap())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!client.is_paused());
    }
    let endless = Server::sound(|request, _| match is_negotiation(request) {
        true => json(&json!({"status": "found", "url": format!("{}/blob", host(request))})),
        false => Response {
            status: 200,
            headers: vec![],
            body: pillion_fakes::http::Body::Stream(Box::new(std::io::repeat(7)), None),
        },
    })
    .await;
    let error = endless
        .client()
        .download(&key(), &mut tempfile().unwrap())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("more than 1048576 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn token_goes_to_the_gateway_alone() {
    let bucket = Server::sound(|request, _| match request.path() {
        "/first" => Response::new(307, "").with("Location", "/second"),
        _ => Response::new(200, "artifact"),
    })
    .await;
    let url = bucket.url.clone();
    let gateway = Server::sound(move |request, _| match request.path() {
        "/base/v1/negotiate" => json(&json!({
            "status": "found", "url": format!("{}/own", host(request)),
            "sha256": checksum(b"artifact"), "size": 8,
        })),
        _ => Response::new(302, "").with("Location", format!("{url}/first")),
    })
    .await;
    let found = gateway
        .client()
        .download(&key(), &mut tempfile().unwrap())
        .await
        .unwrap();
    assert_eq!(found.unwrap().size, 8);
    let token = Some("Bearer t0ken".to_owned());
    assert!(gateway.seen().iter().all(|(_, sent)| *sent == token));
    assert_eq!(
        bucket.seen(),
        [("GET /first".into(), None), ("GET /second".into(), None)]
    );
}

#[tokio::test]
async fn redirections_without_end_or_elsewhere_are_refused() {
    for target in ["/again", "ftp://host/x", "", "file:///etc/passwd"] {
        let server = Server::sound(move |request, _| match is_negotiation(request) {
            true => json(&json!({"status": "found", "url": format!("{}/blob", host(request))})),
            false => Response::new(302, "").with("Location", target),
        })
        .await;
        let error = server
            .client()
            .download(&key(), &mut tempfile().unwrap())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("does not speak the protocol"),
            "{target}: {error}"
        );
    }
    let server =
        Server::sound(|_, _| Response::new(308, "").with("Location", "https://else/x")).await;
    let error = server
        .client()
        .download(&key(), &mut tempfile().unwrap())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("redirects a lookup to https://else;"),
        "{error}"
    );
}

#[tokio::test]
async fn upload_sends_the_headers_of_the_negotiation_exactly() {
    let bucket = Server::sound(|_, _| Response::new(200, "")).await;
    let url = bucket.url.clone();
    let gateway = Server::sound(move |_, _| {
        json(&json!({
            "status": "upload_needed", "url": format!("{url}/object?signature=1"),
            "headers": {"if-none-match": "*", "x-amz-checksum-sha256": "abc="},
        }))
    })
    .await;
    let file = file_of(b"artifact, and more");
    let sha256 = checksum(b"artifact");
    let uploaded = gateway
        .client()
        .upload(&key(), &file, sha256, 8)
        .await
        .unwrap();
    assert_eq!(uploaded, Uploaded::Stored);
    let sent: Value = serde_json::from_slice(&gateway.seen.lock().unwrap()[0].body).unwrap();
    let expected = json!({"action": "upload", "hash": "0a1b", "sha256": sha256, "size": 8});
    assert_eq!(sent, expected);
    let seen = bucket.seen.lock().unwrap();
    let [put] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (put.target.as_str(), put.body.as_slice()),
        ("/object?signature=1", &b"artifact"[..])
    );
    let header = |name| put.header(name).unwrap_or_default();
    assert_eq!(header("if-none-match"), "*");
    assert_eq!(header("x-amz-checksum-sha256"), "abc=");
    assert_eq!(header("content-length"), "8");
    assert!(put.header("authorization").is_none() && put.header("repr-digest").is_none());
}

#[tokio::test]
async fn upload_through_the_gateway_has_token_and_digest() {
    let server = Server::sound(|request, _| match is_negotiation(request) {
        true => json(&json!({"status": "upload_needed", "url": format!("{}/blob", host(request))})),
        false => Response::new(200, ""),
    })
    .await;
    let sha256 = checksum(b"artifact");
    let uploaded = server
        .client()
        .upload(&key(), &file_of(b"artifact"), sha256, 8)
        .await;
    assert_eq!(uploaded.unwrap(), Uploaded::Stored);
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        seen[1].header("repr-digest"),
        Some(sha256.digest().as_str())
    );
    assert_eq!(seen[1].header("authorization"), Some("Bearer t0ken"));
}

#[tokio::test]
async fn other_writer_was_first() {
    for status in [409, 412] {
        let server = Server::sound(move |request, _| match is_negotiation(request) {
            true => {
                json(&json!({"status": "upload_needed", "url": format!("{}/blob", host(request))}))
            }
            false => Response::new(status, "exists"),
        })
        .await;
        let client = server.client();
        let uploaded = client
            .upload(&key(), &file_of(b"a"), checksum(b"a"), 1)
            .await;
        assert_eq!(uploaded.unwrap(), Uploaded::Exists);
        assert!(!client.is_writing_paused());
    }
    let server = Server::sound(|_, _| json(&json!({"status": "skipped"}))).await;
    let uploaded = server
        .client()
        .upload(&key(), &file_of(b"a"), checksum(b"a"), 1)
        .await;
    assert_eq!(
        (uploaded.unwrap(), server.seen().len()),
        (Uploaded::Exists, 1)
    );
}

#[tokio::test]
async fn gateway_cannot_choose_headers_of_the_client() {
    for name in [
        "Authorization",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let server = Server::sound(move |request, _| {
            json(&json!({
                "status": "upload_needed", "url": format!("{}/blob", host(request)), "headers": {name: "1"},
            }))
        })
        .await;
        let uploaded = server
            .client()
            .upload(&key(), &file_of(b"a"), checksum(b"a"), 1)
            .await;
        assert!(
            uploaded
                .unwrap_err()
                .to_string()
                .contains("chooses a header")
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn failed_gateway_is_asked_twice_and_then_left_alone() {
    let server = Server::sound(|_, _| Response::new(503, "storage failed")).await;
    let client = server.client();
    let error = client
        .download(&key(), &mut tempfile().unwrap())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("answered a lookup with 503: storage failed"),
        "{error}"
    );
    assert!(matches!(error, Error::Remote(_)) && client.is_paused());
    assert_eq!(server.seen().len(), 2);
    // Writing is apart.
    assert!(!client.is_writing_paused());
    for _ in 0..100 {
        assert!(
            client
                .clone()
                .download(&key(), &mut tempfile().unwrap())
                .await
                .is_err()
        );
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn second_attempt_helps_after_a_broken_connection() {
    let server = Server::start(|request, earlier| {
        let answer = match is_negotiation(request) {
            true => json(&json!({
                "status": "found", "url": format!("{}/blob", host(request)),
                "sha256": checksum(&[7; 300_000]), "size": 300_000,
            })),
            false => Response::new(200, vec![7; 300_000]),
        };
        let drop_at = (earlier == 1).then_some(200_000);
        (
            answer,
            Delivery {
                drop_at,
                ..Delivery::default()
            },
        )
    })
    .await;
    let client = server.client();
    let mut file = tempfile().unwrap();
    let found = client.download(&key(), &mut file).await.unwrap().unwrap();
    assert!(found.is_verified && content(&file) == vec![7; 300_000]);
    assert_eq!(server.seen().len(), 4);
    assert!(!client.is_paused());
}

#[tokio::test]
async fn silent_gateway_costs_one_timeout() {
    // Silent from the start; in the middle of a download.
    for stall_at in [0, 1000] {
        let server = Server::start(move |request, _| match is_negotiation(request) {
            true if stall_at > 0 => {
                let found = json!({"status": "found", "url": format!("{}/blob", host(request))});
                (json(&found), Delivery::default())
            }
            _ => {
                let stall_at = Some(stall_at);
                (
                    Response::new(200, vec![0; 100_000]),
                    Delivery {
                        stall_at,
                        ..Delivery::default()
                    },
                )
            }
        })
        .await;
        let client = server.client();
        let started = Instant::now();
        let error = client
            .download(&key(), &mut tempfile().unwrap())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10) && client.is_paused());
    }
}

#[tokio::test]
async fn slow_gateway_costs_no_more_than_the_limit() {
    let server = Server::start(|_, _| {
        let drip_ms = Some(20);
        (
            Response::new(200, vec![b' '; 2000]),
            Delivery {
                drip_ms,
                ..Delivery::default()
            },
        )
    })
    .await;
    let options = ClientOptions {
        timeout: Duration::from_secs(5),
        ..server.options()
    };
    let client = Client::new(options).unwrap();
    let started = Instant::now();
    let limited = client.within(Duration::from_millis(500));
    let error = limited
        .download(&key(), &mut tempfile().unwrap())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("not completed within 500ms"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(10) && client.is_paused());
}

#[tokio::test]
async fn refused_token_is_not_tried_again_for_a_while() {
    for status in [401, 403] {
        let server = Server::sound(move |_, _| Response::new(status, "Forbidden")).await;
        let client = server.client();
        let uploaded = client
            .upload(&key(), &file_of(b"a"), checksum(b"a"), 1)
            .await;
        let error = uploaded.unwrap_err().to_string();
        assert!(
            error.contains(&status.to_string()) && !error.contains("t0ken"),
            "{error}"
        );
        assert!(client.is_writing_paused() && !client.is_paused());
        assert_eq!(server.seen().len(), 1);
        assert!(!format!("{client:?}").contains("t0ken"));
    }
}

#[tokio::test]
async fn many_keys_are_one_negotiation() {
    let server = Server::sound(|request, _| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let keys = body["hashes"].as_array().unwrap().iter();
        let answer = |key: &Value| match key["hash"].as_str().unwrap() {
            "key-7" => json!({"status": "found", "url": "http://bucket/7"}),
            _ => json!({"status": "missing"}),
        };
        let results: serde_json::Map<String, Value> = keys
            .map(|key| (key["hash"].as_str().unwrap().to_owned(), answer(key)))
            .collect();
        json(&json!({"results": results}))
    })
    .await;
    let item = |number| Item {
        hash: Key::parse(&format!("key-{number}")).unwrap(),
        sha256: None,
        size: None,
    };
    let items: Vec<Item> = (0..1500).map(item).collect();
    let results = server
        .client()
        .negotiate(Action::Download, &items)
        .await
        .unwrap();
    assert_eq!((results.len(), server.seen().len()), (1500, 2));
    let found = results
        .values()
        .filter(|result| matches!(result, Negotiated::Found { .. }));
    assert_eq!(found.count(), 1);
}

#[tokio::test]
async fn original_gateway_is_asked_for_each_key() {
    let server = Server::sound(|request, _| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        match body["hash"].as_str() {
            Some("b") => json(&json!({"status": "found", "url": "http://bucket/b"})),
            Some(_) => Response::new(404, "Not found"),
            // It takes the absent hash for an empty one.
            None => Response::new(404, "Not found"),
        }
    })
    .await;
    let items = ["a", "b"].map(|key| Item {
        hash: Key::parse(key).unwrap(),
        sha256: None,
        size: None,
    });
    let results = server
        .client()
        .negotiate(Action::Download, &items)
        .await
        .unwrap();
    assert_eq!(results[&items[0].hash], Negotiated::Missing);
    assert!(matches!(results[&items[1].hash], Negotiated::Found { .. }));
}

#[tokio::test]
async fn page_in_place_of_a_download_is_an_error() {
    let server = Server::sound(|request, _| match is_negotiation(request) {
        true => json(&json!({"status": "found", "url": format!("{}/blob", host(request))})),
        false => Response::new(404, "<html></html>").with("Content-Type", "text/html"),
    })
    .await;
    let client = server.client();
    let error = client.download(&key(), &mut tempfile().unwrap()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("answers a download with a page"), "{error}");
    assert!(client.is_paused());
}

#[tokio::test]
async fn token_wins_over_credentials_of_the_url() {
    let server = gateway_with(b"artifact").await;
    let url = server.url.replace("http://", "http://user:password@");
    let client = Client::new(ClientOptions {
        token: Some(Secret::new("t0ken")),
        ..ClientOptions::new(ServerUrl::parse(&format!("{url}/base/")).unwrap())
    });
    let (client, mut file) = (client.unwrap(), tempfile().unwrap());
    let found = client.download(&key(), &mut file).await;
    assert!(found.unwrap().is_some());
    let token = server.seen()[0].1.clone();
    assert_eq!(token.as_deref(), Some("Bearer t0ken"));
}

#[tokio::test]
async fn server_that_is_no_gateway_is_asked_once_in_each_direction() {
    let pages: [fn() -> Response; 4] = [
        || Response::new(404, "<html>\n<h1>404 Not Found</h1>\n</html>"),
        || Response::new(405, "Method Not Allowed"),
        || Response::new(403, "<html>\n\n</html>"),
        || Response::new(404, "404 page not found\n"),
    ];
    for page in pages {
        let server = Server::sound(move |_, _| page()).await;
        let client = server.client();
        let items = ["a", "b", "c"].map(|key| Item {
            hash: Key::parse(key).unwrap(),
            sha256: None,
            size: None,
        });
        let error = client.negotiate(Action::Download, &items).await;
        let error = error.unwrap_err().to_string();
        assert!(error.lines().count() == 1, "{error}");
        for _ in 0..2 {
            let uploaded = client
                .upload(&key(), &file_of(b"a"), checksum(b"a"), 1)
                .await;
            assert!(matches!(uploaded, Err(Error::Remote(_))));
        }
        assert_eq!(server.seen().len(), 2, "{error}");
        assert!(client.is_paused() && client.is_writing_paused());
    }
}

#[tokio::test]
async fn shorter_file_is_no_failure_of_the_gateway() {
    let server = Server::sound(|_, _| Response::new(500, "")).await;
    let client = server.client();
    let uploaded = client
        .upload(&key(), &file_of(b"a"), checksum(b"a"), 2)
        .await;
    assert!(matches!(uploaded, Err(Error::Io { .. })));
    assert!(server.seen().is_empty() && !client.is_writing_paused());
}
