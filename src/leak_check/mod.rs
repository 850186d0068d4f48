//! Looks, where a loop waits for its next request, at what outlives requests: after the application's own collection,
//! and when all has been reset. The engine decides what of it is a leak, and it is named here. The first request of a
//! script loads and fills what all share: what there is after it is where growth begins. On PHP's thread, between
//! requests.

pub mod heap_walk;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU32, Ordering},
};

use pillion_engine::{
    config::Every,
    host::clock,
    worker::leaks::{self, AddressMap, Leak, LeakKind},
};
use serde_json::{Value, json};

use crate::residue::session::Session;
use crate::{thread_state::Thread, zend::memory};
use heap_walk::{Walk, describe_engine, names};

/// `worker.leak_check`, as a number. The settings are read in MINIT: php-fpm's pools, which have their own
/// later, have no loops.
static EVERY: AtomicU32 = AtomicU32::new(0);

/// Leaks that are named at one time.
const MOST_NAMED: usize = 200;
/// Names that are remembered as logged.
const MOST_LOGGED: usize = 1000;

/// What is known of a loop's requests.
pub struct Watch {
    walk: Option<Walk>,
    /// When the check began, in seconds since 1970.
    began: u64,
    leaks: Vec<Value>,
    /// Hashes of the names that have been in the log.
    logged: AddressMap<u64, ()>,
    /// It is in the log that there is more than is looked at.
    is_cut: bool,
}

impl Watch {
    fn new() -> Self {
        Self {
            walk: Some(Walk::default()),
            began: clock::unix_ms() / 1000,
            leaks: Vec::new(),
            logged: AddressMap::default(),
            is_cut: false,
        }
    }

    /// How many leaks there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.leaks.len() as u64
    }

    fn is_news(&mut self, name: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        self.logged.len() < MOST_LOGGED && self.logged.insert(hasher.finish(), ()).is_none()
    }
}

/// Takes the setting. In MINIT.
pub fn set(every: Every) {
    EVERY.store(every.number(), Ordering::Relaxed);
}

/// A loop waits for its next request, or is about to begin it: all that belongs to the last one is over, the
/// application's own collection too.
pub fn waits() {
    let ended = Thread::with(|thread| {
        let local = &mut thread.worker;
        // RoadRunner's methods that wait call each other.
        if local.is_in_request()
            || std::mem::replace(&mut local.waited, local.looped) == local.looped
        {
            return None;
        }
        let (runs, no_garbage) = memory::gc_state();
        let has_run = std::mem::replace(&mut local.runs, runs) != runs;
        let is_settled = no_garbage || has_run;
        local.trend.add(is_settled.then(|| memory::used() as u64));
        Some(local.looped)
    });
    let every = EVERY.load(Ordering::Relaxed);
    if let Some(ended) = ended
        && leaks::is_due(every, ended)
    {
        look();
    }
}

/// The leaks, as the last look has found them.
#[must_use]
pub fn found() -> Value {
    Thread::with(|thread| {
        let watch = thread.worker.watch.as_ref();
        Value::Array(watch.map_or_else(Vec::new, |watch| watch.leaks.clone()))
    })
}

#[cold]
fn look() {
    let taken = Thread::with(|thread| {
        let watch = &mut thread.worker.watch;
        let watch = watch.get_or_insert_with(|| Box::new(Watch::new()));
        Some((watch.walk.take()?, watch.began))
    });
    let Some((walk, began)) = taken else {
        return;
    };
    let Some((walk, leaks_found)) = walk.look(Session::now().is_open(), began) else {
        heap_walk::end_script();
    };
    let mut leaks = Vec::new();
    for leak in leaks_found.iter().take(MOST_NAMED) {
        leaks.extend(tell(&walk, leak));
    }
    let is_cut = walk.is_cut;
    let (news, is_cut) = Thread::with(|thread| {
        let Some(watch) = thread.worker.watch.as_mut() else {
            return (Vec::new(), false);
        };
        let mut news = leaks.clone();
        news.retain(|leak| watch.is_news(text(leak, "name")));
        (watch.walk, watch.leaks) = (Some(walk), leaks);
        let is_news = is_cut && !std::mem::replace(&mut watch.is_cut, true);
        (news, is_news)
    });
    news.iter().for_each(say);
    if is_cut {
        log::info!("there is more than the leak check looks at: some of it is not compared");
    }
}

fn text<'a>(leak: &'a Value, name: &str) -> &'a str {
    leak.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Once for each name: `leaks()` has it for as long as it stands.
fn say(leak: &Value) {
    let place = match leak.get("line").and_then(Value::as_u64) {
        Some(number) => format!("{}:{number}", text(leak, "file")),
        None => String::new(),
    };
    log::warn!(
        kind = text(leak, "kind"),
        message = text(leak, "message"),
        place = place.as_str();
        "request left something behind"
    );
}

fn tell(walk: &Walk, leak: &Leak) -> Vec<Value> {
    let key = leak.key;
    let gained = leak.after.count.saturating_sub(leak.before.count);
    if key.kind == LeakKind::Constant {
        let line = |name: String| {
            let named = names::Named {
                name,
                ..names::Named::default()
            };
            let words = [Value::Null, Value::Null, "defined".into()];
            entry(leak, named, words, 0)
        };
        let names = describe_engine::newest_names(key.kind, gained);
        return names.into_iter().map(line).collect();
    }
    let mut named = walk.name(key);
    let counts = [leak.before.count.into(), leak.after.count.into()];
    let arrow = |what: &str| format!("{} → {} {what}", leak.before.count, leak.after.count);
    let held = |what: String, path: &[String]| match path {
        [] => what,
        path => format!("{what}, held by {}", path.join(" → ")),
    };
    let [before, after] = counts;
    let (words, bytes) = match key.kind {
        LeakKind::Ini => {
            let (before, after) = describe_engine::ini_values(key);
            let change = format!("{before:?} → {after:?}");
            ([before.into(), after.into(), change.into()], 0)
        }
        LeakKind::Class | LeakKind::Function | LeakKind::File => {
            named.name = match key.kind {
                LeakKind::Class => "classes".to_owned(),
                kind => format!("{}s", kind.name()),
            };
            named.path = describe_engine::newest_names(key.kind, gained);
            let change = format!("{gained} generated and loaded ({})", named.path.join(", "));
            ([before, after, change.into()], 0)
        }
        LeakKind::ShutdownFunction | LeakKind::ErrorHandler | LeakKind::ExceptionHandler => {
            ([before, after, arrow("registered").into()], 0)
        }
        LeakKind::Object => {
            let change = held(arrow("objects"), &named.path);
            ([before, after, change.into()], 0)
        }
        LeakKind::Connection => {
            let change = held(arrow("open"), &named.path);
            ([before, after, change.into()], 0)
        }
        LeakKind::Resource => {
            let change = match named.path.first() {
                Some(last) => format!("{}, the last one {last}", arrow("open")),
                None => arrow("open"),
            };
            ([before, after, change.into()], 0)
        }
        LeakKind::Memory => {
            let change = format!("{}, {} requests in a row", arrow("bytes"), leak.times);
            ([before, after, change.into()], gained.cast_signed())
        }
        LeakKind::Session => ([Value::Null, Value::Null, "left open".into()], 0),
        _ => {
            let change = leak.after.change(&leak.before);
            let words = [leak.before.words(), leak.after.words(), change];
            let bytes = leak.after.bytes.cast_signed() - leak.before.bytes.cast_signed();
            (words.map(Value::from), bytes)
        }
    };
    vec![entry(leak, named, words, bytes)]
}

fn entry(leak: &Leak, named: names::Named, words: [Value; 3], bytes: i64) -> Value {
    let [before, after, change] = words;
    let mut message = format!("{}: {}", named.name, change.as_str().unwrap_or_default());
    if bytes != 0 {
        message.push_str(&format!(", {bytes:+} bytes"));
    }
    let (file, line) = named.place.unzip();
    json!({
        "kind": named.kind.unwrap_or(leak.key.kind).name(),
        "name": named.name,
        "message": message,
        "before": before,
        "after": after,
        "bytes": bytes,
        "file": file,
        "line": line,
        "path": named.path,
        "times": leak.times,
    })
}
