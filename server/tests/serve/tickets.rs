//! Tickets that are not valid, and paths that are no tickets: no client gets any other file.

use pillion_engine::{
    host::{clock, secret::Secret},
    metrics::Format,
    velox::delivery::Ticket,
};
use pillion_fakes::Options;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    client::Answer,
    test_host::{HOUR, TestHost, ask, get, request},
};

#[tokio::test(flavor = "multi_thread")]
async fn invalid_ticket_is_refused_without_details() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let request = request("http");
    let link = host.link(&request);
    let now = clock::unix_ms();
    let other_host = tempfile::tempdir().unwrap();
    let other = Secret::of_host(other_host.path()).unwrap();
    let hour = HOUR.as_millis() as u64;
    let expired = host.sign(&Ticket::issue(&request, now - hour - 1, HOUR));
    let future = host.sign(&Ticket::issue(&request, now + hour, HOUR));
    let foreign = format!(
        "/delivery/{}",
        Ticket::issue(&request, now, HOUR).sign(&other)
    );
    let mut altered = link.clone();
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'B' } else { 'A' });
    for (path, status, error) in [
        (expired.as_str(), 410, "expired"),
        (&future, 403, "forbidden"),
        (&foreign, 403, "forbidden"),
        (&altered, 403, "forbidden"),
        (&format!("{link}/"), 403, "forbidden"),
        (&format!("{link}%00"), 403, "forbidden"),
        ("/delivery/", 403, "forbidden"),
        ("/delivery/../../etc/passwd", 403, "forbidden"),
        ("/delivery/..%2f..%2fetc%2fpasswd", 403, "forbidden"),
        ("/delivery//etc/passwd", 403, "forbidden"),
        ("/delivery", 404, "not_found"),
        ("/etc/passwd", 404, "not_found"),
        ("//delivery/x", 404, "not_found"),
    ] {
        let answer = get(address, path, &[]).await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (status, Some(error)),
            "{path}"
        );
        assert!(answer.body.len() < 120, "{}", answer.text());
    }
    assert_eq!(host.fake.counters().build_requests, 0);
    let page = running.engine.render_metrics("", Format::Prometheus);
    for reason in ["malformed", "wrong_signature", "expired", "not_yet_valid"] {
        let series = format!("pillion_delivery_refused_tickets_total{{reason=\"{reason}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&series));
        assert!(line.unwrap().parse::<f64>().unwrap() >= 1.0, "{reason}");
    }
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_secret_of_the_host_is_read() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let old = host.link(&request("http"));
    assert_eq!(get(address, &old, &[]).await.status, 200);
    std::fs::remove_file(host.state_dir().join("secret")).unwrap();
    let new = host.link(&request("http"));
    assert_eq!(get(address, &new, &[]).await.status, 200);
    assert_eq!(get(address, &old, &[]).await.status, 403);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_client_choose_no_file() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let whole = get(address, &link, &[]).await;
    let headers = [
        "X-Accel-Redirect: /etc/passwd",
        "X-Sendfile: /etc/passwd",
        "X-Sendfile-Type: x-accel-redirect",
        "X-Accel-Mapping: /=/",
        "X-Original-URL: /etc/passwd",
    ];
    let answer = get(address, &link, &headers).await;
    assert_eq!(answer.body, whole.body);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(address, method, &link, &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
    }
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_of_a_removed_request_is_gone() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let ticket = Ticket::issue(&request("http"), clock::unix_ms(), HOUR);
    let answer = get(address, &host.sign(&ticket), &[]).await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (410, Some("gone"))
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_page_needs_the_token_and_downloads_do_not() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret\n").unwrap();
    let file = token.path().display().to_string();
    let host = TestHost::with(Options::default(), &[("serve_token_file", &file)]);
    let mut running = host.start();
    let address = running.address().await;
    assert_eq!(get(address, "/metrics", &[]).await.status, 401);
    let wrong = "Authorization: Bearer s3cres";
    assert_eq!(get(address, "/metrics", &[wrong]).await.status, 401);
    let right = "Authorization: Bearer s3cret";
    let page = get(address, "/metrics", &[right]).await;
    assert!(page.text().contains("velox_stream_ttfb_seconds_count"));
    assert!(page.header("content-type").starts_with("text/plain"));
    let open = "Accept: application/openmetrics-text; version=1.0.0";
    let page = get(address, "/metrics", &[right, open]).await;
    assert!(page.text().ends_with("# EOF\n"));
    assert_eq!(get(address, "/health", &[]).await.status, 200);
    assert_eq!(
        get(address, &host.link(&request("http")), &[]).await.status,
        200
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_page_without_a_token_is_for_this_machine() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let foreign = |address: std::net::SocketAddr| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "GET /metrics HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    };
    let answer = foreign(address).await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (403, Some("foreign_host"))
    );
    assert_eq!(get(address, "/metrics", &[]).await.status, 200);
    running.end().await;

    let open = TestHost::with(Options::default(), &[("serve_allow_anonymous", "on")]);
    let mut running = open.start();
    let address = running.address().await;
    assert_eq!(foreign(address).await.status, 200);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_ticket_makes_no_secret() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let secret = host.state_dir().join("secret");
    let kept = std::fs::read(&secret).unwrap();
    std::fs::remove_file(&secret).unwrap();
    let other_host = tempfile::tempdir().unwrap();
    let other = Secret::of_host(other_host.path()).unwrap();
    let ticket = Ticket::issue(&request("http"), clock::unix_ms(), HOUR);
    let foreign = format!("/delivery/{}", ticket.sign(&other));
    for path in [&*foreign, "/delivery/x"] {
        assert_eq!(get(address, path, &[]).await.status, 403);
    }
    assert!(!secret.exists());
    // Tickets of the known secret are served, and so are those of a new one.
    assert_eq!(get(address, &link, &[]).await.status, 200);
    let renewed = host.link(&request("http"));
    assert_ne!(std::fs::read(&secret).unwrap(), kept);
    assert_eq!(get(address, &renewed, &[]).await.status, 200);
    running.end().await;
}
