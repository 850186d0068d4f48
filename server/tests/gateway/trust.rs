//! Every pair of a writer and a reader, in every protocol.

use crate::gateway::TestGateway;

const ROLES: [&str; 4] = ["trusted", "pr-1", "pr-2", "read"];
/// A path before its key.
const PROTOCOLS: [&str; 3] = ["/v1/proxy/blob/", "/v8/artifacts/", "/v1/cache/"];

#[tokio::test]
async fn each_role_reads_its_own_and_trusted_artifacts() {
    let gateway = TestGateway::start();
    for prefix in PROTOCOLS {
        for writer in ROLES {
            let path = format!("{prefix}of-{writer}");
            let stored = gateway
                .client(writer)
                .await
                .put(&path, writer.as_bytes())
                .await;
            assert_eq!(
                stored.status < 300,
                writer != "read",
                "{writer} writes {path}"
            );
            for reader in ROLES {
                let answer = gateway.client(reader).await.get(&path).await;
                let may_read = writer == "trusted" || writer == reader && writer != "read";
                let expected = if may_read { 200 } else { 404 };
                assert_eq!(answer.status, expected, "{reader} reads {path}");
            }
        }
    }
}

/// The answers to all questions about a key.
async fn answers(gateway: &TestGateway, token: &str, key: &str) -> Vec<(u16, String)> {
    let mut client = gateway.client(token).await;
    let mut answers = Vec::new();
    for prefix in PROTOCOLS {
        let path = format!("{prefix}{key}");
        for method in ["GET", "HEAD"] {
            let answer = client.request(method, &path, &[], b"").await;
            answers.push((answer.status, answer.text()));
        }
    }
    for action in ["upload", "download"] {
        let body = format!(r#"{{"hash":"{key}","action":"{action}"}}"#);
        let answer = client.post("/v1/negotiate", &body).await;
        answers.push((answer.status, answer.text()));
    }
    let body = format!(r#"{{"hashes":["{key}"]}}"#);
    let answer = client.post("/v8/artifacts", &body).await;
    answers.push((answer.status, answer.text()));
    let neutral = |(status, text): (u16, String)| (status, text.replace(key, "KEY"));
    answers.into_iter().map(neutral).collect()
}

#[tokio::test]
async fn no_answer_says_that_another_namespace_has_a_key() {
    let gateway = TestGateway::start();
    let mut writer = gateway.client("pr-1").await;
    for prefix in PROTOCOLS {
        writer.put(&format!("{prefix}secret"), b"poison").await;
    }
    for token in ["trusted", "pr-2", "read"] {
        let [there, absent] = ["secret", "absent"].map(|key| answers(&gateway, token, key));
        assert_eq!(there.await, absent.await, "{token}");
    }
}

#[tokio::test]
async fn trusted_writer_is_not_stopped_by_a_poisoned_key() {
    let gateway = TestGateway::start();
    let mut poisoner = gateway.client("pr-1").await;
    let mut trusted = gateway.client("trusted").await;
    for prefix in PROTOCOLS {
        let path = format!("{prefix}key");
        assert!(poisoner.put(&path, b"poison").await.status < 300);
        assert!(trusted.put(&path, b"good").await.status < 300);
        for reader in ["trusted", "read", "pr-2"] {
            assert_eq!(gateway.client(reader).await.get(&path).await.text(), "good");
        }
        // The poisoner harms itself alone.
        assert_eq!(poisoner.get(&path).await.text(), "poison");
    }
}

#[tokio::test]
async fn artifact_without_the_signature_of_the_gateway_is_a_miss() {
    let signed = [("hmac_secret", "one")];
    let mut gateway = TestGateway::with(&signed);
    let path = "/v1/proxy/blob/a";
    gateway.client("trusted").await.put(path, b"bytes").await;
    assert_eq!(gateway.client("read").await.get(path).await.status, 200);
    let [file] = &gateway.files()[..] else {
        panic!("{:?}", gateway.files());
    };
    // Another name, as a program with access to the storage may give it.
    let namespace = gateway.dir.path().join("store/pr-1/v1");
    std::fs::create_dir_all(&namespace).unwrap();
    let shard = file.parent().unwrap().file_name().unwrap();
    std::fs::create_dir(namespace.join(shard)).unwrap();
    std::fs::rename(file, namespace.join(shard).join("a")).unwrap();
    assert_eq!(gateway.client("pr-1").await.get(path).await.status, 404);
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    let unsigned = TestGateway::inside(dir, &[]);
    assert_eq!(unsigned.client("pr-1").await.get(path).await.status, 200);
}

#[tokio::test]
async fn upload_replaces_an_artifact_that_no_client_gets() {
    let path = "/v1/proxy/blob/a";
    let mut unsigned = TestGateway::start();
    assert_eq!(
        unsigned
            .client("trusted")
            .await
            .put(path, b"bytes")
            .await
            .status,
        200
    );
    let dir = std::mem::replace(&mut unsigned.dir, tempfile::tempdir().unwrap());
    let signed = TestGateway::inside(dir, &[("hmac_secret", "one")]);
    let mut writer = signed.client("trusted").await;
    // A client of another namespace removes nothing.
    let upload = r#"{"hash":"a","action":"upload"}"#;
    let mut other = signed.client("pr-1").await;
    assert_eq!(other.post("/v1/negotiate", upload).await.status, 200);
    assert_eq!(other.get(path).await.status, 404);
    assert_eq!(signed.files().len(), 1);

    assert_eq!(writer.put(path, b"signed").await.status, 200);
    assert_eq!(writer.put(path, b"third").await.status, 412);
    assert_eq!(writer.get(path).await.text(), "signed");
    assert_eq!(signed.files().len(), 1);
}

#[tokio::test]
async fn lookup_of_an_unsigned_artifact_does_not_renew_it() {
    let path = "/v1/proxy/blob/a";
    let mut unsigned = TestGateway::start();
    unsigned.client("trusted").await.put(path, b"bytes").await;
    let [file] = &unsigned.files()[..] else {
        panic!("{:?}", unsigned.files());
    };
    let file = std::fs::File::options().write(true).open(file).unwrap();
    let used = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    file.set_modified(used).unwrap();
    let dir = std::mem::replace(&mut unsigned.dir, tempfile::tempdir().unwrap());
    let signed = TestGateway::inside(dir, &[("hmac_secret", "one")]);
    assert_eq!(signed.client("read").await.get(path).await.status, 404);
    assert_eq!(file.metadata().unwrap().modified().unwrap(), used);
    let mut signed = signed;
    let dir = std::mem::replace(&mut signed.dir, tempfile::tempdir().unwrap());
    let unsigned = TestGateway::inside(dir, &[]);
    assert_eq!(unsigned.client("read").await.get(path).await.status, 200);
    assert!(file.metadata().unwrap().modified().unwrap() > used);
}

#[tokio::test]
async fn foreign_host_gets_nothing_of_an_open_gateway() {
    let path = "/v8/artifacts/0123456789abcdef";
    let gateway = TestGateway::without_tokens(&[]);
    // Its `Host` header is a name of another machine.
    let mut client = gateway.client("").await;
    let answer = client.put(path, b"poison").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    for path in [path, "/metrics", "/v1/proxy/blob/a"] {
        assert_eq!(client.get(path).await.status, 403, "{path}");
    }
    let body = r#"{"hash":"a","action":"upload"}"#;
    assert_eq!(client.post("/v1/negotiate", body).await.status, 403);
    assert_eq!(client.get("/health").await.status, 200);
    assert_eq!(gateway.files().len(), 0);
    for host in ["localhost:1", "127.0.0.1", "[::1]:9"] {
        let mut own = gateway.client("").await;
        own.host = host.to_owned();
        let path = format!("/v1/proxy/blob/{}", host.len());
        assert_eq!(own.put(&path, b"bytes").await.status, 200, "{host}");
    }
    // A gateway for all clients has the setting.
    let open = TestGateway::without_tokens(&[("anonymous", "trusted")]);
    let mut client = open.client("").await;
    assert!(client.put(path, b"bytes").await.status < 300);
    assert_eq!(client.get(path).await.text(), "bytes");
}
