//! Invariants of the outbox after all deaths: of the envelopes, the host's counts, and the files.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{
    checks::files,
    outbox_environment::{OutboxEnvironment, WORKERS},
    report::Report,
};

/// The host's counts as the last adopting process reads them.
#[derive(Debug, Deserialize)]
pub struct Counted {
    events_accepted: u64,
    events_sent: u64,
    events_failed: u64,
    events_dropped: u64,
    events_too_large: u64,
    events_torn: u64,
    events_adopted: u64,
    events_replayed: u64,
    letters: usize,
    queue: Queue,
}

#[derive(Debug, Deserialize)]
pub struct Queue {
    queue_length: u64,
    durable: bool,
}

/// Checks that each accepted envelope has arrived, whole and not too often, and that the counts say so.
pub fn all_has_arrived(
    outbox_environment: &OutboxEnvironment,
    promised: &BTreeMap<u64, u64>,
    counted: &Counted,
    report: &mut Report,
) {
    let ids = outbox_environment.sentry.ids();
    let arrived: BTreeSet<(u64, u64)> = ids
        .iter()
        .filter_map(|id| {
            let half = |from, to| u64::from_str_radix(id.get(from..to)?, 16).ok();
            Some((half(0, 16)?, half(16, 32)?))
        })
        .collect();
    let (mut total, mut missing, mut first) = (0, 0, None);
    for (life, count) in promised {
        total += count;
        for n in 0..*count {
            if !arrived.contains(&(*life, n)) {
                missing += 1;
                first.get_or_insert((*life, n));
            }
        }
    }
    if missing > 0 {
        report.fail(
            "what send() has taken arrives",
            &format!("{missing} of {total} are missing, the first one is {first:?}"),
        );
    }
    // One that died between accepting and reporting had accepted one more.
    let strays: Vec<_> = arrived
        .iter()
        .filter(|(life, n)| promised.get(life).is_none_or(|count| n > count))
        .collect();
    if !strays.is_empty() {
        report.fail(
            "nothing arrives that was not sent",
            &format!("{strays:.600?}"),
        );
    }
    let counts = outbox_environment.sentry.counts();
    if counts.invalid + counts.damaged > 0 {
        report.fail(
            "no torn envelope is sent",
            &format!(
                "{} break the grammar, {} have other bytes",
                counts.invalid, counts.damaged
            ),
        );
    }
    let (deaths, distinct) = (outbox_environment.deaths.get(), arrived.len() as u64);
    let twice = ids.len() as u64 - distinct;
    let unanswered = ids.len() as u64 - counted.events_sent.min(ids.len() as u64);
    // A replayed dead letter is accepted again; the replaying process may die before it is counted.
    let replayed = counted.events_replayed;
    let repeat_command = replayed + if replayed > 0 { deaths } else { 0 };
    let wrong = [
        (
            counted.events_dropped + counted.events_failed + counted.events_too_large > 0,
            "some are counted as lost",
        ),
        (
            counted.queue.queue_length > 0 || counted.letters > 0,
            "some are counted as waiting",
        ),
        (!counted.queue.durable, "they were kept in memory"),
        (
            counted.events_accepted < total || counted.events_accepted > distinct + repeat_command,
            "accepted",
        ),
        (
            counted.events_sent > ids.len() as u64 || unanswered > WORKERS * deaths,
            "sent",
        ),
        (
            counted.events_torn > deaths,
            "more are torn than processes died",
        ),
        (
            twice > WORKERS * deaths,
            "more went twice than were under way at a death",
        ),
    ];
    for (_, what) in wrong.iter().filter(|(is_wrong, _)| *is_wrong) {
        report.fail(
            "counts are exact",
            &format!("{what}: {total} promised, {} arrived, {distinct} of them different, {deaths} deaths, {counted:?}", ids.len()),
        );
    }
    report.figure(
        "envelopes",
        format_args!(
            "{total} promised by {} processes, {missing} lost, {} adopted, {} torn, {twice} went twice",
            promised.len(),
            counted.events_adopted,
            counted.events_torn
        ),
    );
}

/// Checks that outboxes and half-made files of dead processes are gone.
pub fn nothing_is_left(outbox_environment: &OutboxEnvironment, report: &mut Report) {
    let all = files(outbox_environment.environment.run_dir())
        .into_iter()
        .chain(files(&outbox_environment.environment.state()));
    for (path, size) in all {
        let name = path.to_string_lossy();
        if name.contains("/run/sentry/") || name.ends_with(".tmp") {
            report.fail(
                "no file grows for ever: what killed processes leave is swept",
                &format!("{} ({size} bytes) is left", path.display()),
            );
        }
    }
}
