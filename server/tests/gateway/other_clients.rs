//! The protocols of Turborepo and Nx; their own clients are in the tests of hosts.

use serde_json::json;

use crate::gateway::TestGateway;

#[tokio::test]
async fn turborepo_gets_tag_and_duration_as_it_sent_them() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("trusted").await;
    let path = "/v8/artifacts/0a1b?teamId=team_1";
    let headers = ["x-artifact-tag: c2lnbmF0dXJl", "x-artifact-duration: 4200"];
    let answer = client.request("PUT", path, &headers, b"tar").await;
    assert_eq!(answer.status, 202);
    let answer = client.get(path).await;
    assert_eq!((answer.status, &*answer.text()), (200, "tar"));
    assert_eq!(answer.header("x-artifact-tag"), "c2lnbmF0dXJl");
    assert_eq!(answer.header("x-artifact-duration"), "4200");
    let query = client
        .post(
            "/v8/artifacts?teamId=team_1",
            r#"{"hashes":["0a1b","ff","?"]}"#,
        )
        .await;
    let found = json!({"size": 3, "taskDurationMs": 4200, "tag": "c2lnbmF0dXJl"});
    assert_eq!(query.json(), json!({"0a1b": found, "ff": null, "?": null}));
    // Another team, and another protocol.
    for other in [
        "/v8/artifacts/0a1b",
        "/v8/artifacts/0a1b?slug=team_2",
        "/v1/cache/0a1b",
    ] {
        assert_eq!(client.get(other).await.status, 404, "{other}");
    }
    let answer = client.request("PUT", path, &headers, b"other").await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (412, &json!("artifact_exists"))
    );
}

#[tokio::test]
async fn turborepo_endpoints_answer_as_documented() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("read").await;
    assert_eq!(
        client.get("/v8/artifacts/status").await.json(),
        json!({"status": "enabled"})
    );
    let events = r#"[{"sessionId":"s","source":"LOCAL","event":"HIT","hash":"a","duration":1}]"#;
    assert_eq!(
        client.post("/v8/artifacts/events", events).await.status,
        200
    );
    let mut nobody = gateway.client("").await;
    let answer = nobody.get("/v8/artifacts/status").await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (401, &json!("unauthorized"))
    );
    let preflight = nobody.request("OPTIONS", "/v8/artifacts/a", &[], b"").await;
    assert_eq!(preflight.status, 200);
    let allowed = preflight.header("access-control-allow-headers");
    assert!(allowed.contains("Authorization") && preflight.header("location").is_empty());
    let answer = client.put("/v8/artifacts/a", b"x").await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (403, &json!("forbidden"))
    );
    let mut trusted = gateway.client("trusted").await;
    let long = format!("x-artifact-tag: {}", "a".repeat(601));
    for header in [&*long, "x-artifact-duration: soon"] {
        let answer = trusted
            .request("PUT", "/v8/artifacts/a", &[header], b"x")
            .await;
        assert_eq!(answer.status, 400, "{header}");
    }
    for path in ["/v8/artifacts/..", "/v8/artifacts/a?teamId=a%2Fb"] {
        assert_eq!(trusted.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn nx_learns_why_an_artifact_is_not_stored() {
    let gateway = TestGateway::start();
    let mut trusted = gateway.client("trusted").await;
    let path = "/v1/cache/1234567890";
    assert_eq!(trusted.put(path, b"tar").await.status, 200);
    let answer = trusted.put(path, b"tar").await;
    let exists = "Cannot override an existing record\n";
    assert_eq!((answer.status, &*answer.text()), (409, exists));
    let mut read = gateway.client("read").await;
    let answer = read.put(path, b"tar").await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("content-type").starts_with("text/plain"));
    assert_eq!(read.get(path).await.text(), "tar");
}
