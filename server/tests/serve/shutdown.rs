//! The end of a server, and the stand-by that follows it.

use std::{os::unix::net::UnixStream, time::Duration};

use pillion_fakes::{Answer as Built, Options};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    client::{Answer, begin, read_head},
    test_host::{TestHost, get, large, remove_used_directory, request, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn download_ends_after_the_stop_and_new_ones_do_not_begin() {
    let host = TestHost::new(large());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let whole = get(address, &link, &[]).await;
    let mut slow = begin(address, &link, &[]).await;
    let (_, mut body) = read_head(&mut slow).await;
    running.stop.graceful.cancel();
    let mut next = host.start();
    // The next server serves while the download of the former one goes on.
    let new_address = next.address().await;
    assert!(TcpStream::connect(address).await.is_err() || address == new_address);
    assert_eq!(
        get(new_address, &link, &[]).await.body.len(),
        whole.body.len()
    );
    assert!(!running.task.is_finished());
    slow.read_to_end(&mut body).await.unwrap();
    assert!(body == whole.body);
    running.end().await;
    next.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_waits_for_a_build_and_its_download() {
    let options = Options::default().delay(Duration::from_millis(2500));
    let host = TestHost::with(options, &[("serve_shutdown_timeout", "1s")]);
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let mut waiting = begin(address, &link, &[]).await;
    let other = host.link(&request("logger"));
    let accepted = get(address, &other, &["Prefer: respond-async"]).await;
    assert_eq!(accepted.status, 202);
    until("both builds have begun", || {
        host.fake.counters().builds_started == 2
    })
    .await;
    running.stop.graceful.cancel();
    let mut next = host.start();
    let new_address = next.address().await;
    assert_eq!(get(new_address, "/health", &[]).await.status, 200);
    let built = Answer::read(&mut waiting).await;
    assert_eq!(built.status, 200, "{}", built.text());
    assert_eq!(built.header("x-cache-status"), "MISS");
    running.end().await;
    let hit = get(new_address, &other, &[]).await;
    assert_eq!(
        hit.header("x-cache-status"),
        "HIT",
        "built without a client"
    );
    next.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_ends_a_build_at_once() {
    let host = TestHost::new(Options::default().behave(Built::Hang));
    let mut running = host.start();
    let address = running.address().await;
    let waiting = begin(address, &host.link(&request("http")), &[]).await;
    until("the build has begun", || {
        host.fake.counters().builds_started == 1
    })
    .await;
    running.stop.graceful.cancel();
    running.stop.now.cancel();
    running.end().await;
    // The program ends its connections; here they go on.
    drop(waiting);
    until("the build is cancelled", || {
        host.fake.counters().builds_cancelled == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_without_its_directory_has_a_stand_by() {
    let host = TestHost::new(Options::default());
    let mut first = host.start();
    let address = first.address().await;
    remove_used_directory(&host.dir.path().join("run"));
    let mut second = host.start_with(&[("serve_listen", &address.to_string())]);
    assert_eq!(second.states.recv().await, Some(None), "a stand-by");
    assert_eq!(get(address, "/health", &[]).await.status, 200);
    first.end().await;
    assert_eq!(second.address().await, address);
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_is_bound_again_after_its_directory_was_removed() {
    let host = TestHost::new(Options::default());
    let run = host.dir.path().join("run");
    let socket = run.join("serve.sock");
    let addresses = format!("127.0.0.1:0,unix:{}", socket.display());
    let mut running = host.start_with(&[("serve_listen", &addresses)]);
    let address = running.address().await;
    for _ in 0..2 {
        assert!(UnixStream::connect(&socket).is_ok());
        remove_used_directory(&run);
        until("the socket is bound again", || {
            UnixStream::connect(&socket).is_ok()
        })
        .await;
        assert_eq!(get(address, "/health", &[]).await.status, 200);
    }
    running.end().await;
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_ends_downloads_at_once() {
    let host = TestHost::with(large(), &[("serve_shutdown_timeout", "1h")]);
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    get(address, &link, &[]).await;
    let mut slow = begin(address, &link, &[]).await;
    read_head(&mut slow).await;
    running.stop.now.cancel();
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_keeps_its_place_if_its_lock_is_removed() {
    let host = TestHost::new(Options::default());
    let mut first = host.start();
    let address = first.address().await;
    let listen = address.to_string();
    let lock = host.dir.path().join("run/serve.lock");
    let mut second = host.start_with(&[("serve_listen", &listen)]);
    assert_eq!(second.states.recv().await, Some(None), "a stand-by");
    std::fs::remove_file(&lock).unwrap();
    until("the lock is there again", || lock.exists()).await;
    let engine = first.engine.clone();
    until("the first leads", || engine.is_leader()).await;
    assert!(get(address, "/health", &[]).await.text().contains("true"));
    first.end().await;
    assert_eq!(second.address().await, address);
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stand_by_follows_and_leads() {
    let host = TestHost::new(Options::default());
    let mut first = host.start();
    first.address().await;
    let engine = first.engine.clone();
    until("the first leads", || engine.is_leader()).await;
    let mut second = host.start();
    assert_eq!(second.states.recv().await, Some(None), "a stand-by");
    first.end().await;
    let address = second.address().await;
    let engine = second.engine.clone();
    until("the second leads", || engine.is_leader()).await;
    let health = get(address, "/health", &[]).await;
    assert_eq!(health.json()["leader"], true);
    second.end().await;
}
