//! The rights to read and act: tokens, sessions, CSRF, hosts, origins, methods and sizes.

use pillion_fakes::Options;
use serde_json::json;

use super::{Guarded, TOKEN, bearer, call};
use crate::{
    client::Answer,
    test_host::{TestHost, ask},
};

const JSON: &str = "Content-Type: application/json";

/// Every answer of the dashboard has them.
fn assert_guarded(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{answer:?}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value);
    }
}

/// Begins a session; returns the cookie header and the CSRF header.
pub(super) async fn login(guarded: &Guarded) -> (String, String) {
    let body = json!({ "token": TOKEN }).to_string();
    let answer = call(guarded.address, "POST", "/api/session", &[JSON], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let csrf = answer.json()["csrf"].as_str().unwrap().to_owned();
    (
        format!("Cookie: other=1; {cookie}"),
        format!("X-Pillion-CSRF: {csrf}"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_embedded_and_cached_by_its_etag() {
    let host = TestHost::new(Options::default());
    let mut server = host.start();
    let address = server.address().await;
    let root = ask(address, "GET", "/", &[]).await;
    assert_eq!((root.status, root.header("location")), (303, "dashboard"));
    for (path, content_type) in [
        ("", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        // The page is no secret, also under a foreign name.
        let answer = call(address, "GET", path, &["Host: evil.example"], "").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, content_type)
        );
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_guarded(&answer);
        let known = format!("If-None-Match: {}", answer.header("etag"));
        let again = call(address, "GET", path, &[&known], "").await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let posted = call(address, "POST", path, &[], "").await;
        assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD"));
    }
    for path in ["/", "/nothing", "/../etc/passwd", "/%2e%2e/x", "/api", "x"] {
        let answer = call(address, "GET", path, &[], "").await;
        assert_eq!(answer.status, 404, "{path}");
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_this_machine_reads_and_none_acts() {
    let host = TestHost::new(Options::default());
    let mut server = host.start();
    let address = server.address().await;
    let session = call(address, "GET", "/api/session", &[], "").await.json();
    assert_eq!(session["required"], false);
    assert_eq!(
        (&session["authenticated"], &session["can_act"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(session["csrf"], json!(null));
    for path in [
        "/api/session",
        "/api/overview",
        "/api/events?topics=overview",
    ] {
        let foreign = call(address, "GET", path, &["Host: rebound.example:9180"], "").await;
        assert_eq!(
            (foreign.status, &foreign.json()["error"]),
            (403, &json!("foreign_host"))
        );
        assert_guarded(&foreign);
    }
    let acted = call(address, "POST", "/api/cache/clear", &[JSON], "{}").await;
    assert_eq!(
        (acted.status, &acted.json()["error"]),
        (403, &json!("actions_disabled"))
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_only_its_owner_reads() {
    let guarded = Guarded::start().await;
    let address = guarded.address;
    for path in [
        "overview",
        "workers",
        "builds",
        "artifacts",
        "cache",
        "cache/keys",
        "sentry",
        "sentry/dead-letters",
        "sentry/dead-letters/1",
        "metrics",
        "events?topics=overview",
        "nothing",
    ] {
        let path = format!("/api/{path}");
        for headers in [
            &[][..],
            &["Authorization: Bearer wrong"],
            &["Authorization: Basic x"],
            &["Cookie: pillion_session=AAAA"],
        ] {
            let answer = call(address, "GET", &path, headers, "").await;
            assert_eq!(
                (answer.status, &answer.json()["error"]),
                (401, &json!("unauthorized"))
            );
            assert_guarded(&answer);
        }
    }
    let session = call(address, "GET", "/api/session", &[], "").await.json();
    assert_eq!(
        session,
        json!({"required": true, "authenticated": false, "can_act": false, "csrf": null})
    );
    // A front server's name is no reason to refuse a client with the token.
    let named = call(
        address,
        "GET",
        "/api/overview",
        &[&bearer(), "Host: shop.example"],
        "",
    )
    .await;
    assert_eq!(named.status, 200);
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_reads_and_acts_with_its_csrf_token_until_it_ends() {
    let guarded = Guarded::start().await;
    let address = guarded.address;
    let (cookie, csrf) = login(&guarded).await;
    let read = call(address, "GET", "/api/overview", &[&cookie], "").await;
    assert_eq!(read.status, 200);
    let session = call(address, "GET", "/api/session", &[&cookie], "")
        .await
        .json();
    assert_eq!(
        format!("X-Pillion-CSRF: {}", session["csrf"].as_str().unwrap()),
        csrf
    );
    assert_eq!(session["can_act"], true);
    assert!(session["version"].is_string() && session["started"].is_f64());
    let act = async |headers: &[&str]| {
        let headers = [&[&*cookie, JSON], headers].concat();
        call(address, "POST", "/api/cache/clear", &headers, "{}").await
    };
    let own_origin = "Origin: http://localhost";
    assert_eq!(act(&[&csrf]).await.status, 200);
    assert_eq!(
        act(&[&csrf, own_origin, "Sec-Fetch-Site: same-origin"])
            .await
            .status,
        200
    );
    let (_, other_csrf) = login(&guarded).await;
    for (headers, error) in [
        (&[][..], "csrf"),
        (&["X-Pillion-CSRF: "][..], "csrf"),
        (&[&*other_csrf][..], "csrf"),
        (
            &[&*csrf, "Origin: http://evil.example"][..],
            "foreign_origin",
        ),
        (
            &[&*csrf, own_origin, "Sec-Fetch-Site: cross-site"][..],
            "foreign_origin",
        ),
    ] {
        let answer = act(headers).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (403, &json!(error)),
            "{headers:?}"
        );
    }
    let end = async |headers: &[&str]| call(address, "DELETE", "/api/session", headers, "").await;
    assert_eq!(end(&[&cookie]).await.status, 403);
    let ended = end(&[&cookie, &csrf]).await;
    assert!(ended.header("set-cookie").starts_with("pillion_session=;"));
    assert_eq!(
        call(address, "GET", "/api/overview", &[&cookie], "")
            .await
            .status,
        401
    );
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_are_refused_and_limited() {
    let guarded = Guarded::start().await;
    let login = async |token: &str| {
        let body = json!({ "token": token }).to_string();
        call(guarded.address, "POST", "/api/session", &[JSON], &body).await
    };
    let wrong = login("wrong").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let mut last = wrong;
    for _ in 0..20 {
        last = login("wrong").await;
    }
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").parse::<u32>().is_ok());
    // The owner of the token is not locked out of the API.
    assert_eq!(guarded.read("/api/overview").await.status, 200);
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_types_and_sizes_have_errors() {
    let guarded = Guarded::start().await;
    let bearer = bearer();
    let call = async |method: &str, path: &str, headers: &[&str], body: &str| {
        let headers = [&[&*bearer], headers].concat();
        call(guarded.address, method, path, &headers, body).await
    };
    for (method, path, allow) in [
        ("POST", "/api/overview", "GET, HEAD"),
        ("DELETE", "/api/events", "GET, HEAD"),
        ("PUT", "/api/sentry/dead-letters/1", "GET, HEAD"),
        ("GET", "/api/artifacts/delete", "POST"),
        ("PUT", "/api/session", "GET, HEAD, POST, DELETE"),
    ] {
        let answer = call(method, path, &[JSON], "{}").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, allow),
            "{method} {path}"
        );
    }
    assert_eq!(call("GET", "/api/nothing", &[], "").await.status, 404);
    assert_eq!(
        call("POST", "/api/nothing", &[JSON], "{}").await.status,
        404
    );
    let clear = "/api/cache/clear";
    for (headers, body) in [
        (&[][..], "{}"),
        (&["Content-Type: text/plain"][..], "{}"),
        (
            &["Content-Type: application/x-www-form-urlencoded"][..],
            "a=1",
        ),
        (&[JSON][..], ""),
        (&[JSON][..], "[]"),
        (&[JSON][..], "{"),
    ] {
        assert_eq!(
            call("POST", clear, headers, body).await.status,
            400,
            "{headers:?} {body}"
        );
    }
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(call("POST", clear, &[JSON], &long).await.status, 413);
    for query in ["limit=0", "limit=1001", "after=x", "limit=x"] {
        let answer = call("GET", &format!("/api/artifacts?{query}"), &[], "").await;
        assert_eq!(answer.status, 400, "{query}");
    }
    for query in ["", "topics=", "topics=nothing", "topics=overview,nothing"] {
        let answer = call("GET", &format!("/api/events?{query}"), &[], "").await;
        assert_eq!(answer.status, 400, "{query}");
    }
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_session_stays_ended_after_a_restart() {
    let guarded = Guarded::start().await;
    let (ended, csrf) = login(&guarded).await;
    let (kept, _) = login(&guarded).await;
    let headers = [&*ended, &csrf];
    let answer = call(guarded.address, "DELETE", "/api/session", &headers, "").await;
    assert_eq!(answer.status, 200);
    guarded.server.end().await;
    let file = guarded.host.dir.path().join("token");
    let mut server = guarded
        .host
        .start_with(&[("serve_token_file", file.to_str().unwrap())]);
    let address = server.address().await;
    for (cookie, status) in [(&ended, 401), (&kept, 200)] {
        let answer = call(address, "GET", "/api/overview", &[cookie], "").await;
        assert_eq!(answer.status, status);
    }
    server.end().await;
}
