//! `kill -9` while envelopes are sent: at random instants and at the outbox' failpoints; adopting processes are
//! killed too. Finally each accepted envelope has arrived, none is torn, and the host's counts are right.

use std::{cell::Cell, io, rc::Rc, time::Duration};

use tokio::task::{JoinSet, LocalSet};

use crate::{
    arguments::Arguments,
    checks::{self, FAILPOINT_TIMEOUT},
    outbox_environment::OutboxEnvironment,
    report::Report,
};
use pillion_fakes::sentry::Behaviour;

/// More kills would find nothing new in hours.
const MAX_KILLS: usize = 1000;
/// Processes that send at the same time.
const LANES: usize = 5;
/// Maximum number of envelopes of each.
const ENVELOPES: usize = 120;
/// Prefixes of the outbox' failpoints.
const PLACES: [&str; 3] = ["outbox.", "adopt.", "dead-letter."];

/// Returns whether this environment reaches a failpoint.
pub fn is_place(place: &str) -> bool {
    PLACES.iter().any(|prefix| place.starts_with(prefix))
}

/// # Errors
/// Processes or directories can't be made.
pub async fn outbox(
    arguments: &Arguments,
    places: &[String],
    report: &mut Report,
) -> io::Result<()> {
    let kills = arguments.kills.min(MAX_KILLS);
    let outbox_environment = Rc::new(OutboxEnvironment::new(arguments, arguments.seed, &[])?);
    let places: Rc<[String]> = places
        .iter()
        .filter(|place| place.starts_with("outbox.") || place.starts_with("segment."))
        .cloned()
        .collect();
    let (left, repeat_command) = (
        Rc::new(Cell::new(kills)),
        arguments.repeat_command("outbox"),
    );
    let local = LocalSet::new();
    let parts = local
        .run_until(async {
            let mut lanes = JoinSet::new();
            for _ in 0..LANES {
                let (outbox_environment, places, left) = (
                    Rc::clone(&outbox_environment),
                    Rc::clone(&places),
                    Rc::clone(&left),
                );
                let report = Report::quiet("outbox", repeat_command.clone());
                lanes.spawn_local(lane(outbox_environment, places, left, report));
            }
            let report = Report::quiet("outbox", repeat_command.clone());
            lanes.spawn_local(adopters(
                Rc::clone(&outbox_environment),
                Rc::clone(&left),
                report,
            ));
            let mut parts = Vec::new();
            while let Some(part) = lanes.join_next().await {
                parts.push(part.map_err(io::Error::other)??);
            }
            io::Result::Ok(parts)
        })
        .await?;
    parts.into_iter().for_each(|part| report.absorb(part));
    report.figure("killed", outbox_environment.deaths.get());
    outbox_environment.settle(report).await
}

/// One process after the other: each sends, and is killed meanwhile.
async fn lane(
    outbox_environment: Rc<OutboxEnvironment>,
    places: Rc<[String]>,
    left: Rc<Cell<usize>>,
    mut report: Report,
) -> io::Result<Report> {
    while left.get() > 0 && !report.has_too_many_failures() {
        left.set(left.get() - 1);
        let (armed, moment) = {
            let mut seed = outbox_environment.seed.borrow_mut();
            let place = seed.choose(&places).cloned().filter(|_| seed.percent(40));
            let armed = place.map(|place| format!("{place}@{}", 1 + seed.below(60)));
            (armed, seed.millis(0, 90))
        };
        let mut life = outbox_environment.start("storm", ENVELOPES, armed.as_deref())?;
        if life.hear("ready").await {
            tokio::time::sleep(moment).await;
        }
        life.kill();
        outbox_environment.reap(life, &mut report).await;
    }
    Ok(report)
}

/// Adopting processes, one after the other, as long as senders are killed.
async fn adopters(
    outbox_environment: Rc<OutboxEnvironment>,
    left: Rc<Cell<usize>>,
    mut report: Report,
) -> io::Result<Report> {
    while left.get() > 0 {
        let mut life = outbox_environment.start("adopter", 0, None)?;
        let moment = outbox_environment.seed.borrow_mut().millis(1000, 6000);
        let until = tokio::time::Instant::now() + moment;
        while left.get() > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        life.kill();
        outbox_environment.reap(life, &mut report).await;
    }
    Ok(report)
}

/// One death at a failpoint of the outbox; checks that each accepted envelope arrives.
///
/// # Errors
/// Processes or directories can't be made.
pub async fn die_at(arguments: &Arguments, place: &str, report: &mut Report) -> io::Result<()> {
    let letters = place.starts_with("dead-letter.");
    // Files of an outbox are used again when they have their largest size, and the outbox is not half full.
    let reuses = matches!(place, "outbox.emptied" | "outbox.renamed");
    let settings = match (letters, reuses) {
        (true, _) => &[("pillion.sentry_retry_max_attempts", "1")][..],
        (_, true) => &[("pillion.sentry_outbox_size", "4")],
        _ => &[],
    };
    let outbox_environment = OutboxEnvironment::new(arguments, arguments.seed, settings)?;
    let mut broken = Behaviour::default().times(0);
    broken.delivery.drop_at = Some(0);
    if letters {
        outbox_environment.sentry.behave(broken);
    }
    let (role, count) = match place {
        place if place.starts_with("adopt.") => {
            let mut dead = outbox_environment.start("fill", 60, Some("outbox.committed@50"))?;
            dead.end(FAILPOINT_TIMEOUT).await;
            outbox_environment.reap(dead, report).await;
            ("adopter", 0)
        }
        "dead-letter.replayed" => {
            let mut dead = outbox_environment.start("fill", 30, None)?;
            dead.hear("done").await;
            let until = tokio::time::Instant::now() + FAILPOINT_TIMEOUT;
            while !has_dead_letters(&outbox_environment) && tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            dead.kill();
            outbox_environment.reap(dead, report).await;
            outbox_environment.sentry.behave_well();
            ("adopter", 0)
        }
        _ if reuses => ("steady", 1200),
        _ => ("fill", 60),
    };
    let mut armed = outbox_environment.start(role, count, Some(place))?;
    let came = armed.end(FAILPOINT_TIMEOUT).await.is_some();
    if !came {
        checks::unreached(place, report);
        armed.kill();
    }
    outbox_environment.reap(armed, report).await;
    outbox_environment.sentry.behave_well();
    outbox_environment.settle(report).await
}

fn has_dead_letters(outbox_environment: &OutboxEnvironment) -> bool {
    let dead = outbox_environment.environment.state().join("sentry/dead");
    let files = checks::files(&dead);
    files
        .iter()
        .any(|(path, _)| path.extension().is_some_and(|ending| ending == "letter"))
}

/// Hundreds of processes that send at once, and end: each envelope arrives, and the files of an idle one are bounded.
///
/// # Errors
/// Processes or directories can't be made.
pub async fn senders(arguments: &Arguments, report: &mut Report) -> io::Result<()> {
    /// Envelopes of each process.
    const EACH: usize = 20;
    /// Bytes that a process may hold on average. It has a small file of 32 KiB for each of five classes: 160 KiB. The
    /// eight events of one take 21 KB of theirs, so that few outgrow it; a file of 128 KiB made ahead in each would not
    /// fit.
    const MAX_HELD: u64 = 256 << 10;
    let outbox_environment = OutboxEnvironment::new(arguments, arguments.seed, &[])?;
    let mut lives = Vec::new();
    for _ in 0..arguments.callers {
        lives.push(outbox_environment.start("one", EACH, None)?);
    }
    for life in &mut lives {
        life.hear("ready").await;
    }
    for life in &mut lives {
        life.tell("go").await;
    }
    let begun = tokio::time::Instant::now();
    let mut most = 0;
    for life in &mut lives {
        life.hear("done").await;
        most = outbox_environment.outbox_bytes().max(most);
    }
    report.figure(
        "all had sent within",
        format_args!("{:.1} s", begun.elapsed().as_secs_f64()),
    );
    report.figure("bytes of all outboxes", most);
    if most > arguments.callers as u64 * MAX_HELD {
        report.fail(
            "a process that sends little holds little",
            &format!("{most} bytes of {} processes", arguments.callers),
        );
    }
    for mut life in lives {
        let number = life.number;
        match life.end(FAILPOINT_TIMEOUT).await {
            // A busy machine gives it no time to wait for all its responses.
            Some(status) if status.success() => outbox_environment
                .deaths
                .set(outbox_environment.deaths.get() + 1),
            other => report.fail("no process crashes", &format!("{number}: {other:?}")),
        }
    }
    outbox_environment.settle(report).await
}
