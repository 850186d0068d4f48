//! Builds an envelope from an event, for scripts without an SDK (develop.sentry.dev: event payloads). Fields of the
//! caller are kept, required ones are added. No content is rejected: that would lose an error report in the code that
//! handles the error. On PHP's thread.

use serde_json::{Map, Value, json};

use super::{
    Sentry,
    protocol::envelope::{Envelope, Item},
};
use crate::{
    Error, Result, config::Dsn, error::Violation, host::clock, time::format_rfc3339, uuid,
};

/// An event that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// 32 hexadecimal digits.
    pub event_id: String,
}

impl Sentry {
    /// As [`Sentry::capture`], from the text of a JSON object.
    ///
    /// # Errors
    /// As [`Sentry::capture`].
    pub fn capture_json(&self, event: &str, dsn: Option<&[u8]>) -> Result<Option<Captured>> {
        let event = serde_json::from_str(event)
            .map_err(|error| violation("event", &format!("is no JSON: {error}")))?;
        self.capture(event, dsn)
    }

    /// Queues an event and does not wake the sender. Returns `None` where [`Sentry::queue`] returns `false`. An invalid `event_id` is replaced.
    ///
    /// # Errors
    /// As [`Sentry::queue`]; and [`Error::InvalidRequest`] if it is not an object.
    pub fn capture(&self, event: Value, dsn: Option<&[u8]>) -> Result<Option<Captured>> {
        let Value::Object(mut event) = event else {
            return Err(violation("event", "must be an array with string keys"));
        };
        let event_id = event_id(&event)?;
        let mut full = Map::new();
        full.insert("event_id".into(), event_id.clone().into());
        let is_transaction = event.get("type").and_then(Value::as_str) == Some("transaction");
        let now = clock::unix_ms();
        // A number is shorter, but some of Sentry's parsers of transactions do not accept one.
        let timestamp = match is_transaction {
            true => json!(time(now)),
            false => json!(now as f64 / 1000.0),
        };
        let sdk = json!({ "name": "pillion", "version": env!("CARGO_PKG_VERSION") });
        for (key, value) in [
            ("timestamp", Some(timestamp)),
            ("platform", Some(json!("php"))),
            // Transactions have no level.
            ("level", (!is_transaction).then(|| json!("error"))),
            ("sdk", Some(sdk)),
        ] {
            if let Some(value) = event.remove(key).or(value) {
                full.insert(key.into(), value);
            }
        }
        event.remove("event_id");
        full.extend(event);
        let kind = if is_transaction {
            "transaction"
        } else {
            "event"
        };
        let payload = serde_json::to_vec(&full).unwrap_or_default();
        let mut envelope = Envelope::new(Some(&event_id), vec![Item::new(kind, payload)]);
        let named = dsn.filter(|dsn| !Dsn::is_off(dsn));
        if let Some(dsn) = named.and_then(|dsn| std::str::from_utf8(dsn).ok()) {
            envelope.set("dsn", dsn);
        }
        let is_queued = self.queue(&envelope.write(None), dsn)?;
        Ok(is_queued.then_some(Captured { event_id }))
    }
}

/// The id of the caller, or a new one.
fn event_id(event: &Map<String, Value>) -> Result<String> {
    let Some(given) = event.get("event_id").filter(|id| !id.is_null()) else {
        return new_id();
    };
    let text = given.as_str().unwrap_or_default().replace('-', "");
    if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    new_id()
}

fn new_id() -> Result<String> {
    Ok(uuid::v4()?.simple().to_string())
}

fn violation(field: &str, message: &str) -> Error {
    Error::InvalidRequest(vec![Violation {
        field: field.into(),
        message: message.into(),
    }])
}

/// Formats milliseconds since 1970 as RFC 3339, with milliseconds, as Sentry requires.
pub(super) fn time(unix_ms: u64) -> String {
    format_rfc3339(unix_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_event_id_is_replaced() {
        let id = |given: Value| event_id(&Map::from_iter([("event_id".into(), given)])).unwrap();
        let dashed = "9EC79C33-ec99-42ab-8353-589fcb2e04dc";
        assert_eq!(id(dashed.into()), "9ec79c33ec9942ab8353589fcb2e04dc");
        for given in [Value::Null, "sentry_1".into(), 7.into()] {
            assert_eq!(id(given).len(), 32);
        }
    }
}
