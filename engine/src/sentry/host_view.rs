//! The state of the host for status pages: queue, rate limits of all projects, counts, dead letters. Read from the
//! files of all processes, so that a page needs no outbox of its own. Without secrets: of a DSN its project is shown.
//! On threads that may block.

use serde_json::{Map, Value, json};

use super::{
    Sentry, SentryDirs,
    dead_letters::{DeadLetter, DeadLetters},
    outbox::{self, Backlog, backlog_in},
    protocol::envelope::Envelope,
    shared_state::{Count, SharedState},
    waiting_counts::HostCounts,
};
use crate::{config::SentrySettings, host::clock};

/// Bytes of a payload that are shown.
const MAX_PAYLOAD: usize = 64 << 10;
/// Items of an envelope that are shown.
const MAX_ITEMS: usize = 100;
/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Bytes of the JSON of an event in which a title is searched.
const MAX_EVENT: usize = 1 << 20;

/// The counters of a page.
const COUNTS: [(&str, Count); 12] = [
    ("accepted", Count::Accepted),
    ("sent", Count::Sent),
    ("failed", Count::Failed),
    ("rate_limited", Count::RateLimited),
    ("retries", Count::Retries),
    ("dropped", Count::Overflow),
    ("too_large", Count::TooLarge),
    ("dead_letters", Count::DeadLetters),
    ("adopted", Count::Adopted),
    ("torn", Count::Torn),
    ("replayed", Count::Replayed),
    ("bytes_sent", Count::Bytes),
];

/// The state of the host.
pub struct HostView<'a> {
    settings: &'a SentrySettings,
    dirs: SentryDirs,
    /// The transport of this process, which may have records in memory only.
    own: Option<&'a Sentry>,
    shared: Option<SharedState>,
}

impl<'a> HostView<'a> {
    /// Opens the shared state, if there is one.
    #[must_use]
    pub fn new(settings: &'a SentrySettings, dirs: SentryDirs, own: Option<&'a Sentry>) -> Self {
        Self {
            settings,
            shared: dirs.run.as_deref().and_then(SharedState::existing),
            dirs,
            own,
        }
    }

    /// `enabled`, `dsn_set`, `project`, `queue`, `rate_limits`, `counts`, `dead_letters`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let backlog = self.backlog();
        let counts: Map<String, Value> = COUNTS
            .iter()
            .map(|(name, count)| {
                let total = self.shared.as_ref().map(|shared| shared.total(*count));
                ((*name).to_owned(), total.unwrap_or(0).into())
            })
            .collect();
        let (count, bytes) = self.letters().map_or((0, 0), |letters| letters.size());
        json!({
            "enabled": self.settings.enabled,
            "dsn_set": self.settings.dsn.is_some(),
            "project": self.settings.dsn.as_ref().map(|dsn| dsn.project()),
            "queue": {
                "queued": backlog.records,
                "bytes": backlog.bytes,
                "on_disk": self.settings.on_disk,
                "limit": self.settings.buffer_size,
                "workers": self.settings.workers,
            },
            "rate_limits": self.rate_limits(),
            "counts": counts,
            "dead_letters": {
                "count": count,
                "bytes": bytes,
                "enabled": self.settings.dead_letter_queue,
                "max_count": self.settings.dead_letter_max_count,
                "max_bytes": self.settings.dead_letter_max_size,
            },
        })
    }

    fn backlog(&self) -> Backlog {
        if let Some(own) = self.own {
            return own.backlog();
        }
        let counts = self.dirs.run.as_deref().map(HostCounts::read_only);
        if let Some(Ok(Some(counts))) = counts
            && counts.are_complete()
        {
            return counts.backlog();
        }
        let waiting = self.dirs.outboxes().map(|dir| backlog_in(&dir));
        waiting.fold(Backlog::default(), Backlog::and)
    }

    /// The limits of all projects. A project is its number if it is that of the settings, else a hash of its DSN.
    fn rate_limits(&self) -> Vec<Value> {
        let configured = self.settings.dsn.as_ref();
        let own = configured.map(|dsn| (outbox::hash(dsn.expose().as_bytes()).max(1), dsn));
        let limits = self.shared.as_ref().map(SharedState::all_rate_limits);
        let limits = limits.into_iter().flatten();
        let limits = limits.map(|(hash, category, left)| {
            let project = match own {
                Some((own, dsn)) if own == hash => dsn.project().to_owned(),
                _ => format!("#{hash:016x}"),
            };
            let until = clock::unix_ms() + left.as_millis() as u64;
            json!({
                "project": project,
                "category": category.map_or("all", |category| category.name()),
                "until": until as f64 / 1000.0,
            })
        });
        limits.collect()
    }

    fn letters(&self) -> Option<DeadLetters> {
        let dir = self.dirs.dead_letters()?;
        let settings = self.settings;
        Some(DeadLetters::new(
            dir,
            settings.dead_letter_max_count,
            settings.dead_letter_max_size,
        ))
    }

    /// The newest dead letters, or those before the one with the id `after`; `next` is the id to go on after.
    #[must_use]
    pub fn dead_letters(&self, limit: usize, after: Option<&str>) -> Value {
        let Some(letters) = self.letters() else {
            return json!({ "dead_letters": [], "next": null });
        };
        let mut ids = letters.ids();
        if let Some(after) = after {
            ids.retain(|id| id.as_str() < after);
        }
        let page: Vec<&String> = ids.iter().rev().take(limit).collect();
        let next = page.last().filter(|_| ids.len() > limit);
        json!({
            "dead_letters": page
                .iter()
                .filter_map(|id| letters.read(id))
                .map(|letter| summary(&letter))
                .collect::<Vec<_>>(),
            "next": next,
        })
    }

    /// A dead letter with its headers and its items.
    #[must_use]
    pub fn dead_letter(&self, id: &str) -> Option<Value> {
        let letter = self.letters()?.read(id)?;
        let mut view = summary(&letter);
        let Ok(envelope) = Envelope::parse(&letter.envelope) else {
            return Some(view);
        };
        if let Some(fields) = view.as_object_mut() {
            let line = envelope.header_line(&["dsn"]);
            let mut headers = serde_json::from_str(&line).unwrap_or_default();
            without_keys(&mut headers);
            fields.insert("headers".into(), headers);
            let items = envelope.items.iter().take(MAX_ITEMS);
            fields.insert("items".into(), items.map(item_view).collect());
        }
        Some(view)
    }
}

fn summary(letter: &DeadLetter) -> Value {
    let envelope = Envelope::parse(&letter.envelope).ok();
    let items = envelope.iter().flat_map(|envelope| &envelope.items);
    let types: Vec<&str> = items.clone().map(|item| item.kind.as_str()).collect();
    let title = items
        .filter(|item| item.payload.len() <= MAX_EVENT)
        .find_map(|item| title_of(&serde_json::from_slice(&item.payload).ok()?));
    json!({
        "id": letter.id,
        "time": letter.metadata.given_up_ms as f64 / 1000.0,
        "accepted": letter.metadata.accepted_ms as f64 / 1000.0,
        "reason": letter.metadata.reason,
        "attempts": letter.metadata.attempts,
        "bytes": letter.bytes,
        "event_id": envelope.as_ref().and_then(|envelope| envelope.text("event_id")),
        "type": types.first(),
        "types": types,
        "title": title,
    })
}

/// The title of an event, as Sentry makes it: the last exception, or the message.
fn title_of(event: &Value) -> Option<String> {
    const MESSAGES: [&str; 6] = [
        "/message",
        "/message/formatted",
        "/logentry/formatted",
        "/logentry/message",
        "/transaction",
        "/monitor_slug",
    ];
    let text = |value: &Value, pointer: &str| {
        let found = value.pointer(pointer)?.as_str();
        found.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let exceptions = event
        .pointer("/exception/values")
        .or_else(|| event.get("exception"));
    let exception = exceptions
        .and_then(Value::as_array)
        .and_then(|all| all.last());
    let of_exception = exception.and_then(|exception| {
        match (text(exception, "/type"), text(exception, "/value")) {
            (Some(kind), Some(value)) => Some(format!("{kind}: {value}")),
            (kind, value) => kind.or(value),
        }
    });
    let message = || MESSAGES.iter().find_map(|pointer| text(event, pointer));
    let title = of_exception.or_else(message)?;
    Some(title.chars().take(MAX_TITLE).collect())
}

fn item_view(item: &super::protocol::envelope::Item<'_>) -> Value {
    let head: Value = serde_json::from_slice(&item.head).unwrap_or_default();
    let payload = match item.payload.len() <= MAX_PAYLOAD {
        true => serde_json::from_slice::<Value>(&item.payload).ok(),
        false => None,
    };
    let shown = item.payload.get(..MAX_PAYLOAD).unwrap_or(&item.payload);
    let text = || std::str::from_utf8(shown).ok().map(str::to_owned);
    json!({
        "type": item.kind,
        "headers": head,
        "bytes": item.payload.len(),
        "is_truncated": item.payload.len() > MAX_PAYLOAD,
        "text": payload.is_none().then(text).flatten(),
        "payload": payload,
    })
}

/// Removes the keys of DSNs, which the header of a trace has too.
fn without_keys(headers: &mut Value) {
    if let Some(trace) = headers.get_mut("trace").and_then(Value::as_object_mut) {
        trace.remove("public_key");
    }
}
