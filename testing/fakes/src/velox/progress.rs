//! `GET /builds/{request_id}`: the one endpoint that the real server lacks and `pillion velox` has. Off by default,
//! because a client must work without it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::options::Progress;
use super::state::{End, State};
use crate::http::Response;

/// Prefix of the endpoint's paths.
pub(super) const BUILDS: &str = "/builds/";

/// The progress of one build.
pub(super) struct Track {
    /// The number of the request that began it.
    pub(super) number: u64,
    pub(super) request_id: String,
    pub(super) started: Instant,
    /// Its planned duration: the lines are spread evenly over that time.
    pub(super) takes: Duration,
    pub(super) ended: Option<(Instant, End)>,
}

/// The answer, or `None` for silence.
pub(super) fn answer(state: &State, request_id: &str) -> Option<Response> {
    let inner = state.lock();
    match inner.settings.progress {
        Progress::Off => return Some(super::not_found()),
        Progress::Broken => {
            return Some(Response::new(500, "broken\n").with("Content-Type", "text/plain"));
        }
        Progress::Garbage => {
            return Some(
                Response::new(200, "{\"state\":").with("Content-Type", "application/json"),
            );
        }
        Progress::Hang => return None,
        Progress::On => {}
    }
    let Some(track) = inner
        .tracks
        .iter()
        .rev()
        .find(|track| track.request_id == request_id)
    else {
        let body = json!({"code": "not_found", "message": format!("no build with request_id {request_id:?}")});
        return Some(Response::new(404, body.to_string()).with("Content-Type", "application/json"));
    };
    let (until, word) = match track.ended {
        None => (Instant::now(), "building"),
        Some((at, End::Finished)) => (at, "done"),
        Some((at, End::Failed)) => (at, "failed"),
        Some((at, End::Cancelled)) => (at, "cancelled"),
    };
    let elapsed = until - track.started;
    let lines = &inner.settings.progress_lines;
    let shown = shown(lines.len(), elapsed, track.takes);
    let body = json!({
        "state": word,
        "elapsed": (elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        "lines": lines.get(..shown).unwrap_or_default(),
    });
    Some(Response::new(200, body.to_string()).with("Content-Type", "application/json"))
}

/// The first line appears at once, the last one before the end.
fn shown(lines: usize, elapsed: Duration, takes: Duration) -> usize {
    if takes.is_zero() || elapsed >= takes {
        return lines;
    }
    let share = elapsed.as_secs_f64() / takes.as_secs_f64();
    ((share * lines as f64) as usize + 1).min(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_appear_evenly_during_the_build() {
        let at = |ms| shown(4, Duration::from_millis(ms), Duration::from_millis(1000));
        assert_eq!(
            [at(0), at(249), at(250), at(600), at(999), at(5000)],
            [1, 1, 2, 3, 4, 4]
        );
        assert_eq!(shown(0, Duration::ZERO, Duration::from_secs(1)), 0);
    }
}
