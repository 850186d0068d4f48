//! Each named place once: a process dies there (or stops there, where it holds what others need), others live beside it
//! and after it, and in the end nothing may be wrong. A place that nobody comes to is a failure too: it would be
//! a promise that nobody tests.

use std::{collections::BTreeMap, io, rc::Rc, time::Duration};

use tokio::task::{JoinSet, LocalSet};

use super::{
    arguments::Arguments,
    checks,
    crew::Crew,
    findings::Findings,
    house::House,
    outbox,
    scene::{ARMED, PATIENCE, Scene},
    seed::Seed,
    storm,
};
use crate::Options;

/// Houses at the same time: most of each one's time is waiting.
const AT_ONCE: usize = 4;
/// Places at which a process holds what others need: there it is stopped, too.
const STOPS: [&str; 8] = [
    "index.noted",
    "flight.led",
    "build.placing",
    "slot.taken",
    "steward.duty",
    "temp.locked",
    "presence.dead",
    "commit.entry",
];

/// The names of all places, as the extension tells them.
///
/// # Errors
/// PHP can't be started, or the extension has none.
pub async fn places(arguments: &Arguments) -> io::Result<Vec<String>> {
    let house = House::new(arguments, Options::default())?;
    let script = house.script(
        "places.php",
        "<?php (new ReflectionExtension('pillion'))->info();",
    )?;
    let output = house.php(&script, "places.log")?.output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Kill points => "));
    let Some(line) = line else {
        return Err(io::Error::other(format!(
            "{} has no kill points: it was not built with the feature failpoints ({text:.300})",
            arguments.extension.display()
        )));
    };
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

/// # Errors
/// Processes or directories can't be made.
pub async fn points(
    arguments: &Arguments,
    places: &[String],
    findings: &mut Findings,
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
    let arguments = Rc::new(arguments.clone());
    let local = LocalSet::new();
    let mut results: BTreeMap<String, Findings> = BTreeMap::new();
    local
        .run_until(async {
            let mut running = JoinSet::new();
            let mut left = deaths.iter().cloned();
            loop {
                while running.len() < AT_ONCE
                    && let Some(death) = left.next()
                {
                    let arguments = Rc::clone(&arguments);
                    running.spawn_local(async move {
                        let again = format!("{} --point {death}", arguments.again("points"));
                        let mut findings = Findings::quiet("points", again);
                        let died = if outbox::is_place(&death) {
                            outbox::die_at(&arguments, &death, &mut findings).await
                        } else {
                            die_at(&arguments, &death, &mut findings).await
                        };
                        died.map(|()| (death, findings))
                    });
                }
                let Some(done) = running.join_next().await else {
                    return io::Result::Ok(());
                };
                let (death, findings) = done.map_err(io::Error::other)??;
                results.insert(death, findings);
            }
        })
        .await?;
    findings.figure("deaths and stops at named places", results.len());
    results
        .into_values()
        .for_each(|found| findings.absorb(found));
    Ok(())
}

async fn die_at(arguments: &Arguments, death: &str, findings: &mut Findings) -> io::Result<()> {
    let place = death.split(':').next().unwrap_or_default();
    let contested = matches!(place, "flight.waiting" | "flight.death" | "flight.taken");
    let slow = contested || place == "flight.emptied";
    let delay = Duration::from_millis(if slow { 400 } else { 80 });
    let house = House::new(arguments, Options::default().delay(delay))?;
    let mut scene = Scene {
        house: &house,
        crew: Crew::new(&house, arguments.hang),
        // Each place its own chance, whatever was asked for beside it.
        seed: Seed::new(place.bytes().fold(arguments.seed, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(byte.into())
        })),
        orphans: (0, 0),
    };
    let ahead = scene.prepare(place, findings).await?;
    if contested {
        // Those who want the same all the time.
        (1..=3).try_for_each(|number| scene.start(number, "waiter", None, 0))?;
    }
    let role = if contested { "waiter" } else { "life" };
    scene.start(ARMED, role, Some(death.to_owned()), ahead)?;
    let came = scene
        .await_death(place, death.ends_with(":stop"), findings)
        .await?;
    if !came {
        findings.fail(
            "every named place is come to",
            &format!("nobody came to {place} within {} s", PATIENCE.as_secs()),
        );
    }
    if !contested {
        if scene.crew.len() == 0 {
            checks::after_a_death(&house, findings).await;
        }
        scene.company()?;
    }
    scene.life_goes_on(findings).await;
    scene.crew.dismiss(findings).await;
    storm::settle(&house, findings).await;
    checks::at_the_end(&house, findings).await;
    Ok(())
}
