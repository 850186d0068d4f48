//! The text form of the statistics, for the terminal.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pillion_engine::{cache::ClassStats, config::duration};
use serde_json::Value;

/// Statistics, one value a line, and the size classes.
pub(super) fn stats(stats: &Value, classes: &[ClassStats]) -> String {
    let count = |name: &str| stats[name].as_u64().unwrap_or(0);
    let size = |name: &str| bytes(count(name));
    let lookups = count("hits") + count("misses");
    let ratio = match lookups {
        0 => String::new(),
        _ => format!(
            ", {:.1} % of lookups",
            100.0 * count("hits") as f64 / lookups as f64
        ),
    };
    let mut out = String::new();
    for (name, text) in [
        (
            "namespace",
            stats["namespace"].as_str().unwrap_or("–").to_owned(),
        ),
        ("file", stats["path"].as_str().unwrap_or("–").to_owned()),
        ("created", since(stats["created_ms"].as_u64())),
        ("cleared", since(stats["cleared_ms"].as_u64())),
        (
            "memory",
            format!(
                "{}: {} used, of this {} wasted; {} free",
                size("memory"),
                size("memory_used"),
                size("memory_wasted"),
                size("memory_free")
            ),
        ),
        ("largest value", size("max_value")),
        ("entries", count("entries").to_string()),
        ("hits", format!("{}{ratio}", count("hits"))),
        ("misses", count("misses").to_string()),
        ("stores", count("stores").to_string()),
        ("deletes", count("deletes").to_string()),
        ("expired", count("expired").to_string()),
        ("evicted", count("evictions").to_string()),
        ("refused", count("refused").to_string()),
        (
            "invalidated",
            format!("{} tags", count("tag_invalidations")),
        ),
    ] {
        let _ = writeln!(out, "{name:<15}{text}");
    }
    out.push_str(&second_tier(stats));
    if !classes.is_empty() {
        let _ = writeln!(
            out,
            "\n{:>10}{:>10}{:>12}{:>12}{:>10}",
            "blocks of", "entries", "memory", "wasted", "evicted"
        );
    }
    for class in classes {
        let _ = writeln!(
            out,
            "{:>10}{:>10}{:>12}{:>12}{:>10}",
            bytes(class.bytes),
            class.entries,
            bytes(class.memory),
            bytes(class.wasted),
            class.evictions
        );
    }
    out
}

/// The line of the second tier; empty without one.
pub(super) fn second_tier(stats: &Value) -> String {
    let Some(second) = stats["second_tier"].as_object() else {
        return String::new();
    };
    let url = second.get("url").and_then(Value::as_str).unwrap_or("–");
    let state = match second.get("connected") {
        Some(Value::Bool(true)) => "connected",
        _ => "not available",
    };
    format!("{:<15}{url}, {state}\n", "second tier")
}

fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    match count as f64 {
        small if small < KIB => format!("{count} B"),
        middle if middle < KIB * KIB => format!("{:.1} KiB", middle / KIB),
        large => format!("{:.1} MiB", large / KIB / KIB),
    }
}

/// How long ago, in whole seconds.
fn since(unix_ms: Option<u64>) -> String {
    let Some(then) = unix_ms else {
        return "never".into();
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let age = now.saturating_sub(Duration::from_millis(then)).as_secs();
    format!("{} ago", duration::format(Duration::from_secs(age)))
}
