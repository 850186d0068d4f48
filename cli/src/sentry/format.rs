//! Text forms of status, metrics and dead letters, for the terminal.

use serde_json::Value;

/// Status and metrics, one value a line.
pub(super) fn status(status: &Value, metrics: &Value) -> String {
    let queue = |key: &str| {
        let number = status.get("queue").and_then(|queue| queue.get(key));
        number.and_then(Value::as_u64).unwrap_or(0)
    };
    let count = |key: &&str| metrics.get(*key).and_then(Value::as_u64).unwrap_or(0);
    let mut out = String::new();
    let mut line = |name: &str, text: String| out.push_str(&format!("{name:<14}{text}\n"));
    line(
        "enabled",
        match (status["enabled"] == true, status["dsn_set"] == true) {
            (false, _) => "no".into(),
            (true, true) => "yes".into(),
            (true, false) => "yes; no DSN is set here, each envelope needs its own".into(),
        },
    );
    line(
        "queued",
        format!(
            "{} envelopes, {} of outboxes",
            queue("queue_length"),
            bytes(queue("bytes"))
        ),
    );
    line("dead letters", queue("retry_queue_length").to_string());
    let limits = status["rate_limits"].as_object().into_iter().flatten();
    for (category, until) in limits {
        line(
            "rate limit",
            format!("{category} until {}", until.as_str().unwrap_or_default()),
        );
    }
    for (name, keys) in [
        ("accepted", &["events_accepted"] as &[&str]),
        ("sent", &["events_sent"]),
        ("failed", &["events_failed"]),
        ("rate limited", &["events_rate_limit"]),
        ("dropped", &["events_dropped", "events_too_large"]),
        ("adopted", &["events_adopted"]),
        ("retries", &["total_retries"]),
    ] {
        let sum: u64 = keys.iter().map(count).sum();
        line(name, sum.to_string());
    }
    for (name, key) in [
        ("request time", "send_seconds"),
        ("queue time", "wait_seconds"),
    ] {
        if let Some(seconds) = metrics[key].as_f64() {
            line(name, format!("{:.1} ms on average", seconds * 1e3));
        }
    }
    out
}

fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    match count as f64 {
        small if small < KIB * KIB => format!("{:.1} KiB", small / KIB),
        large => format!("{:.1} MiB", large / KIB / KIB),
    }
}

/// Dead letters, one a line.
pub(super) fn dead_letters(letters: &Value, as_json: bool) -> String {
    let mut out = String::new();
    for letter in letters.as_array().into_iter().flatten() {
        if as_json {
            out.push_str(&format!("{letter}\n"));
            continue;
        }
        let text = |key: &str| letter[key].as_str().unwrap_or_default();
        let types: Vec<&str> = letter["types"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        out.push_str(&format!(
            "{}  {}  {} bytes, {} tries  {}\n",
            text("id"),
            types.join("+"),
            letter["bytes"],
            letter["attempts"],
            text("reason")
        ));
    }
    out
}
