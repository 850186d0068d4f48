//! Sentry's views and actions: dead letters are listed, read, replayed and discarded, and show no secret.

use std::time::Duration;

use pillion_engine::sentry::{
    dead_letters::{Cause, DeadLetters},
    outbox::Record,
};
use serde_json::{Value, json};

use super::Guarded;

const DSN: &str = "https://hunter2@127.0.0.1:1/5";

/// An envelope of an event with a title.
fn envelope(title: &str) -> String {
    let head = json!({"event_id": "0".repeat(32), "dsn": DSN, "trace": {"public_key": "hunter2", "trace_id": "7"}});
    let event = json!({"exception": {"values": [{"type": "RuntimeException", "value": title}]}});
    format!("{head}\n{{\"type\":\"event\"}}\n{event}\n")
}

/// Writes dead letters as a sender does; returns their ids, the newest first.
fn letters(guarded: &Guarded, titles: &[&str]) -> Vec<String> {
    let letters = DeadLetters::new(guarded.host.state_dir().join("sentry/dead"), 100, 1 << 20);
    for (at, title) in (1_700_000_000_000_u64..).zip(titles) {
        let record = Record {
            dsn: DSN.into(),
            envelope: envelope(title).into(),
            accepted_ms: at,
            attempts: 3,
        };
        let cause = Cause {
            reason: "refused",
            connection: false,
        };
        letters.put(&record, cause, at).unwrap();
    }
    letters.ids().into_iter().rev().collect()
}

fn ids(page: &Value) -> Vec<&str> {
    let letters = page["dead_letters"].as_array().unwrap().iter();
    letters
        .map(|letter| letter["id"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_read_without_their_keys() {
    let guarded = Guarded::start().await;
    let expected = letters(&guarded, &["one", "two", "three"]);
    let page = guarded.read("/api/sentry/dead-letters?limit=2").await;
    assert!(!page.text().contains("hunter2"), "{}", page.text());
    let page = page.json();
    assert_eq!(ids(&page), &expected[..2]);
    assert_eq!(page["next"], expected[1]);
    let first = &page["dead_letters"][0];
    assert_eq!(first["title"], "RuntimeException: three");
    assert_eq!(
        (&first["type"], &first["reason"]),
        (&json!("event"), &json!("refused"))
    );
    let rest = format!("/api/sentry/dead-letters?after={}", expected[1]);
    let rest = guarded.read(&rest).await.json();
    assert_eq!(
        (ids(&rest), &rest["next"]),
        (vec![&*expected[2]], &Value::Null)
    );
    let one = guarded
        .read(&format!("/api/sentry/dead-letters/{}", expected[0]))
        .await;
    assert!(!one.text().contains("hunter2"), "{}", one.text());
    let one = one.json();
    assert_eq!(one["headers"]["trace"], json!({"trace_id": "7"}));
    assert_eq!(
        one["items"][0]["payload"]["exception"]["values"][0]["value"],
        "three"
    );
    for missing in [
        "x",
        "..",
        "..%2f..%2fsecret",
        "1700000000000-0000000000000000",
    ] {
        let answer = guarded
            .read(&format!("/api/sentry/dead-letters/{missing}"))
            .await;
        assert_eq!(answer.status, 404, "{missing}");
    }
    let view = guarded.read("/api/sentry").await.json();
    assert_eq!(view["dead_letters"]["count"], 3);
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_and_discarded() {
    let guarded = Guarded::start().await;
    let ids = letters(&guarded, &["one", "two", "three"]);
    let discard = json!({"id": ids[0]});
    assert_eq!(
        guarded.act("/api/sentry/discard", &discard).await.status,
        200
    );
    assert_eq!(
        guarded.act("/api/sentry/discard", &discard).await.status,
        404
    );
    let replay = json!({"id": ids[1]});
    let replayed = guarded.act("/api/sentry/replay", &replay).await.json();
    assert_eq!(replayed, json!({"replayed": 1}));
    assert_eq!(guarded.act("/api/sentry/replay", &replay).await.status, 404);
    let all = guarded
        .act("/api/sentry/replay", &json!({"all": true}))
        .await
        .json();
    assert_eq!(all, json!({"replayed": 1}));
    for wrong in [json!({}), json!({"id": 5}), json!({"all": false})] {
        assert_eq!(
            guarded.act("/api/sentry/replay", &wrong).await.status,
            400,
            "{wrong}"
        );
    }
    let view = guarded.read("/api/sentry").await.json();
    assert_eq!(
        (&view["counts"]["replayed"], &view["queue"]["queued"]),
        (&json!(2), &json!(2))
    );
    tokio::time::timeout(Duration::from_secs(20), guarded.server.end())
        .await
        .unwrap();
}
