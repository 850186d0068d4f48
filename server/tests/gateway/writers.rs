//! Many writers of one key.

use std::sync::Arc;

use tokio::sync::Barrier;

use crate::gateway::TestGateway;

const WRITERS: usize = 32;
const KEYS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_of_32_writers_wins_each_of_1000_keys() {
    let gateway = TestGateway::start();
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut client = gateway.client("trusted").await;
        let start = Arc::clone(&start);
        writers.push(tokio::spawn(async move {
            let mut statuses = Vec::new();
            for key in 0..KEYS {
                start.wait().await;
                let content = format!("{key} of writer {writer}");
                let path = format!("/v1/proxy/blob/{key}");
                let answer = client.put(&path, content.as_bytes()).await;
                statuses.push(answer.status);
            }
            statuses
        }));
    }
    let mut statuses = Vec::new();
    for writer in writers {
        statuses.push(writer.await.unwrap());
    }
    let mut reader = gateway.client("read").await;
    for key in 0..KEYS {
        let winners: Vec<usize> = (0..WRITERS)
            .filter(|writer| statuses[*writer][key] == 200)
            .collect();
        let [winner] = winners[..] else {
            panic!("{key}: {winners:?}");
        };
        let losers = statuses
            .iter()
            .filter(|statuses| statuses[key] == 412)
            .count();
        assert_eq!(losers, WRITERS - 1, "{key}");
        let stored = reader.get(&format!("/v1/proxy/blob/{key}")).await;
        assert_eq!(stored.text(), format!("{key} of writer {winner}"));
    }
    assert_eq!(gateway.files().len(), KEYS);
}
