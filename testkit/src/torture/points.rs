//! Each named place once: a process dies there (or stops there, where it holds what others need), others live beside it
//! and after it, and in the end nothing may be wrong. A place that nobody comes to is a failure too: it would be
//! a promise that nobody tests.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::{JoinSet, LocalSet};

use super::{
    arguments::Arguments,
    checks,
    crew::{Crew, News},
    findings::Findings,
    house::House,
    member::Part,
    seed::Seed,
    storm, system,
};
use crate::Options;

/// Houses at the same time: most of each one's time is waiting.
const AT_ONCE: usize = 4;
/// Within this time the armed process has to come to its place.
const PATIENCE: Duration = Duration::from_secs(45);
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
/// Longer than every artifact lives.
const NEXT_WEEK: u64 = 8 * 86_400;
/// Number of the process that dies at the place.
const ARMED: usize = 0;

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
        deaths.retain(|death| death.split(':').next() == Some(only));
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
                        let died = die_at(&arguments, &death, &mut findings).await;
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

struct Scene<'a> {
    house: &'a House,
    crew: Crew<'a>,
    seed: Seed,
}

async fn die_at(arguments: &Arguments, death: &str, findings: &mut Findings) -> io::Result<()> {
    let place = death.split(':').next().unwrap_or_default();
    let contested = matches!(place, "flight.waiting" | "flight.death" | "flight.taken");
    let delay = Duration::from_millis(if contested { 400 } else { 80 });
    let house = House::new(arguments, Options::default().delay(delay))?;
    let mut scene = Scene {
        house: &house,
        crew: Crew::new(&house, arguments.hang),
        // Each place its own chance, whatever was asked for beside it.
        seed: Seed::new(place.bytes().fold(arguments.seed, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(byte.into())
        })),
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
        scene.company()?;
    }
    scene.life_goes_on(findings).await;
    scene.crew.dismiss(findings).await;
    storm::settle(&house, findings).await;
    checks::at_the_end(&house, findings).await;
    Ok(())
}

impl Scene<'_> {
    fn start(
        &mut self,
        number: usize,
        role: &'static str,
        armed: Option<String>,
        ahead: u64,
    ) -> io::Result<()> {
        let seed = self.seed.bits() >> 33;
        self.crew.start(Part {
            number,
            life: 0,
            role,
            seed,
            // One, so that they meet.
            configurations: 1,
            armed,
            ahead,
        })
    }

    /// Those who live beside and after it.
    fn company(&mut self) -> io::Result<()> {
        self.start(1, "life", None, 0)?;
        self.start(2, "life", None, 0)
    }

    /// What has to be there for the place to be come to. By how much the clock of the armed process is ahead.
    async fn prepare(&mut self, place: &str, findings: &mut Findings) -> io::Result<u64> {
        match place {
            "presence.dead" | "clean.temporary" => {
                self.one_dies("commit.written", findings).await?
            }
            "index.repairing" | "index.repaired" => self.one_dies("index.slot", findings).await?,
            "clean.stray" | "evict.out" | "evict.erased" => {
                self.some_live(findings).await?;
                self.one_dies("commit.binary", findings).await?;
                return Ok(NEXT_WEEK);
            }
            "rebuild.folder" => {
                self.some_live(findings).await?;
                for segment in self.segments() {
                    fs::remove_file(segment)?;
                }
            }
            "segment.removed" => {
                self.some_live(findings).await?;
                for segment in self.segments() {
                    let size = segment.metadata()?.len();
                    fs::write(segment, vec![0; size as usize])?;
                }
            }
            "import.hashed" | "import.named" => self.plant_old_cache()?,
            _ => {}
        }
        Ok(0)
    }

    async fn one_dies(&mut self, at: &str, findings: &mut Findings) -> io::Result<()> {
        self.start(9, "life", Some(at.to_owned()), 0)?;
        self.wait_for_end(9, findings).await;
        Ok(())
    }

    async fn some_live(&mut self, findings: &mut Findings) -> io::Result<()> {
        self.start(9, "writer", None, 0)?;
        let until = Instant::now() + PATIENCE;
        while self.crew.deeds.get("put").copied().unwrap_or(0) < 6 && Instant::now() < until {
            self.crew.next(until, findings).await;
        }
        self.crew.dismiss(findings).await;
        Ok(())
    }

    async fn wait_for_end(&mut self, number: usize, findings: &mut Findings) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.crew.next(until, findings).await {
                Some(News::End(ended)) if ended == number => return,
                _ => {}
            }
        }
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.house.run_dir()).into_iter().flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
            .collect()
    }

    /// What the Velox plugin would have left: a binary, and an index.json that names it.
    fn plant_old_cache(&self) -> io::Result<()> {
        let folder = self.house.cache().join("a3/f5");
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join("a3f5d8c2e9b1f4a7.bin"),
            "a binary of the old plugin",
        )?;
        let index = serde_json::json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": {
            "key": "a3f5d8c2e9b1f4a7", "file_path": "a3/f5/a3f5d8c2e9b1f4a7.bin", "file_size": 26,
            "created_at": "2026-01-01T00:00:00Z", "expires_at": "2126-01-01T00:00:00Z",
            "accessed_at": "2026-01-01T00:00:00Z",
            "build_config": {"rr_version": "v2025.1.2", "os": "linux", "arch": "amd64", "plugins": []},
        }}});
        fs::write(self.house.cache().join("index.json"), index.to_string())
    }

    /// Whether the armed process comes to its place. One that has stopped there is killed after a while.
    async fn await_death(
        &mut self,
        place: &str,
        stops: bool,
        findings: &mut Findings,
    ) -> io::Result<bool> {
        let until = Instant::now() + PATIENCE;
        let (mut stopped, mut next_victim) = (None, Instant::now() + Duration::from_millis(600));
        while Instant::now() < until {
            let soon = Instant::now() + Duration::from_millis(20);
            match self.crew.next(soon, findings).await {
                Some(News::End(ARMED)) => {
                    return Ok(self.crew.places.contains_key(place) || stopped.is_some());
                }
                Some(News::End(number)) => self.start(number, "waiter", None, 0)?,
                _ => {}
            }
            if matches!(place, "flight.death" | "flight.taken") && Instant::now() > next_victim {
                self.orphan();
                next_victim = Instant::now() + Duration::from_millis(300);
            }
            let Some(armed) = self.crew.member(ARMED) else {
                continue;
            };
            if stops && stopped.is_none() && system::is_stopped(armed.pid) {
                armed.stopped = Some(Instant::now());
                stopped = armed.stopped;
                self.company()?;
            }
            if stopped.is_some_and(|since| since.elapsed() > Duration::from_millis(1200))
                && let Some(armed) = self.crew.member(ARMED)
            {
                armed.kill();
            }
        }
        if let Some(armed) = self.crew.member(ARMED) {
            armed.kill();
        }
        Ok(false)
    }

    /// Kills one of the company that builds, so that another one may take over.
    fn orphan(&mut self) {
        self.house.velox.expire();
        let open = system::asked(self.house)
            .into_iter()
            .find(|asked| asked.open && asked.by != ARMED);
        if let Some(member) = open.and_then(|asked| self.crew.member(asked.by)) {
            member.kill();
        }
    }

    /// Those who are left do what they did before.
    async fn life_goes_on(&mut self, findings: &mut Findings) {
        let until = Instant::now() + PATIENCE;
        let mut deeds = 0;
        while deeds < 24 && Instant::now() < until {
            match self.crew.next(until, findings).await {
                Some(News::Deed(..)) => deeds += 1,
                Some(News::End(number)) if number != ARMED => {
                    findings.fail(
                        "no process can hurt another",
                        &format!("{number} has ended too"),
                    );
                    return;
                }
                _ => {}
            }
        }
        if deeds < 24 {
            findings.fail(
                "nobody hangs",
                &format!("{deeds} deeds within {} s", PATIENCE.as_secs()),
            );
        }
    }
}
