//! A leak as `Worker\leaks()` returns it, and as a line in the log, once for each name. Runs right after the walk,
//! while the values that are named are still alive.

use pillion_engine::worker::leaks::{Leak, LeakKind};
use serde_json::{Value, json};

use super::heap_walk::{HeapWalk, describe::Named, describe_engine, loaded_code};

/// How a leak's size has changed, in words.
struct Change {
    before: Value,
    after: Value,
    words: String,
    bytes: i64,
}

/// The entries for a leak: one for each new constant, else one.
pub fn entries(walk: &HeapWalk, leak: &Leak) -> Vec<Value> {
    let subject = leak.subject;
    let gained = leak.after.count.saturating_sub(leak.before.count);
    if subject.kind == LeakKind::Constant {
        let names = loaded_code::newest_names(subject.kind, gained);
        let entry_of = |name: String| entry(leak, Named::new(name), unsized_change("defined"));
        return names.into_iter().map(entry_of).collect();
    }
    let mut named = walk.name(subject);
    let change = describe_change(leak, &mut named, gained);
    vec![entry(leak, named, change)]
}

fn describe_change(leak: &Leak, named: &mut Named, gained: u64) -> Change {
    let counts = |words: String, bytes| Change {
        before: leak.before.count.into(),
        after: leak.after.count.into(),
        words,
        bytes,
    };
    let arrow = |what: &str| format!("{} → {} {what}", leak.before.count, leak.after.count);
    let held = |words: String, path: &[String]| match path {
        [] => words,
        path => format!("{words}, held by {}", path.join(" → ")),
    };
    match leak.subject.kind {
        LeakKind::Ini => {
            let (before, after) = describe_engine::ini_values(leak.subject);
            Change {
                words: format!("{before:?} → {after:?}"),
                before: before.into(),
                after: after.into(),
                bytes: 0,
            }
        }
        kind @ (LeakKind::Class | LeakKind::Function | LeakKind::File) => {
            named.name = match kind {
                LeakKind::Class => "classes".to_owned(),
                kind => format!("{}s", kind.name()),
            };
            named.path = loaded_code::newest_names(kind, gained);
            let names = named.path.join(", ");
            counts(format!("{gained} generated and loaded ({names})"), 0)
        }
        LeakKind::ShutdownFunction | LeakKind::ErrorHandler | LeakKind::ExceptionHandler => {
            counts(arrow("registered"), 0)
        }
        LeakKind::Object => counts(held(arrow("objects"), &named.path), 0),
        LeakKind::Connection => counts(held(arrow("open"), &named.path), 0),
        LeakKind::Resource => counts(
            match named.path.first() {
                Some(last) => format!("{}, the last one {last}", arrow("open")),
                None => arrow("open"),
            },
            0,
        ),
        LeakKind::Memory => {
            let words = format!("{}, {} requests in a row", arrow("bytes"), leak.times);
            counts(words, gained.cast_signed())
        }
        LeakKind::Session => unsized_change("left open"),
        _ => Change {
            before: leak.before.words().into(),
            after: leak.after.words().into(),
            words: leak.after.change(&leak.before),
            bytes: leak.after.bytes.cast_signed() - leak.before.bytes.cast_signed(),
        },
    }
}

fn unsized_change(words: &str) -> Change {
    Change {
        before: Value::Null,
        after: Value::Null,
        words: words.to_owned(),
        bytes: 0,
    }
}

fn entry(leak: &Leak, named: Named, change: Change) -> Value {
    let mut message = format!("{}: {}", named.name, change.words);
    if change.bytes != 0 {
        message.push_str(&format!(", {:+} bytes", change.bytes));
    }
    let (file, line) = named.location.unzip();
    json!({
        "kind": named.kind.unwrap_or(leak.subject.kind).name(),
        "name": named.name,
        "message": message,
        "before": change.before,
        "after": change.after,
        "bytes": change.bytes,
        "file": file,
        "line": line,
        "path": named.path,
        "times": leak.times,
    })
}

/// A text of an entry.
pub fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Logs an entry.
pub fn log_entry(entry: &Value) {
    let location = match entry.get("line").and_then(Value::as_u64) {
        Some(number) => format!("{}:{number}", text(entry, "file")),
        None => String::new(),
    };
    log::warn!(
        kind = text(entry, "kind"),
        message = text(entry, "message"),
        place = location.as_str();
        "request left something behind"
    );
}
