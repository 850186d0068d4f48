//! Looks at what a request of a loop changes and leaves behind: a picture where it begins, another one where
//! it has ended and all has been reset, and the difference, judged by the engine and named here. The first
//! request of a script loads and fills what all share: it is not looked at. On PHP's thread, between requests.

use std::sync::atomic::{AtomicU32, Ordering};

use pillion_engine::{
    config::Every,
    worker::leaks::{
        Kind, Past, Picture, Print, Verdict,
        judge::{Circumstances, judge},
    },
};
use serde_json::{Value, json};

use super::left::session::Session;
use crate::{
    thread::Thread,
    zend::{
        memory,
        walk::{self, Walk, names, things},
    },
};

/// `worker.leak_check`, as a number. The settings are read in MINIT: php-fpm's pools, which have their own
/// later, have no loops.
static EVERY: AtomicU32 = AtomicU32::new(0);

/// Things that are told of one request.
const MOST_TOLD: usize = 200;

/// What is known of a loop's requests.
#[derive(Default)]
pub struct Watch {
    before: Option<Picture>,
    past: Past,
    told: Vec<Value>,
    /// It has been said that there is more than is looked at.
    is_cut: bool,
}

impl Watch {
    /// How many things are told.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.told.len() as u64
    }
}

/// Takes the setting. In MINIT.
pub fn set(every: Every) {
    EVERY.store(every.number(), Ordering::Relaxed);
}

/// A request of a loop may begin.
#[inline]
pub fn begins() {
    if EVERY.load(Ordering::Relaxed) != 0 {
        look_before();
    }
}

/// It is over, and what is reset by itself has been.
#[inline]
pub fn ended() {
    if EVERY.load(Ordering::Relaxed) != 0 {
        look_after();
    }
}

/// What the last request that was looked at has left behind.
#[must_use]
pub fn told() -> Value {
    Thread::with(|thread| {
        let watch = thread.worker.watch.as_ref();
        Value::Array(watch.map_or_else(Vec::new, |watch| watch.told.clone()))
    })
}

#[cold]
fn look_before() {
    let every = Every::of(EVERY.load(Ordering::Relaxed));
    let is_due = Thread::with(|thread| {
        let local = &mut thread.worker;
        if !local.boundary.is_loop() {
            return false;
        }
        let watch = local.watch.get_or_insert_default();
        watch.before = None;
        local.looped > 1 && every.is_now(local.looped)
    });
    if !is_due {
        return;
    }
    let Some(walk) = Walk::take(None) else {
        walk::end_script();
    };
    let mut picture = walk.picture;
    picture.session = Session::now().is_open();
    Thread::with(|thread| {
        if let Some(watch) = &mut thread.worker.watch {
            watch.before = Some(picture);
        }
    });
}

#[cold]
fn look_after() {
    let taken = Thread::with(|thread| {
        let watch = thread.worker.watch.as_mut()?;
        let before = watch.before.take()?;
        Some((before, std::mem::take(&mut watch.past)))
    });
    let Some((before, mut past)) = taken else {
        return;
    };
    let session = Session::now().is_open();
    let Some(mut walk) = Walk::take(Some(&before.objects)) else {
        drop((before, past));
        walk::end_script();
    };
    walk.picture.session = session;
    let (runs, no_garbage) = memory::collector();
    let now = Circumstances { runs, no_garbage };
    let verdicts = judge(&before, &walk.picture, &mut past, now);
    let mut told = Vec::new();
    for verdict in verdicts.iter().take(MOST_TOLD) {
        let lines = tell(&walk, verdict);
        let known = past.of(verdict.what());
        if !std::mem::replace(&mut known.is_logged, true) {
            lines.iter().for_each(say);
        }
        told.extend(lines);
    }
    let is_cut = walk.picture.is_cut;
    let is_news = Thread::with(|thread| {
        let watch = thread.worker.watch.as_mut()?;
        (watch.past, watch.told) = (past, told);
        Some(is_cut && !std::mem::replace(&mut watch.is_cut, is_cut))
    });
    if is_news == Some(true) {
        log::info!("there is more than the leak check looks at: some of it is not compared");
    }
}

/// Once for each thing: `leaks()` tells it again.
fn say(line: &Value) {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let place = match line.get("line").and_then(Value::as_u64) {
        Some(number) => format!("{}:{number}", text("file")),
        None => String::new(),
    };
    log::warn!(
        kind = text("kind"),
        message = text("message"),
        place = place.as_str();
        "request left something behind"
    );
}

fn tell(walk: &Walk<'_>, verdict: &Verdict) -> Vec<Value> {
    let key = verdict.key;
    let gained = verdict.after.count.saturating_sub(verdict.before.count);
    let newest = || things::newest(key.kind, gained.try_into().unwrap_or(u32::MAX));
    if key.kind == Kind::Constant {
        let line = |name: String| {
            let named = names::Named {
                name,
                ..names::Named::default()
            };
            let words = [Value::Null, Value::Null, "defined".into()];
            entry(verdict, named, words, 0)
        };
        return newest().into_iter().map(line).collect();
    }
    let mut named = walk.name(key);
    let words = |print: &Print| Value::from(print.words(&names::class_name));
    let counts = [verdict.before.count.into(), verdict.after.count.into()];
    let (words, bytes) = match key.kind {
        Kind::Ini => {
            let (before, after) = things::ini_values(key);
            let change = format!("{before:?} → {after:?}");
            ([before.into(), after.into(), change.into()], 0)
        }
        Kind::Class | Kind::Function | Kind::File => {
            named.name = match key.kind {
                Kind::Class => "classes".to_owned(),
                kind => format!("{}s", kind.name()),
            };
            named.path = newest();
            let [before, after] = counts;
            let change = format!("{before} → {after} ({})", named.path.join(", "));
            ([before, after, change.into()], 0)
        }
        Kind::ShutdownFunction => {
            let [before, after] = counts;
            let change = format!("{before} → {after} registered");
            ([before, after, change.into()], 0)
        }
        Kind::Object => {
            let [before, after] = counts;
            let change = format!("{before} → {after} objects, each time the collector has run");
            ([before, after, change.into()], 0)
        }
        Kind::Memory => {
            let [before, after] = counts;
            let change = format!(
                "{before} → {after} bytes, {} requests in a row",
                verdict.times
            );
            let bytes = gained.cast_signed();
            ([before, after, change.into()], bytes)
        }
        Kind::Session => ([Value::Null, Value::Null, "left open".into()], 0),
        Kind::Resource | Kind::Connection => {
            let change = match named.path.first() {
                Some(holder) => format!("left open, held by {holder}"),
                None => "left open".to_owned(),
            };
            ([Value::Null, Value::Null, change.into()], 0)
        }
        Kind::ErrorHandler | Kind::ExceptionHandler => {
            let (before, after) = (words(&verdict.before), words(&verdict.after));
            ([before, after, "changed".into()], 0)
        }
        _ => {
            let change = verdict.after.change(&verdict.before, &names::class_name);
            let words = [words(&verdict.before), words(&verdict.after), change.into()];
            let bytes = verdict.after.bytes.cast_signed() - verdict.before.bytes.cast_signed();
            (words, bytes)
        }
    };
    vec![entry(verdict, named, words, bytes)]
}

fn entry(verdict: &Verdict, named: names::Named, words: [Value; 3], bytes: i64) -> Value {
    let [before, after, change] = words;
    let mut message = format!("{}: {}", named.name, change.as_str().unwrap_or_default());
    if bytes != 0 {
        message.push_str(&format!(", {bytes:+} bytes"));
    }
    let (file, line) = named.place.unzip();
    json!({
        "kind": named.kind.unwrap_or(verdict.key.kind).name(),
        "name": named.name,
        "message": message,
        "before": before,
        "after": after,
        "bytes": bytes,
        "file": file,
        "line": line,
        "path": named.path,
        "times": verdict.times,
    })
}
