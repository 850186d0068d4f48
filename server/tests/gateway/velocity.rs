//! VelocityCache's protocol, as its own agent speaks it and with the additions.

use pillion_engine::remote::protocol::{Checksum, REPR_DIGEST};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{client::Client, gateway::TestGateway};

const NEGOTIATE: &str = "/v1/negotiate";

#[tokio::test]
async fn agent_uploads_and_another_one_downloads() {
    let gateway = TestGateway::start();
    let mut agent = gateway.client("trusted").await;
    let url = "http://cache.example:1/v1/proxy/blob/0a1b";
    let answer = agent
        .post(NEGOTIATE, r#"{"hash":"0a1b","action":"download"}"#)
        .await;
    assert_eq!((answer.status, &*answer.text()), (404, "Not found\n"));
    let upload = r#"{"hash":"0a1b","action":"upload"}"#;
    let answer = agent.post(NEGOTIATE, upload).await;
    assert_eq!(
        answer.json(),
        json!({"status": "upload_needed", "url": url})
    );
    let answer = agent.put("/v1/proxy/blob/0a1b", b"artifact").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(
        agent.post(NEGOTIATE, upload).await.json(),
        json!({"status": "skipped"})
    );

    let mut other = gateway.client("read").await;
    let answer = other
        .post(NEGOTIATE, r#"{"hash":"0a1b","action":"download"}"#)
        .await;
    let checksum = Checksum(Sha256::digest(b"artifact").into());
    let found = json!({"status": "found", "url": url, "sha256": checksum, "size": 8});
    assert_eq!(answer.json(), found);
    let answer = other.get("/v1/proxy/blob/0a1b").await;
    assert_eq!((answer.status, &*answer.text()), (200, "artifact"));
    assert_eq!(answer.header(REPR_DIGEST), checksum.digest());
    assert_eq!(answer.header("etag"), format!("\"{checksum}\""));
}

#[tokio::test]
async fn negotiation_of_many_keys_answers_each() {
    let gateway = TestGateway::start();
    let mut agent = gateway.client("trusted").await;
    agent.put("/v1/proxy/blob/a", b"1").await;
    let body = r#"{"action":"download","hashes":["a","b",{"hash":"a"}]}"#;
    let answer = agent.post(NEGOTIATE, body).await.json();
    let results = answer["results"].as_object().unwrap();
    assert_eq!(
        (results.len(), &results["a"]["status"]),
        (2, &json!("found"))
    );
    assert_eq!(results["b"], json!({"status": "missing"}));
    let body = r#"{"action":"upload","hashes":["a","b"]}"#;
    let answer = agent.post(NEGOTIATE, body).await.json();
    assert_eq!(answer["results"]["a"], json!({"status": "skipped"}));
    assert_eq!(answer["results"]["b"]["status"], json!("upload_needed"));
    let answer = agent
        .post(NEGOTIATE, r#"{"action":"upload","hashes":[]}"#)
        .await;
    assert_eq!(answer.json(), json!({"results": {}}));
}

#[tokio::test]
async fn requests_that_are_refused_have_the_original_texts() {
    let gateway = TestGateway::start();
    let mut trusted = gateway.client("trusted").await;
    let mut nobody = gateway.client("").await;
    let mut wrong = gateway.client("wrong").await;
    let mut read = gateway.client("read").await;
    let body = r#"{"hash":"a","action":"upload"}"#;
    let refused = async |client: &mut Client, method: &str, path: &str, body: &str| {
        let answer = client.request(method, path, &[], body.as_bytes()).await;
        assert!(answer.header("content-type").starts_with("text/plain"));
        (answer.status, answer.text().trim_end().to_owned())
    };
    let expect = |status: u16, text: &str| (status, text.to_owned());
    assert_eq!(
        refused(&mut nobody, "POST", NEGOTIATE, body).await,
        expect(401, "Unauthorized")
    );
    assert_eq!(
        refused(&mut wrong, "POST", NEGOTIATE, body).await,
        expect(403, "Forbidden: unknown token")
    );
    assert_eq!(
        refused(&mut read, "POST", NEGOTIATE, body).await,
        expect(403, "Forbidden: the token may only read")
    );
    let blob = "/v1/proxy/blob/a";
    assert_eq!(
        refused(&mut read, "PUT", blob, "x").await,
        expect(403, "Forbidden: the token may only read")
    );
    assert_eq!(
        refused(&mut read, "GET", blob, "").await,
        expect(404, "File not found")
    );
    let invalid = expect(400, "Invalid request body");
    for body in ["", "{}x", r#"{"hash":"../a","action":"upload"}"#] {
        assert_eq!(
            refused(&mut trusted, "POST", NEGOTIATE, body).await,
            invalid,
            "{body}"
        );
    }
    let body = r#"{"hash":"a","action":"steal"}"#;
    let answer = refused(&mut trusted, "POST", NEGOTIATE, body).await;
    assert_eq!(answer, expect(400, "Invalid action"));
    for path in ["/v1/proxy/blob/..%2Fa", "/v1/proxy/blob/", "/v1/cache/a/b"] {
        assert_eq!(
            refused(&mut trusted, "GET", path, "").await,
            expect(400, "Invalid key")
        );
    }
    assert_eq!(trusted.get(NEGOTIATE).await.status, 405);
    assert_eq!(gateway.files().len(), 0);
}

#[tokio::test]
async fn parts_and_conditions_of_a_download() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("trusted").await;
    let path = "/v1/proxy/blob/a";
    client.put(path, b"0123456789").await;
    let part = client
        .request("GET", path, &["Range: bytes=2-4"], b"")
        .await;
    assert_eq!((part.status, &*part.text()), (206, "234"));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    // Not the record behind the bytes.
    let part = client
        .request("GET", path, &["Range: bytes=8-99"], b"")
        .await;
    assert_eq!((part.status, &*part.text()), (206, "89"));
    let part = client
        .request("GET", path, &["Range: bytes=10-"], b"")
        .await;
    assert_eq!(
        (part.status, part.header("content-range")),
        (416, "bytes */10")
    );
    let head = client.request("HEAD", path, &[], b"").await;
    assert_eq!((head.status, head.header("content-length")), (200, "10"));
    let condition = format!("If-None-Match: {}", head.header("etag"));
    let same = client.request("GET", path, &[&condition], b"").await;
    assert_eq!(same.status, 304);
}

#[tokio::test]
async fn upload_with_another_checksum_is_not_stored() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("trusted").await;
    let digest = |bytes: &[u8]| {
        let checksum = Checksum(Sha256::digest(bytes).into());
        format!("Repr-Digest: {}", checksum.digest())
    };
    let path = "/v1/proxy/blob/a";
    for header in [digest(b"other"), "Repr-Digest: sha-256=:AA==:".into()] {
        let answer = client.request("PUT", path, &[&header], b"bytes").await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(client.get(path).await.status, 404);
    let answer = client
        .request("PUT", path, &[&digest(b"bytes")], b"bytes")
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let gateway = TestGateway::start();
    let mut nobody = gateway.client("").await;
    assert_eq!(nobody.get("/health").await.json(), json!({"status": "up"}));
    let page = nobody.get("/metrics").await.text();
    for name in [
        "vc_cache_hits ",
        "vc_cache_misses ",
        "vc_negotiation_latency_bucket{",
    ] {
        assert!(page.contains(&format!("\n{name}")), "{name}");
    }
}

#[tokio::test]
async fn changed_tokens_are_read_again() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("new").await;
    assert_eq!(client.get("/v1/proxy/blob/a").await.status, 403);
    std::fs::write(gateway.dir.path().join("tokens"), "read new\n").unwrap();
    for _ in 0..200 {
        if client.get("/v1/proxy/blob/a").await.status == 404 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the token is still unknown");
}
