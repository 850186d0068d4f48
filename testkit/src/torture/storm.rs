//! Processes in all roles, killed and stopped at random instants and at named places, until so many have died. Meanwhile
//! and afterwards nothing may be wrong.

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    arguments::Arguments,
    checks,
    crew::{Crew, News},
    findings::Findings,
    house::{House, LIMIT},
    member::Part,
    outbox,
    seed::Seed,
    system,
};
use crate::Options;

const ROLES: [&str; 12] = [
    "builder", "waiter", "writer", "reader", "builder", "cleaner", "writer", "builder", "waiter",
    "reader", "builder", "life",
];
/// Places that a process which builds and puts hardly comes to: `points` is for those.
const RARE: [&str; 9] = [
    "secret", "segment", "rebuild", "import", "export", "evict", "clean", "steward", "presence",
];
/// How often everything is looked over.
const LOOK: Duration = Duration::from_secs(3);

struct Storm<'a> {
    house: &'a House,
    crew: Crew<'a>,
    seed: Seed,
    configurations: usize,
    places: &'a [String],
}

/// # Errors
/// Processes or directories can't be made.
pub async fn storm(
    arguments: &Arguments,
    places: &[String],
    findings: &mut Findings,
) -> io::Result<()> {
    let server = Options::default().delay(Duration::from_millis(150));
    let house = House::new(arguments, server)?;
    let mut storm = Storm {
        house: &house,
        crew: Crew::new(&house, arguments.hang),
        seed: Seed::new(arguments.seed),
        configurations: arguments.configurations,
        places,
    };
    for number in 0..arguments.processes {
        storm.start(number)?;
    }
    storm.rage(arguments, findings).await?;
    let Storm { mut crew, .. } = storm;
    crew.dismiss(findings).await;
    settle(&house, findings).await;
    checks::at_the_end(&house, findings).await;
    tell(&crew, &house, findings);
    Ok(())
}

impl Storm<'_> {
    fn start(&mut self, number: usize) -> io::Result<()> {
        let role = ROLES.get(number % ROLES.len()).copied().unwrap_or("life");
        let duties = matches!(role, "cleaner" | "life");
        let is_rare = |place: &str| RARE.iter().any(|rare| place.starts_with(rare));
        let places: Vec<&String> = self
            .places
            .iter()
            .filter(|place| !outbox::is_place(place) && (duties || !is_rare(place)))
            .collect();
        let seed = &mut self.seed;
        let armed = seed.percent(60).then(|| {
            let place = seed.choose(&places).copied().cloned().unwrap_or_default();
            let deed = match seed.below(20) {
                0 | 1 => ":stop".to_owned(),
                2 | 3 => format!(":sleep-{}", 50 + seed.below(900)),
                _ => String::new(),
            };
            format!("{place}@{}{deed}", 1 + seed.below(2))
        });
        let part = Part {
            number,
            life: 0,
            role,
            seed: seed.bits() >> 33,
            configurations: self.configurations,
            armed,
            ahead: 0,
        };
        self.crew.start(part)
    }

    async fn rage(&mut self, arguments: &Arguments, findings: &mut Findings) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs(arguments.seconds);
        let mut strike = Instant::now() + Duration::from_secs(1);
        let mut look = Instant::now() + LOOK;
        let mut told = 0;
        while self.crew.killed < arguments.kills && Instant::now() < end && !findings.are_enough() {
            if let Some(News::End(number)) = self.crew.next(strike.min(look), findings).await {
                self.start(number)?;
            }
            if Instant::now() >= strike {
                self.strike();
                strike = Instant::now() + self.seed.millis(20, 110);
            }
            self.wake();
            if Instant::now() >= look {
                self.crew.look_for_hangs(findings);
                checks::names_tell_the_truth(self.house, findings);
                // The server forgets what it has built, and builds anew.
                self.house.velox.expire();
                look = Instant::now() + LOOK;
                if self.crew.killed >= told + 1000 {
                    told = self.crew.killed;
                    findings.figure("killed so far", told);
                }
            }
        }
        Ok(())
    }

    /// Somebody's last instant, or a pause.
    fn strike(&mut self) {
        let victim = match self.seed.below(20) {
            0..=3 => {
                // Who has a build at the server.
                let open: Vec<_> = system::asked(self.house)
                    .into_iter()
                    .filter(|asked| asked.open)
                    .collect();
                self.seed.choose(&open).map(|asked| asked.by)
            }
            4 | 5 => {
                let steward = system::steward(self.house);
                let mut members = self.crew.members();
                members
                    .find(|member| Some(member.pid) == steward)
                    .map(|member| member.part.number)
            }
            _ => None,
        };
        let anybody = self.seed.below(self.crew.len());
        let number = victim.or_else(|| {
            let mut members = self.crew.members();
            members.nth(anybody).map(|member| member.part.number)
        });
        let stop = self.seed.percent(12);
        let Some(member) = number.and_then(|number| self.crew.member(number)) else {
            return;
        };
        if stop && member.stopped.is_none() {
            member.stopped = Some(Instant::now());
            member.signal(Signal::STOP);
        } else {
            member.kill();
        }
    }

    /// Those that were stopped, or have stopped themselves, go on after a while, or die.
    fn wake(&mut self) {
        let seed = &mut self.seed;
        for member in self.crew.members() {
            let by_itself = member
                .part
                .armed
                .as_ref()
                .is_some_and(|armed| armed.ends_with(":stop"));
            if by_itself && member.stopped.is_none() && system::is_stopped(member.pid) {
                member.stopped = Some(Instant::now());
            }
            if member
                .stopped
                .is_some_and(|since| since.elapsed() > Duration::from_millis(1200))
            {
                if seed.percent(50) {
                    member.kill();
                }
                member.signal(Signal::CONT);
                member.stopped = None;
                // Its deed begins anew for the clock.
                member.since = Instant::now();
                if let Some((_, since)) = &mut member.doing {
                    *since = Instant::now();
                }
            }
        }
    }
}

/// When everybody has gone, nothing is built any more.
pub(super) async fn settle(house: &House, findings: &mut Findings) {
    let until = Instant::now() + Duration::from_secs(20);
    while house.velox.counters().in_flight > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counters = house.velox.counters();
    let ended = counters.builds_finished + counters.builds_failed + counters.builds_cancelled;
    if counters.in_flight > 0 || ended != counters.builds_started {
        findings.fail(
            "a build ends when nobody wants it",
            &format!(
                "{} in flight, {} begun, {ended} ended",
                counters.in_flight, counters.builds_started
            ),
        );
    }
    if counters.max_in_flight as usize > LIMIT {
        findings.fail(
            "never more than max_concurrent_builds at the server",
            &format!("{} at once, {LIMIT} allowed", counters.max_in_flight),
        );
    }
}

fn tell(crew: &Crew<'_>, house: &House, findings: &Findings) {
    let counters = house.velox.counters();
    findings.figure("killed", crew.killed);
    let at_places: usize = crew.places.values().sum();
    findings.figure(
        "of them at named places",
        format_args!("{at_places}, at {} places", crew.places.len()),
    );
    findings.figure("deeds that ended", format_args!("{:?}", crew.deeds));
    let longest: Vec<_> = crew
        .longest
        .iter()
        .map(|(deed, time)| format!("{deed} {} ms", time.as_millis()))
        .collect();
    findings.figure("the longest of each", longest.join(", "));
    findings.figure(
        "at the server",
        format_args!(
            "{} builds begun, {} finished, {} cancelled, {} from its cache, {} conflicts, {} at once",
            counters.builds_started,
            counters.builds_finished,
            counters.builds_cancelled,
            counters.cache_hits,
            counters.conflicts,
            counters.max_in_flight
        ),
    );
}
