//! The progress of a build as server-sent events (`Accept: text/event-stream`): `progress` with each change, and `done`
//! or `error` at the end. Memory is bounded: a client that reads nothing gets the newest state when it reads again.

use std::{collections::VecDeque, time::Duration};

use hyper::body::Bytes;
use pillion_engine::{
    artifacts::{CacheStatus, IndexRecord},
    host::clock,
    velox::{BuildRequest, Progress, delivery::Ticket},
};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use super::{errors, source::Source};
use crate::http::{EventBody, Response, event, event_response, full_body};

/// The longest pause between two events; each has the elapsed time. Keeps proxies from closing the connection.
const EVENT_INTERVAL: Duration = Duration::from_secs(5);

/// Builds, and reports the progress. The build loses this subscriber when the client disconnects.
pub(super) fn respond(
    source: &Source,
    ticket: Ticket,
    request: BuildRequest,
    path: &str,
) -> Response {
    let (events, receiver) = mpsc::channel(1);
    let (source, path) = (source.clone(), path.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = report(&source, ticket, request, &path, &events) => {}
            // The client has disconnected.
            () = events.closed() => {}
        }
    });
    event_response(EventBody::boxed(receiver))
}

async fn report(
    source: &Source,
    ticket: Ticket,
    request: BuildRequest,
    path: &str,
    events: &mpsc::Sender<Bytes>,
) {
    let (sender, mut progress) = watch::channel(Progress::default());
    let building = source.build(request, |progress| {
        sender.send_replace(progress.clone());
    });
    tokio::pin!(building);
    let mut ticks = interval(EVENT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lines = NewLines::default();
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = building.as_mut() => break outcome,
            _ = progress.changed() => {}
            _ = ticks.tick() => {}
        }
        let event = {
            let now = progress.borrow_and_update();
            progress_event(&now, lines.of(&now.lines))
        };
        // The build goes on while the client does not read.
        tokio::select! {
            biased;
            outcome = building.as_mut() => break outcome,
            sent = events.send(event) => if sent.is_err() { return },
        }
    };
    let last = match outcome {
        Ok(artifact) => done_event(path, &artifact.record, artifact.cache_status),
        Err(error) => event("error", &errors::shown(&error, &ticket).body),
    };
    let _ = events.send(last).await;
}

/// The events of a build that has ended before.
pub(super) fn finished(path: &str, record: &IndexRecord, status: CacheStatus) -> Response {
    event_response(full_body(done_event(path, record, status)))
}

fn progress_event(progress: &Progress, lines: Vec<String>) -> Bytes {
    let elapsed = match progress.started_ms {
        0 => 0,
        started => clock::unix_ms().saturating_sub(started),
    };
    event(
        "progress",
        &json!({
            "state": progress.phase.name(),
            "attempt": progress.attempt,
            "elapsed": elapsed as f64 / 1000.0,
            "lines": lines,
        }),
    )
}

fn done_event(path: &str, record: &IndexRecord, status: CacheStatus) -> Bytes {
    event(
        "done",
        &json!({
            "url": path,
            "size": record.size,
            "sha256": record.sha256_hex(),
            "cache_status": status.name(),
        }),
    )
}

/// The lines of a log that a client has not received yet: a build publishes its last lines only.
#[derive(Debug, Default)]
struct NewLines(VecDeque<String>);

impl NewLines {
    /// The lines after those of the last call.
    fn of(&mut self, lines: &[String]) -> Vec<String> {
        // The longest end of the known lines with which the new ones begin.
        let known = (0..=self.0.len().min(lines.len())).rev().find(|count| {
            let start = self.0.len() - count;
            self.0.iter().skip(start).eq(lines.iter().take(*count))
        });
        let new: Vec<String> = lines.iter().skip(known.unwrap_or(0)).cloned().collect();
        self.0 = lines.iter().cloned().collect();
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_reported_once() {
        let mut seen = NewLines::default();
        let lines = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        assert_eq!(seen.of(&lines("ab")), lines("ab"));
        assert_eq!(seen.of(&lines("ab")), lines(""));
        assert_eq!(seen.of(&lines("bcd")), lines("cd"));
        assert_eq!(seen.of(&lines("xy")), lines("xy"));
        assert_eq!(seen.of(&lines("yy")), lines("y"));
    }

    #[test]
    fn event_is_one_line_of_data() {
        let bytes = event("progress", &json!({"lines": ["a\nb\rc"]}));
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("event: progress\ndata: {") && text.ends_with("}\n\n"));
    }
}
