//! Each failpoint once: a process dies there (or stops there, where it holds a shared resource), others run beside it
//! and after it, and finally all invariants must hold. A failpoint that is never reached is a failure too: it would be
//! an untested promise.

use std::{collections::BTreeMap, io, rc::Rc, time::Duration};

use tokio::task::{JoinSet, LocalSet};

use crate::{
    arguments::Arguments,
    cache, checks, counters,
    environment::Environment,
    failpoint_scenario::{AFTER, ARMED, FailpointScenario},
    outbox,
    report::Report,
    rng::Rng,
    system,
    worker_pool::WorkerPool,
};
use pillion_fakes::Options;

/// Concurrent environments: each one waits most of the time.
const AT_ONCE: usize = 4;
/// Failpoints at which a process holds a shared resource: there it is stopped, too.
const STOPS: [&str; 12] = [
    "index.noted",
    "flight.led",
    "build.placing",
    "slot.taken",
    "leader.task",
    "temp.locked",
    "presence.dead",
    "commit.entry",
    "cache.bucket.locked",
    "cache.entry.filled",
    "cache.slab.claimed",
    "cache.producer.begun",
];

/// Failpoints in both environments: the index and the outbox create their segments by the same code.
const IN_BOTH: [&str; 4] = [
    "segment.made",
    "segment.allocated",
    "segment.filled",
    "segment.linked",
];

/// The names of all failpoints, as the extension lists them.
///
/// # Errors
/// PHP can't be started, the extension has none, or two have one name.
pub async fn places(arguments: &Arguments) -> io::Result<Vec<String>> {
    let environment = Environment::new(arguments, Options::default())?;
    let script = environment.script(
        "places.php",
        "<?php (new ReflectionExtension('pillion'))->info();",
    )?;
    let output = environment.php(&script, "places.log")?.output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Failpoints => "));
    let Some(line) = line else {
        return Err(io::Error::other(format!(
            "{} has no failpoints: it was not built with the feature failpoints ({text:.300})",
            arguments.extension.display()
        )));
    };
    let names: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    // Sorted, one for each point. Of two points with one name only one would be reached.
    let twice = names
        .iter()
        .zip(names.iter().skip(1))
        .find(|(name, next)| name == next);
    if let Some((name, _)) = twice {
        return Err(io::Error::other(format!("two failpoints are named {name}")));
    }
    Ok(names)
}

/// # Errors
/// Processes or directories can't be made.
pub async fn failpoints(
    arguments: &Arguments,
    places: &[String],
    report: &mut Report,
) -> io::Result<()> {
    let mut deaths: Vec<String> = places.to_vec();
    let stops = STOPS.iter().map(|place| format!("{place}:stop"));
    deaths.extend(stops);
    if let Some(only) = &arguments.point {
        deaths.retain(|death| death == only || death.split(':').next() == Some(only));
        if deaths.is_empty() {
            return Err(io::Error::other(format!("there is no place {only}")));
        }
    }
    let in_both = deaths
        .iter()
        .filter(|death| IN_BOTH.contains(&death.as_str()));
    let again: Vec<_> = in_both.map(|death| (death.clone(), true)).collect();
    let mut runs: Vec<_> = deaths
        .into_iter()
        .map(|death| {
            let in_outbox = outbox::is_place(&death);
            (death, in_outbox)
        })
        .collect();
    runs.extend(again);
    let arguments = Rc::new(arguments.clone());
    let local = LocalSet::new();
    let mut results: BTreeMap<(String, bool), Report> = BTreeMap::new();
    local
        .run_until(async {
            let mut running = JoinSet::new();
            let mut left = runs.into_iter();
            loop {
                while running.len() < AT_ONCE
                    && let Some((death, in_outbox)) = left.next()
                {
                    let arguments = Rc::clone(&arguments);
                    running.spawn_local(async move {
                        let repeat_command =
                            format!("{} --point {death}", arguments.repeat_command("failpoints"));
                        let mut report = Report::quiet("failpoints", repeat_command);
                        let died = if cache::is_place(&death) {
                            cache::die_at(&arguments, &death, &mut report).await
                        } else if in_outbox {
                            outbox::die_at(&arguments, &death, &mut report).await
                        } else {
                            die_at(&arguments, &death, &mut report).await
                        };
                        died.map(|()| ((death, in_outbox), report))
                    });
                }
                let Some(done) = running.join_next().await else {
                    return io::Result::Ok(());
                };
                let (death, report) = done.map_err(io::Error::other)??;
                results.insert(death, report);
            }
        })
        .await?;
    report.figure("deaths and stops at named places", results.len());
    results.into_values().for_each(|found| report.absorb(found));
    Ok(())
}

async fn die_at(arguments: &Arguments, death: &str, report: &mut Report) -> io::Result<()> {
    let place = death.split(':').next().unwrap_or_default();
    let contested = matches!(place, "flight.waiting" | "flight.death" | "flight.taken");
    let slow = contested || place == "flight.emptied";
    let delay = Duration::from_millis(if slow { 400 } else { 80 });
    let environment = Environment::new(arguments, Options::default().delay(delay))?;
    let mut scenario = FailpointScenario {
        environment: &environment,
        pool: WorkerPool::new(&environment, arguments.hang),
        // A seed for each failpoint, independent of the selection.
        seed: Rng::new(place.bytes().fold(arguments.seed, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(byte.into())
        })),
        orphans: (0, 0),
        victim: None,
    };
    let ahead = scenario.prepare(place, report).await?;
    if contested {
        // Processes that request the same configuration all the time.
        (1..=3).try_for_each(|number| scenario.start(number, "waiter", None, 0))?;
    }
    let role = if contested { "waiter" } else { "life" };
    scenario.start(ARMED, role, Some(death.to_owned()), ahead)?;
    let came = scenario
        .await_death(place, death.ends_with(":stop"), report)
        .await?;
    if !came {
        checks::unreached(place, report);
    }
    if !contested {
        if scenario.pool.len() == 0 {
            checks::after_a_death(&environment, report).await;
        }
        scenario.start_bystanders(AFTER)?;
    }
    scenario.check_others_unaffected(report).await;
    scenario.pool.stop(report).await;
    system::builds_have_ended(&environment, report).await;
    if matches!(place, "rebuild.folder" | "segment.removed") {
        counters::forget(&environment);
    }
    checks::at_the_end(&environment, report).await;
    Ok(())
}
