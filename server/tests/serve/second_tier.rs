//! The connection of a standing server to the second tier, which no call of its own needs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use pillion_fakes::Options;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};

use crate::test_host::{Running, TestHost, get, until};

/// A server that answers each command of RESP, while it is healthy.
struct Redis {
    address: String,
    is_healthy: Arc<AtomicBool>,
    /// Ends all connections.
    end: broadcast::Sender<()>,
}

impl Redis {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (end, is_healthy) = (broadcast::channel(1).0, Arc::new(AtomicBool::new(true)));
        let (ends, healthy) = (end.clone(), Arc::clone(&is_healthy));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut end = ends.subscribe();
                if healthy.load(Ordering::Relaxed) {
                    tokio::spawn(async move {
                        tokio::select! {
                            () = answer(client) => {}
                            _ = end.recv() => {}
                        }
                    });
                }
            }
        });
        Self {
            address,
            is_healthy,
            end,
        }
    }

    fn fail(&self) {
        self.is_healthy.store(false, Ordering::Relaxed);
        let _ = self.end.send(());
    }
}

async fn answer(mut client: TcpStream) {
    let (read, mut write) = client.split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let words: usize = line[1..].trim_end().parse().unwrap();
        let mut command = Vec::new();
        for _ in 0..words {
            let mut length = String::new();
            read.read_line(&mut length).await.unwrap();
            let length: usize = length[1..].trim_end().parse().unwrap();
            let mut word = vec![0; length + 2];
            read.read_exact(&mut word).await.unwrap();
            command.push(String::from_utf8_lossy(&word[..length]).to_uppercase());
        }
        let answer: &[u8] = match command[0].as_str() {
            "HELLO" => b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n",
            "PING" => b"+PONG\r\n",
            _ => b"+OK\r\n",
        };
        write.write_all(answer).await.unwrap();
    }
}

fn is_connected(running: &Running) -> bool {
    let stats = running.engine.cache_stats();
    stats["second_tier"]["connected"] == true
}

#[tokio::test(flavor = "multi_thread")]
async fn server_is_connected_without_a_call_and_again_after_a_failure() {
    let redis = Redis::start().await;
    let url = format!("redis://{}", redis.address);
    let host = TestHost::with(Options::default(), &[("cache_url", &url)]);
    let mut running = host.start();
    let address = running.address().await;
    until("it is connected", || is_connected(&running)).await;
    let page = get(address, "/metrics", &[]).await.text();
    assert!(page.contains("cache_connectivity 1"), "{page}");
    redis.fail();
    until("it is not connected", || !is_connected(&running)).await;
    redis.is_healthy.store(true, Ordering::Relaxed);
    until("it is connected again", || is_connected(&running)).await;
    running.end().await;
}
