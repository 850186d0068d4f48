//! The end of a server, and the stand-by that follows it.

use pillion_fakes::Options;
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    client::{begin, read_head},
    test_host::{TestHost, get, large, request, until},
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
