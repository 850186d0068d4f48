//! Doors of this room for the fuzz targets in `fuzz/`: foreign bytes go in where PHP, a server or a disk would
//! give them, and what has to hold of any bytes is asserted here, beside what it is about. Never in a product.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use super::{
    outbox::{self, AdoptBackoff, Capacity, Outbox},
    protocol::{
        batcher::Batcher,
        category::{DiscardReason, Priority},
        client_report,
        envelope::{self, Envelope},
        rate_limit,
    },
    sender::project,
};
use crate::config::Dsn;

const CAPACITY: Capacity = Capacity {
    bytes: 1 << 22,
    records: 1 << 20,
};

/// An envelope as PHP may give it: what can be read is written and read again as the same one, its losses can be
/// counted, and containers keep their items.
pub fn envelope(bytes: &[u8]) {
    let peek = envelope::peek(bytes);
    let found = Envelope::parse(bytes);
    // Nothing is taken that is dropped for its form afterwards.
    assert_eq!(peek.is_ok(), found.is_ok(), "{peek:?} {found:?}");
    let (Ok(peek), Ok(found)) = (peek, found) else {
        return;
    };
    assert_eq!(peek.priority.is_none(), found.items.is_empty());
    let _ = project::dsn_of(peek.dsn().unwrap_or_default().as_bytes(), &found);
    let written = found.write(Some("2026-11-21T00:00:00Z"));
    let again = Envelope::parse(&written);
    assert!(again.is_ok(), "what was written can't be read: {again:?}");
    if let Ok(again) = again {
        assert_eq!(again.header_line(&[]), found.header_line(&[]));
        assert_eq!(again.items.len(), found.items.len());
        for (one, other) in again.items.iter().zip(&found.items) {
            assert_eq!((&one.head, &one.payload), (&other.head, &other.payload));
        }
    }
    let losses = client_report::of_items(DiscardReason::SendError, &found.items);
    let (report, left) = client_report::report(&losses, "2026-11-21T00:00:00Z");
    assert!(report.payload.len() <= 4096 && left.is_empty());
    assert_eq!(client_report::reported(&report), losses);
    for item in &found.items {
        let _ = client_report::reported(item);
    }
    containers(&found);
}

/// What is gathered comes out as containers within the bounds, with all items and their right count.
fn containers(found: &Envelope<'_>) {
    let (outbox, _) = Outbox::open(None, CAPACITY);
    let _ = outbox.push(Priority::Low, b"", b"x", 0);
    let Some(claim) = outbox.claim(Priority::Low) else {
        return;
    };
    let (mut batches, now) = (Batcher::default(), Instant::now());
    if !batches.add(&claim, found, now) {
        return;
    }
    let count = |envelope: &Envelope<'_>| {
        // Texts are not looked into: half of a surrogate pair is no affair of ours.
        let payload = Envelope::parse_object(&envelope.items.first()?.payload).ok()?;
        let items: Vec<&RawValue> = serde_json::from_str(payload.raw("items")?).ok()?;
        Some(items.len())
    };
    let mut sum = 0;
    for bytes in batches
        .take_due(1, Duration::ZERO, now)
        .into_iter()
        .flat_map(|batch| batch.envelopes)
    {
        let envelope = Envelope::parse(&bytes);
        assert!(envelope.is_ok(), "{envelope:?}");
        if let Ok(envelope) = envelope {
            let held = count(&envelope).unwrap_or(0);
            let told = envelope.items.first().and_then(|item| item.count);
            assert!(envelope.items.len() == 1 && held <= 1000 && told == Some(held as u64));
            sum += held;
        }
    }
    // Of a key that stands there twice the first one counts here, and the last one for serde_json.
    let payload = found.items.first().map(|item| &*item.payload);
    let once = payload.is_some_and(|payload| {
        memchr::memmem::find_iter(payload, b"items").count() == 1 && !payload.contains(&b'\\')
    });
    assert!(!once || count(found) == Some(sum));
}

/// A DSN: what is accepted makes a header and an address; no message repeats what is wrong.
pub fn dsn(text: &str) {
    match Dsn::parse(text) {
        Ok(dsn) => {
            assert_eq!(Dsn::parse(dsn.expose()).as_ref(), Ok(&dsn));
            let auth = dsn.auth("fuzz/1");
            assert!(auth.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            let endpoint = reqwest::Url::parse(dsn.endpoint());
            assert!(
                endpoint.is_ok_and(|url| url.username().is_empty() && url.password().is_none())
            );
            let _ = (dsn.to_string(), dsn.organisation(), dsn.project());
        }
        Err(why) => assert!(why.len() < 100, "{why}"),
    }
}

/// Both headers of an answer.
pub fn headers(status: u16, rate_limits: &[&str], retry_after: Option<&str>, now: u64) {
    let found = rate_limit::from_response(status, rate_limits, retry_after, now);
    let quotas: usize = rate_limits
        .iter()
        .map(|header| header.split([',', ';']).count())
        .sum();
    assert!(found.len() <= quotas.max(1) * 2);
    for limit in found {
        assert!(limit.duration <= Duration::from_secs(24 * 3600));
        assert!(!rate_limits.is_empty() || status == 429);
    }
}

/// A file that a dead process left: adopted, read, and done with, whatever its words say.
pub fn outbox(dir: &Path, words: &[u64], bytes: &[u8]) {
    let _ = fs::remove_dir_all(dir);
    let _ = fs::create_dir_all(dir);
    let mut file: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    file.extend_from_slice(bytes);
    file.resize(file.len().clamp(64, 1 << 16) / 8 * 8, 0);
    // Magic and size are what a file is refused for, and nothing else.
    let length = file.len() as u64;
    for (at, value) in [(0, outbox::MAGIC), (8, length)] {
        if let Some(place) = file.get_mut(at..at + 8) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
    if let Some(priority) = file.get_mut(16..24) {
        priority.copy_from_slice(&(words.first().copied().unwrap_or(0) % 5).to_le_bytes());
    }
    let path = dir.join("7-0000.1.v1.box");
    let _ = fs::write(&path, &file);
    let _ = fs::write(dir.join("7-0000.v1.lock"), "");
    let _ = fs::set_permissions(&path, Permissions::from_mode(0o600));
    let waiting = outbox::backlog_in(dir);
    let (heir, _) = Outbox::open(Some(dir), CAPACITY);
    let adopted = heir.adopt(dir, &AdoptBackoff::default(), usize::MAX);
    assert_eq!(adopted.outboxes, 1);
    assert!(adopted.records == waiting.records && adopted.records == heir.queued());
    assert!(adopted.records + adopted.torn <= file.len() / 32);
    while let Some(claim) = heir.take_evicted() {
        let _ = claim.read();
        heir.settle_evicted(&claim);
    }
    let mut taken = 0;
    for priority in Priority::ALL {
        while let Some(claim) = heir.claim(priority) {
            if let Some(record) = claim.read() {
                assert!(record.dsn.len() + record.envelope.len() <= file.len());
            }
            claim.count_attempt();
            heir.defer(&claim);
            assert!(claim.resume());
            heir.settle(&claim);
            taken += 1;
        }
    }
    assert_eq!((taken, heir.queued()), (adopted.records, 0));
    heir.maintain(true);
    assert!(!path.exists());
}
