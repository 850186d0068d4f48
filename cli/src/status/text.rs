//! The summary for the terminal: a few lines for each part. Pure.

use std::fmt::Write as _;

use serde_json::Value;

use crate::units::{bytes, float, list, number, seconds, text};

/// Running requests that are listed, the oldest ones.
const MAX_REQUESTS: usize = 5;

/// The lines of a state.
pub(super) fn summary(state: &Value) -> String {
    let mut out = String::new();
    for (name, line) in lines(state) {
        let _ = writeln!(out, "{name:<13}{line}");
    }
    out
}

fn lines(state: &Value) -> Vec<(&'static str, String)> {
    let number = |pointer: &str| number(state, pointer);
    let size = |pointer: &str| bytes(number(pointer));
    let text = |pointer: &str| text(state, pointer);
    let mut lines = vec![
        (
            "pillion",
            format!(
                "{} on {}",
                text("/overview/version"),
                text("/overview/hostname")
            ),
        ),
        (
            "settings",
            match text("/overview/config") {
                file if file.is_empty() => "no file: --config names one".to_owned(),
                file => file,
            },
        ),
        ("leader", leader(state)),
        (
            "directories",
            format!(
                "{}, {}",
                text("/overview/run_dir"),
                text("/overview/state_dir")
            ),
        ),
        (
            "workers",
            format!(
                "{}, {} busy; {} requests; {} of memory; {} leaks",
                number("/overview/workers/total"),
                number("/overview/workers/busy"),
                number("/overview/workers/requests"),
                size("/overview/workers/memory"),
                number("/overview/workers/leaks"),
            ),
        ),
    ];
    lines.extend(requests(state).into_iter().map(|line| ("  request", line)));
    lines.push((
        "builds",
        format!(
            "{} active; {} built, {} failed; {} hits, {} misses",
            number("/overview/builds/active"),
            number("/overview/builds/success"),
            number("/overview/builds/failed"),
            number("/overview/builds/hits"),
            number("/overview/builds/misses"),
        ),
    ));
    let active = list(state, "/builds/active").iter();
    lines.extend(active.map(|build| ("  build", build_line(build))));
    lines.push((
        "artifacts",
        format!(
            "{} of {}; {} of {}{}",
            number("/overview/artifacts/entries"),
            number("/overview/artifacts/max_entries"),
            size("/overview/artifacts/bytes"),
            size("/overview/artifacts/max_bytes"),
            match text("/overview/artifacts/dir") {
                dir if dir.is_empty() => String::new(),
                dir => format!("; in {dir}"),
            },
        ),
    ));
    lines.push(("cache", cache(state)));
    if state.pointer("/cache/second_tier/url").is_some() {
        let is_connected =
            state.pointer("/cache/second_tier/connected") == Some(&Value::Bool(true));
        let state = if is_connected {
            "connected"
        } else {
            "not available"
        };
        lines.push((
            "second tier",
            format!("{}, {state}", text("/cache/second_tier/url")),
        ));
    }
    lines.push((
        "sentry",
        format!(
            "{} queued; {} sent, {} failed; {} dead letters",
            number("/overview/sentry/queued"),
            number("/overview/sentry/sent"),
            number("/overview/sentry/failed"),
            number("/overview/sentry/dead_letters"),
        ),
    ));
    let limits = list(state, "/sentry/rate_limits").iter();
    lines.extend(limits.map(|limit| ("  rate limit", rate_limit(state, limit))));
    lines.push((
        "delivery",
        format!(
            "{} responses, {} held a worker",
            number("/overview/delivery/total"),
            number("/overview/delivery/held"),
        ),
    ));
    let problems = list(state, "/overview/problems").iter();
    let problems = problems.filter_map(Value::as_str);
    lines.extend(problems.map(|problem| ("problem", crate::units::printable(problem))));
    lines
}

fn leader(state: &Value) -> String {
    match state
        .pointer("/overview/leader")
        .filter(|leader| !leader.is_null())
    {
        Some(leader) => format!("{}, pid {}", text(leader, "/mode"), number(leader, "/pid")),
        None => "none: no process of this host has a job".to_owned(),
    }
}

/// The oldest running requests.
fn requests(state: &Value) -> Vec<String> {
    let mut busy: Vec<(f64, &Value)> = list(state, "/workers")
        .iter()
        .filter_map(|worker| Some((float(worker, "/busy")?, worker)))
        .collect();
    busy.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let lines = busy.iter().take(MAX_REQUESTS).map(|(age, worker)| {
        format!(
            "{:>7}  pid {}  {} {}",
            seconds(*age),
            number(worker, "/pid"),
            text(worker, "/request/method"),
            text(worker, "/request/uri"),
        )
    });
    lines.map(|line| line.trim_end().to_owned()).collect()
}

fn build_line(build: &Value) -> String {
    let last = list(build, "/lines").last().and_then(Value::as_str);
    let line = format!(
        "{:>7}  {} {} {}/{}, {}, attempt {}  {}",
        seconds(float(build, "/elapsed").unwrap_or(0.0)),
        text(build, "/key"),
        text(build, "/rr_version"),
        text(build, "/os"),
        text(build, "/arch"),
        text(build, "/state"),
        number(build, "/attempt"),
        crate::units::printable(last.unwrap_or_default()),
    );
    line.trim_end().to_owned()
}

fn cache(state: &Value) -> String {
    let cache = state.get("cache").unwrap_or(&Value::Null);
    let flag = |pointer: &str| cache.pointer(pointer) == Some(&Value::Bool(true));
    if !flag("/enabled") {
        return "off".to_owned();
    }
    if !flag("/available") {
        return match text(cache, "/reason") {
            reason if reason.is_empty() => "empty: no process has used it".to_owned(),
            reason => format!("not available: {reason}"),
        };
    }
    let ratio = float(cache, "/hit_ratio");
    format!(
        "{} entries; {} of {}; {}{} evicted",
        number(cache, "/entries"),
        bytes(number(cache, "/bytes_used")),
        bytes(number(cache, "/bytes_limit")),
        ratio.map_or(String::new(), |ratio| format!(
            "{:.1} % of lookups hit; ",
            ratio * 100.0
        )),
        number(cache, "/evictions"),
    )
}

fn rate_limit(state: &Value, limit: &Value) -> String {
    let until = float(limit, "/until").unwrap_or(0.0);
    let left = until - float(state, "/overview/time").unwrap_or(until);
    format!(
        "project {}, {}: {} left",
        text(limit, "/project"),
        text(limit, "/category"),
        seconds(left),
    )
}
