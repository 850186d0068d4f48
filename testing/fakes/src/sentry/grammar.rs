//! The envelope grammar for receivers (develop.sentry.dev: envelopes), stricter than the real one, which tolerates a
//! second `sent_at`, a wrong `item_count`, two events.

use serde_json::Value;

/// A parsed envelope.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// Its header.
    pub header: Value,
    /// Its items.
    pub items: Vec<Item>,
}

/// One item.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its header.
    pub header: Value,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Item {
    /// Its `type`.
    pub fn kind(&self) -> &str {
        self.header
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Its payload as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or(Value::Null)
    }
}

/// Parses an envelope.
///
/// # Errors
/// The first violation of the grammar.
pub fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let mut rest = bytes;
    let line = next_line(&mut rest);
    let text = std::str::from_utf8(line).map_err(|error| format!("header: {error}"))?;
    let header: Value = serde_json::from_str(text).map_err(|error| format!("header: {error}"))?;
    if !header.is_object() {
        return Err("the header is no object".into());
    }
    match text.matches("\"sent_at\"").count() {
        1 => {}
        count => return Err(format!("sent_at stands there {count} times")),
    }
    let mut items: Vec<Item> = Vec::new();
    while !rest.is_empty() {
        if rest == b"\n" {
            break;
        }
        items.push(item(&mut rest)?);
    }
    if items.is_empty() {
        return Err("no items".into());
    }
    for kind in ["event", "transaction", "check_in", "log", "trace_metric"] {
        if items.iter().filter(|item| item.kind() == kind).count() > 1 {
            return Err(format!("more than one {kind}"));
        }
    }
    let needs_id = items.iter().any(|item| {
        matches!(
            item.kind(),
            "event" | "transaction" | "feedback" | "attachment"
        )
    });
    let id = header
        .get("event_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if needs_id
        && (id.replace('-', "").len() != 32
            || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
    {
        return Err(format!("event_id {id:?} is none"));
    }
    Ok(Parsed { header, items })
}

fn item(rest: &mut &[u8]) -> Result<Item, String> {
    let line = next_line(rest);
    let header: Value =
        serde_json::from_slice(line).map_err(|error| format!("item header: {error}"))?;
    if header.get("type").and_then(Value::as_str).is_none() {
        return Err("an item without a type".into());
    }
    let payload = match header.get("length") {
        None => next_line(rest).to_vec(),
        Some(length) => {
            let length = length.as_u64().ok_or("length is no number")?;
            let length = usize::try_from(length).map_err(|error| error.to_string())?;
            let Some((payload, after)) = rest.split_at_checked(length) else {
                return Err("EOF while reading item with explicitly specified length".into());
            };
            *rest = match after {
                [] => after,
                [b'\n', after @ ..] => after,
                _ => {
                    return Err("item with explicit length not terminated by newline or EOF".into());
                }
            };
            payload.to_vec()
        }
    };
    let item = Item { header, payload };
    if let Some(count) = item.header.get("item_count") {
        let held = item
            .json()
            .get("items")
            .and_then(Value::as_array)
            .map(Vec::len);
        if held.map(|held| held as u64) != count.as_u64() {
            return Err(format!("item_count {count} of {held:?} items"));
        }
        let most = if item.kind() == "span" { 1000 } else { 100 };
        if held.is_some_and(|held| held > most) {
            return Err(format!("more than {most} items in a container"));
        }
    }
    Ok(item)
}

fn next_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let bytes = *rest;
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, after) = match end {
        Some(end) => bytes.split_at(end),
        None => (bytes, &[][..]),
    };
    *rest = after.get(1..).unwrap_or_default();
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"sent_at\":\"x\"}";

    #[test]
    fn violations_of_the_grammar_are_reported() {
        for (text, why) in [
            ("{}\n{\"type\":\"event\"}\n{}".to_owned(), "sent_at"),
            (
                "{\"sent_at\":\"x\"}\n{\"type\":\"event\"}\n{}".to_owned(),
                "event_id",
            ),
            (ID.to_owned(), "no items"),
            (
                format!("{ID}\n{{\"type\":\"event\",\"length\":9}}\n{{}}"),
                "EOF",
            ),
            (
                format!("{ID}\n{{\"type\":\"event\",\"length\":1}}\n{{}}"),
                "not terminated",
            ),
            (
                format!("{ID}\n{{\"type\":\"event\"}}\n{{}}\n{{\"type\":\"event\"}}\n{{}}"),
                "more than one",
            ),
            (
                format!("{ID}\n{{\"type\":\"log\",\"item_count\":2}}\n{{\"items\":[1]}}"),
                "item_count",
            ),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let good = format!(
            "{ID}\n{{\"type\":\"event\",\"length\":2}}\n{{}}\n{{\"type\":\"attachment\"}}\nabc\n"
        );
        assert_eq!(parse(good.as_bytes()).unwrap().items[1].payload, b"abc");
    }
}
