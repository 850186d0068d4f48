//! The scene of one death: what has to be there so that a named place is come to, who lives beside it, and how it is known
//! that it has happened.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    crew::{Crew, News},
    findings::Findings,
    house::House,
    member::Part,
    seed::Seed,
    system,
};

/// Within this time the armed process has to come to its place.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// Longer than every artifact lives.
const NEXT_WEEK: u64 = 8 * 86_400;
/// Builders that are killed in one flight.
const DEATHS: u32 = 6;
/// Number of the process that dies at the place.
pub const ARMED: usize = 0;

/// One house, and who lives in it.
pub struct Scene<'a> {
    /// Where.
    pub house: &'a House,
    /// Who.
    pub crew: Crew<'a>,
    /// Their chance.
    pub seed: Seed,
    /// How many builders were killed since so many builds had been finished.
    pub orphans: (u32, u64),
}

impl Scene<'_> {
    /// Starts one; all want the same configuration, so that they meet.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start(
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
            configurations: 1,
            armed,
            ahead,
        })
    }

    /// Those who live beside and after it.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn company(&mut self) -> io::Result<()> {
        self.start(1, "life", None, 0)?;
        self.start(2, "life", None, 0)
    }

    /// What has to be there for the place to be come to. By how much the clock of the armed process is ahead.
    ///
    /// # Errors
    /// Processes or files can't be made.
    pub async fn prepare(&mut self, place: &str, findings: &mut Findings) -> io::Result<u64> {
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
    ///
    /// # Errors
    /// Processes or files can't be made.
    pub async fn await_death(
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
        let finished = self.house.velox.counters().builds_finished;
        if finished != self.orphans.1 {
            self.orphans = (0, finished);
        }
        // One flight is given up after ten deaths.
        if self.orphans.0 >= DEATHS {
            return;
        }
        let open = system::asked(self.house)
            .into_iter()
            .find(|asked| asked.open && asked.by != ARMED);
        if let Some(member) = open.and_then(|asked| self.crew.member(asked.by)) {
            member.kill();
            self.orphans.0 += 1;
        }
    }

    /// Those who are left do what they did before.
    pub async fn life_goes_on(&mut self, findings: &mut Findings) {
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
