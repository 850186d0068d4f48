//! Entry points of the Sentry transport for the fuzz targets in `fuzz/`: untrusted bytes as PHP, a server or a disk
//! would provide them, and assertions of the invariants that hold for any bytes. Never part of a product.

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

/// An envelope from PHP: one that can be parsed is the same after writing and parsing it again, its losses can be
/// counted, and containers keep tadopter items.
pub fn envelope(bytes: &[u8]) {
    let summary = envelope::peek(bytes);
    let found = Envelope::parse(bytes);
    // An envelope that is queued can be sent.
    assert_eq!(summary.is_ok(), found.is_ok(), "{summary:?} {found:?}");
    let (Ok(summary), Ok(found)) = (summary, found) else {
        return;
    };
    assert_eq!(summary.priority.is_none(), found.items.is_empty());
    let _ = project::dsn_of(summary.dsn().unwrap_or_default().as_bytes(), &found);
    let written = found.write(Some("2026-11-21T00:00:00Z"));
    let again = Envelope::parse(&written);
    assert!(again.is_ok(), "a written envelope is invalid: {again:?}");
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

/// Batched containers are within tadopter limits, with all items and the correct count.
fn containers(found: &Envelope<'_>) {
    let (outbox, _) = Outbox::open(None, CAPACITY);
    let _ = outbox.push(Priority::Low, b"", b"x", 0);
    let Some(claim) = outbox.claim(Priority::Low) else {
        return;
    };
    let (mut batcher, now) = (Batcher::default(), Instant::now());
    if !batcher.add(&claim, found, now) {
        return;
    }
    let count = |envelope: &Envelope<'_>| {
        // Strings are not decoded: half a surrogate pair is allowed.
        let payload = Envelope::parse_object(&envelope.items.first()?.payload).ok()?;
        let items: Vec<&RawValue> = serde_json::from_str(payload.raw("items")?).ok()?;
        Some(items.len())
    };
    let mut sum = 0;
    for bytes in batcher
        .take_due(1, Duration::ZERO, now)
        .into_iter()
        .flat_map(|batch| batch.envelopes)
    {
        let envelope = Envelope::parse(&bytes);
        assert!(envelope.is_ok(), "{envelope:?}");
        if let Ok(envelope) = envelope {
            let items = count(&envelope).unwrap_or(0);
            let item_count = envelope.items.first().and_then(|item| item.count);
            assert!(envelope.items.len() == 1 && items <= 1000 && item_count == Some(items as u64));
            sum += items;
        }
    }
    // Of duplicate keys the first one counts here, and the last one in serde_json.
    let payload = found.items.first().map(|item| &*item.payload);
    let is_unique = payload.is_some_and(|payload| {
        memchr::memmem::find_iter(payload, b"items").count() == 1 && !payload.contains(&b'\\')
    });
    assert!(!is_unique || count(found) == Some(sum));
}

/// A DSN: a valid one makes a header and a URL; an error message does not contain the text.
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

/// Both rate-limit headers of a response.
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

/// A queue file of a dead process: adopted, read and settled, for any content.
pub fn outbox(dir: &Path, words: &[u64], bytes: &[u8]) {
    let _ = fs::remove_dir_all(dir);
    let _ = fs::create_dir_all(dir);
    let mut file: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    file.extend_from_slice(bytes);
    file.resize(file.len().clamp(64, 1 << 16) / 8 * 8, 0);
    // A file is rejected for a wrong magic or size only.
    let length = file.len() as u64;
    for (at, value) in [(0, outbox::MAGIC), (8, length)] {
        if let Some(word) = file.get_mut(at..at + 8) {
            word.copy_from_slice(&value.to_le_bytes());
        }
    }
    if let Some(priority) = file.get_mut(16..24) {
        priority.copy_from_slice(&(words.first().copied().unwrap_or(0) % 5).to_le_bytes());
    }
    let path = dir.join("7-0000.1.v1.box");
    let _ = fs::write(&path, &file);
    let _ = fs::write(dir.join("7-0000.v1.lock"), "");
    let _ = fs::set_permissions(&path, Permissions::from_mode(0o600));
    let backlog = outbox::backlog_in(dir);
    let (adopter, _) = Outbox::open(Some(dir), CAPACITY);
    let adopted = adopter.adopt(dir, &AdoptBackoff::default(), usize::MAX);
    assert_eq!(adopted.outboxes, 1);
    assert!(adopted.records == backlog.records && adopted.records == adopter.queued());
    assert!(adopted.records + adopted.torn <= file.len() / 32);
    while let Some(claim) = adopter.take_evicted() {
        let _ = claim.read();
        adopter.settle_evicted(&claim);
    }
    let mut claimed = 0;
    for priority in Priority::ALL {
        while let Some(claim) = adopter.claim(priority) {
            if let Some(record) = claim.read() {
                assert!(record.dsn.len() + record.envelope.len() <= file.len());
            }
            claim.count_attempt();
            adopter.defer(&claim);
            assert!(claim.resume());
            adopter.settle(&claim);
            claimed += 1;
        }
    }
    assert_eq!((claimed, adopter.queued()), (adopted.records, 0));
    adopter.maintain(true);
    assert!(!path.exists());
}
